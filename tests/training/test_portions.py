"""Samples of many steps in one call: they train to the bits of one step at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from nnkit.data.lazy import LazyArray
from nnkit.nn.numerics import numerics
from nnkit.task.config_loading import config_from
from nnkit.training.events import Evaluation, Step
from nnkit.training.trainer import Trainer
from tests.training.configs import laid_over, trainer_for

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (90, 6, 7), dtype=np.uint8)
CLASSES = RNG.integers(0, 3, 90)
WEIGHTS = RNG.uniform(0, 2, 90)
AUGMENTED: dict[str, Any] = {"augment": [{"shift": 1}, {"noise": 0.1}]}


def trainer_of(folder: Path, **sections: Any) -> Trainer:
    """A trainer for two epochs of seven steps on small pictures."""
    path = folder / "pictures.npz"
    np.savez(path, inputs=PICTURES, targets=CLASSES, weights=WEIGHTS)
    base: dict[str, Any] = {
        "data": {
            "source": {"kind": "npz", "path": str(path)},
            "split": {"validation": 0, "test": 0},
            "preprocess": ["scale"],
        },
        "architecture": {"layers": ["flatten", {"dense": 5}, {"dense": 3}]},
        "regularization": {"dropout": 0.2, "l2": 1e-3},
        "optimizer": {"kind": "adam", "schedule": {"kind": "cosine", "warmup": 0.2}},
        "training": {"epochs": 2, "batch_size": 14, "threads": 1},
    }
    return trainer_for(config_from(laid_over(base, sections)), folder)


def trained(trainer: Trainer) -> tuple[list[Any], list[bytes]]:
    """The events of a training, without speeds, and its final state."""
    with numerics(trainer.model):
        events = [
            event if isinstance(event, Step) else event.all_figures()
            for event in trainer.loop.run()
        ]
    vectors = trainer.model.params, trainer.model.state, *trainer.loop.optimizer_state
    return events, [vector.tobytes() for vector in vectors]


def one_by_one(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[bytes]]:
    """The same, with the kernels called for each step."""
    with monkeypatch.context() as patch:
        patch.setattr("nnkit.training.loop.program_steps", lambda *_: None)
        return trained(trainer)


@pytest.mark.native
@pytest.mark.parametrize("prepared", [1, 42 * 4 * 14 * 3, 1 << 23])
@pytest.mark.parametrize(
    "data",
    [
        {},
        AUGMENTED,
        {"source": {"weights": "weights"}},
        {"source": {"weights": "weights"}, **AUGMENTED},
        {"preprocess": ["standardize"], **AUGMENTED},
        {"preprocess": ["scale", {"standardize": "all"}], **AUGMENTED},
    ],
)
def test_steps_are_those_one_by_one(
    data: dict[str, Any], prepared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnkit.training.portions.PREPARED", prepared)
    several, single = (trainer_of(tmp_path, data=data) for _ in range(2))
    assert trained(several) == one_by_one(single, monkeypatch)
    assert several.loop.program_steps is not None


@pytest.mark.native
@pytest.mark.parametrize("source", [{}, {"weights": "weights"}])
@pytest.mark.parametrize("steps", [["standardize"], ["minmax", {"standardize": "all"}]])
def test_a_large_file_that_is_preprocessed_on_access_is_trained_as_a_small_one(
    steps: list[Any], source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"source": source, "preprocess": steps}
    small = trainer_of(tmp_path, data=data)
    monkeypatch.setattr("nnkit.data.lazy.IN_MEMORY", 0)
    monkeypatch.setattr("nnkit.training.portions.PREPARED", 42 * 4 * 14 * 2)
    large = trainer_of(tmp_path, data=data)
    assert isinstance(large.loop.batches.inputs, LazyArray)
    assert not isinstance(small.loop.batches.inputs, LazyArray)
    assert trained(large) == trained(small)


@pytest.mark.native
def test_nothing_is_prepared_any_more_after_training_stops(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, data=AUGMENTED)
    with closing(cast("Generator[Any]", trainer.loop.run())) as events:
        next(events)
        assert any(t.name.startswith("prefetch") for t in threading.enumerate())
    assert not any(t.name.startswith("prefetch") for t in threading.enumerate())
    assert any(isinstance(event, Evaluation) for event in trainer.loop.run())
    assert not any(t.name.startswith("prefetch") for t in threading.enumerate())
