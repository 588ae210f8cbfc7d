"""Tests that several processes train as a single one does, and in the same way each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.mpi import several, with_mpi
from tests.training.ranked_runs import CASES, run_all, write_data

pytestmark = with_mpi

Results = dict[str, dict[str, np.ndarray]]


def results(folder: Path) -> Results:
    """The arrays that each case wrote."""
    return {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The results of all cases in a single process."""
    runs = tmp_path_factory.mktemp("alone")
    run_all(list(CASES), data, runs)
    return results(runs)


def trained_by(processes: int, data: Path, runs: Path, *names: str) -> Results:
    script = ("-m", "mpi4py", "-m", "tests.training.ranked_runs")
    answer = several(processes, *script, data, runs, *names, folder=runs)
    assert (answer.code, answer.err) == (0, "")
    return results(runs)


@pytest.fixture(scope="module", params=[2, 3])
def shared(
    data: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Results:
    """The results of all cases in several processes."""
    return trained_by(request.param, data, tmp_path_factory.mktemp("shared"))


@pytest.mark.parametrize("name", CASES)
def test_results_are_those_of_a_single_process(name: str, alone: Results, shared: Results) -> None:
    assert alone[name].keys() == shared[name].keys()
    for what, expected in alone[name].items():
        np.testing.assert_allclose(shared[name][what], expected, rtol=1e-8, atol=1e-9)


def test_a_repetition_has_the_same_bits(data: Path, tmp_path: Path) -> None:
    names = ("micro-batches", "batch norm", "lbfgs")
    found = []
    for repetition in ("first", "second"):
        (tmp_path / repetition).mkdir()
        found.append(trained_by(3, data, tmp_path / repetition, *names))
    for name in names:
        for what, expected in found[0][name].items():
            np.testing.assert_array_equal(found[1][name][what], expected)
