"""Tests of training by the compiled kernels: the weights of NumPy, whatever follows a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.native.library import SETTING, library
from nnkit.nn.params import Array
from nnkit.nn.program_network import ProgramNetwork
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.lbfgs import LBFGS
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.task.config import Config
from nnkit.training.trainer import Trainer
from tests.nn.examples import examples, name
from tests.training.configs import iris, optimized, trainer_for
from tests.training.test_loop import advance

pytestmark = pytest.mark.native

EXACT: dict[str, Any] = {"precision": "float64"}
OPTIMIZERS: list[Optimizer] = [o for o in examples(AnyOptimizer) if not o.full_batch]
FROZEN = [{"dense": {"units": 8, "lr_factor": 0.0}}, {"dense": 8}, {"dense": 3}]
OTHER_RATES = [{"dense": {"units": 8, "lr_factor": 0.5}}, {"dense": 8}, {"dense": 3}]
# Everything else that may be part of an update.
SETTINGS: dict[str, dict[str, Any]] = {
    "clipped values": {"optimizer": {"kind": "adam", "clip": {"kind": "value", "limit": 0.01}}},
    "clipped norms": {"optimizer": {"kind": "adam", "clip": {"kind": "norm", "limit": 0.1}}},
    "clipped global norm": {
        "optimizer": {"kind": "adam", "clip": 0.1},
        "regularization": {"l2": 0.01},
        "architecture": {"layers": FROZEN},
    },
    "l1": {"regularization": {"l1": 0.01}},
    "l2, weight decay": {"regularization": {"l2": 0.01, "weight_decay": 0.1}},
    "elastic net": {"regularization": {"elastic_net": 0.01}},
    "max norm": {"regularization": {"max_norm": 0.5}},
    "dropout": {"regularization": {"dropout": 0.25}},
    "averaged": {"training": {"averaging": {"kind": "ema", "decay": 0.9}}},
    "averaged late": {"training": {"averaging": {"kind": "swa", "start": 0.3, "every": 2}}},
    "frozen layer": {"architecture": {"layers": FROZEN}},
    "rates by layer": {"architecture": {"layers": OTHER_RATES}},
    "scheduled": {"optimizer": {"kind": "adam", "schedule": {"kind": "cosine", "warmup": 0.2}}},
}
# What is trained step by step.
STEP_BY_STEP: dict[str, dict[str, Any]] = {
    "noisy weights": {"regularization": {"weight_noise": 0.01}},
    "accumulated": {"training": {"accumulate": 2}},
}


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Lets NumPy compute everything within the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SETTING, "0")
        library.cache_clear()
        yield
    library.cache_clear()


def found(trainer: Trainer) -> list[Array]:
    """The parameters, the optimizer's state and the average."""
    loop = trainer.loop
    averages = () if loop.average is None else (loop.average.values,)
    return [trainer.model.params, *loop.optimizer_state, *averages]


def resumed(config: Config, folder: Path, until: int) -> Trainer:
    """Goes on with the run in a folder, if there is one, up to a step."""
    trainer = trainer_for(config, folder)
    if trainer.directory.begun:
        trainer.restore(read_checkpoint(trainer.directory.last))
    else:
        trainer.directory.create(config.to_yaml())
    advance(trainer.loop, until)
    trainer.save()
    return trainer


def assert_as_numpy(config: Config, folder: Path) -> None:
    """Compares a run that NumPy alone trains with one that the kernels begin and end."""
    with numpy_alone():
        whole = trainer_for(config, folder / "numpy")
        advance(whole.loop, whole.loop.steps)
    begun = resumed(config, folder, 4)
    assert begun.loop.program_steps is not None
    with numpy_alone():
        assert resumed(config, folder, 9).loop.program_steps is None
    ended = resumed(config, folder, begun.loop.steps)
    for vector, wanted in zip(found(ended), found(whole), strict=True):
        np.testing.assert_allclose(vector, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)
def test_every_optimizer(optimizer: Optimizer, tmp_path: Path) -> None:
    assert_as_numpy(optimized(optimizer, training={"epochs": 2, **EXACT}), tmp_path)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_everything_else_that_changes_an_update(settings: dict[str, Any], tmp_path: Path) -> None:
    training = {"epochs": 2, **EXACT, **settings.get("training", {})}
    assert_as_numpy(iris(**{**settings, "training": training}), tmp_path)


@pytest.mark.parametrize("settings", STEP_BY_STEP.values(), ids=STEP_BY_STEP.keys())
def test_some_runs_are_trained_step_by_step(settings: dict[str, Any], tmp_path: Path) -> None:
    trainer = resumed(iris(**settings), tmp_path, 3)
    assert trainer.loop.program_steps is None
    assert trainer.loop.update.program is not None


def test_line_searches_take_the_gradients_of_the_kernels(tmp_path: Path) -> None:
    trainer = trainer_for(optimized(LBFGS()), tmp_path)
    advance(trainer.loop, 1)
    assert trainer.loop.program_steps is None
    assert trainer.loop.update.program is None
    assert isinstance(trainer.model.network(trainer.loop.batches.batch_size), ProgramNetwork)
