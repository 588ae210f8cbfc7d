"""Tests of the dry run: its report matches the run, and it writes nothing."""

from __future__ import annotations

import tracemalloc
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.errors import ConfigError
from nnkit.inspection.dry_run import dry_run, memory_of
from nnkit.nn.parallel.execution import Execution
from nnkit.task.config_loading import config_from, load_config
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer
from tests.training.configs import iris
from tests.training.test_texts import KINDS

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("fast/*.yaml")])
TAGGER: list[Any] = [
    {"embedding": 64},
    {"lstm": {"units": 128, "output": "all"}},
    {"dense": "auto"},
]
TRANSLATOR: dict[str, list[Any]] = {
    "encoder": [{"embedding": 64}, {"gru": {"units": 64, "bidirectional": True}}],
    "decoder": [{"embedding": 64}, {"gru": 128}, {"attention": "general"}, {"dense": "auto"}],
}
# A step of these takes seconds, or their data half a second.
LARGE = {
    "adding",
    "addition",
    "best",
    "copy-gru",
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


@pytest.mark.parametrize(
    ("kind", "training", "program"),
    [
        ("tags", {"batch_size": 8}, True),
        ("tags", {"batch_size": 8}, False),
        ("tags", {"batch_tokens": 60}, True),
        ("stream", {"batch_size": 8}, False),
        ("translations", {"batch_size": 8}, False),
    ],
    ids=str,
)
def test_predicts_the_memory_of_a_step(
    kind: str, training: dict[str, int], program: bool, tmp_path: Path
) -> None:
    """Compares it with what a step on the largest batch of an epoch allocates."""
    architecture = TRANSLATOR if kind == "translations" else {"layers": TAGGER}
    config = {**KINDS[kind](tmp_path), "architecture": architecture, "training": training}
    trainer = Trainer(load_task(config_from(config)), tmp_path)
    trainer.model.execution = Execution(program=program)
    batches = trainer.loop.batches.epoch(0)
    largest = max(batches, key=lambda batch: batch.X.size + batch.T.size)
    foretold = memory_of(trainer)["buffers"]
    tracemalloc.start()
    trainer.loop.step((largest,))
    allocated = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.6 < foretold / allocated < 1.1


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
