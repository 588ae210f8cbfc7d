"""A run's identity: known without reading data that was read before."""

from __future__ import annotations

from pathlib import Path
from time import time_ns

import pytest

import nnkit
from nnkit.data.fingerprints import RECORDS
from nnkit.data.sources.csv import Csv
from nnkit.task.config import Config
from nnkit.training import identity
from nnkit.training.identity import recorded_run_name, run_name
from tests.training.configs import TABLES, iris

YEAR = 365 * 24 * 3600 * 10**9


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Flowers in a file of their own, whose fingerprint is recorded long after it was written."""
    from nnkit.data import fingerprints

    now = time_ns()
    monkeypatch.setattr(fingerprints, "time_ns", lambda: now + YEAR)
    table = tmp_path / "iris.csv"
    table.write_bytes((TABLES / "iris.csv").read_bytes())
    source = {"kind": "csv", "path": str(table), "label": "species"}
    return iris(data={"source": source})


def test_a_run_has_its_name_before_and_after_it_is_trained(config: Config, tmp_path: Path) -> None:
    assert recorded_run_name(config) is None
    name = run_name(config)
    assert recorded_run_name(config) == name
    assert nnkit.train(config, runs=tmp_path / "runs").directory.name == name


def test_a_finished_run_is_returned_without_reading_its_data(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = nnkit.train(config, runs=tmp_path / "runs")
    monkeypatch.setattr(Csv, "load", lambda self: pytest.fail("the data was read"))
    again = nnkit.train(config, runs=tmp_path / "runs")
    assert again.already_finished
    assert again.summary == first.summary


def test_changed_data_is_another_run(config: Config, tmp_path: Path) -> None:
    first = nnkit.train(config, runs=tmp_path / "runs")
    (table,) = config.data.source.files()
    table.write_bytes(table.read_bytes().replace(b"5.1", b"5.2"))
    second = nnkit.train(config, runs=tmp_path / "runs")
    assert not second.already_finished
    assert second.directory != first.directory


def test_a_version_is_part_of_it(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    name = run_name(config)
    monkeypatch.setattr(identity, "__version__", "another")
    assert run_name(config) != name


def test_only_training_records_anything_beside_the_data(config: Config, tmp_path: Path) -> None:
    nnkit.dry_run(config, tmp_path / "runs")
    assert not (tmp_path / RECORDS).exists()
    nnkit.train(config, runs=tmp_path / "runs")
    assert (tmp_path / RECORDS).exists()
