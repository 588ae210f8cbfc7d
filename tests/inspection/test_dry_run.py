"""Tests of the dry run: its report matches the run, and it writes nothing."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest

import nnkit
from nnkit.errors import ConfigError
from nnkit.inspection.dry_run import dry_run
from nnkit.task.config import load_config
from tests.training.configs import iris

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("fast/*.yaml")])
# A step of these takes seconds, or their data half a second.
LARGE = {
    "adding",
    "addition",
    "best",
    "eng-fra",
    "lenet-1998",
    "nielsen-conv",
    "numbers-en-fr",
    "reverse",
    "scan",
    "simard-2003",
}


def test_matches_the_actual_run(tmp_path: Path) -> None:
    foretold = dry_run(iris(), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    summary = nnkit.train(iris(), runs=tmp_path / "runs").summary
    for known in ("parameters", "steps", "batch_size", "samples"):
        assert foretold[known] == summary[known]
    assert sum(layer["parameters"] for layer in foretold["layers"]) == summary["parameters"]
    assert all(size > 0 for size in foretold["memory"].values())


def test_says_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 output units, but the data has 3 classes; make it 3"):
        dry_run(iris(architecture={"layers": [{"dense": 2}]}), tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in LARGE else [])
        for path in CONFIGS
    ],
)
def test_every_shipped_config_takes_a_first_step(tmp_path: Path, path: Path) -> None:
    """Runs parser, data and one training step; the initial loss must be finite."""
    assert isfinite(dry_run(load_config(path), tmp_path)["loss"])
