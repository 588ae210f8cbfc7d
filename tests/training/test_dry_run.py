"""The dry run: what it foretells is what happens, and it leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from nnkit.errors import ConfigError
from nnkit.training.dry_run import dry_run
from tests.training.configs import iris


def test_foretells_what_the_run_then_is(tmp_path: Path) -> None:
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
