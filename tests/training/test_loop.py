"""Tests of the training loop: one explicit step, bit-exact resumption, and divergence."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.errors import DivergedError
from nnkit.nn.batch_axis import batch_first
from nnkit.nn.numerics import numerics
from nnkit.nn.passes import Pass
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.training.events import Evaluation, Step
from nnkit.training.loop import Loop
from nnkit.training.trainer import Trainer
from tests.training.configs import iris, trainer_for

WITH_DROPOUT = {"regularization": {"dropout": 0.25, "l2": 1e-3}, "training": {"batch_size": 10}}


def advance(loop: Loop, until: int) -> list[Step | Evaluation]:
    """Trains up to a step and returns the events."""
    events: list[Step | Evaluation] = []
    loop.pause_every = until  # several steps may be made at once, but not beyond
    with numerics():
        for event in loop.run():
            events.append(event)
            if isinstance(event, Step) and event.number == until and not loop.evaluation_due:
                break
    return events


def state(trainer: Trainer) -> list[bytes]:
    """Returns all state that training changes, as bytes."""
    return [vector.tobytes() for vector in (trainer.model.params, *trainer.loop.optimizer_state)]


@pytest.mark.parametrize("penalty", [{}, {"l2": 0.1}, {"l1": 0.1}])
def test_steps_go_against_gradient_and_penalty_at_the_scheduled_rate(
    tmp_path: Path, penalty: dict[str, Any]
) -> None:
    config = iris(
        optimizer={"kind": "sgd", "lr": 0.5, "schedule": {"kind": "inverse_scaling", "power": 1.0}},
        regularization=penalty,
        training={"precision": "float64"},
    )
    model, loop = trainer_for(config, tmp_path).model, trainer_for(config, tmp_path).loop
    decayed = model.layout.decayed
    events = advance(loop, 3)
    for step, (X, T, *_) in enumerate(islice(loop.batches.epoch(0), 3)):
        loss = model.bind(16, training=True).loss_and_gradient(X, T, Pass(step=step))
        event = events[step]
        assert isinstance(event, Step)
        assert event.number == step + 1
        assert event.loss == pytest.approx(loss, rel=1e-12)
        gradient, weights = model.grads.copy(), model.params[decayed]
        gradient[decayed] += penalty.get("l2", 0) * weights
        gradient[decayed] += penalty.get("l1", 0) * np.sign(weights)
        model.params -= 0.5 / (step + 1) * gradient
    np.testing.assert_allclose(loop.model.params, model.params, rtol=1e-12)


def test_evaluations_come_at_the_end_of_each_epoch(tmp_path: Path) -> None:
    trainer = trainer_for(iris(), tmp_path)
    events = advance(trainer.loop, trainer.loop.steps)
    evaluations = [event for event in events if isinstance(event, Evaluation)]
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.number for step in steps] == list(range(1, 22))
    assert [(e.step, e.epoch) for e in evaluations] == [(7, 1), (14, 2), (21, 3)]
    # 105 samples: six batches of 16 and one of 9, each sample counted once
    sizes = [16] * 6 + [9]
    for i, evaluation in enumerate(evaluations):
        losses = [step.loss for step in steps[7 * i : 7 * (i + 1)]]
        assert evaluation.train_loss == pytest.approx(np.average(losses, weights=sizes))


def test_evaluations_come_as_often_as_wanted_and_at_the_end(tmp_path: Path) -> None:
    trainer = trainer_for(
        iris(training={"evaluate_every": 5, "epochs": None, "steps": 12}), tmp_path
    )
    events = advance(trainer.loop, 12)
    assert [event.step for event in events if isinstance(event, Evaluation)] == [5, 10, 12]


@pytest.mark.parametrize(
    "optimizer",
    [
        {"kind": "sgd", "lr": 0.1, "momentum": 0.9},
        {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"kind": "adam", "schedule": {"kind": "cosine", "warmup": 0.2}},
        {"kind": "lamb", "clip": 0.1},
    ],
)
@pytest.mark.parametrize("stop", [1, 5, 11, 16, 32])
def test_resumes_to_the_last_bit(tmp_path: Path, optimizer: dict[str, Any], stop: int) -> None:
    """Interrupts within an epoch of 11 steps, at its end, and just after it."""
    config = iris(optimizer=optimizer, **WITH_DROPOUT)
    whole = trainer_for(config, tmp_path)
    expected = advance(whole.loop, whole.loop.steps)

    first = trainer_for(config, tmp_path)
    begun = advance(first.loop, stop)
    first.directory.create(config.to_yaml())
    first.save()
    second = trainer_for(config, tmp_path)
    second.restore(read_checkpoint(first.directory.last))
    assert state(second) == state(first)
    finished = begun + advance(second.loop, second.loop.steps)

    assert state(second) == state(whole)
    assert timeless(finished) == timeless(expected)


def timeless(events: list[Step | Evaluation]) -> list[Any]:
    """Removes the speed from events."""
    return [
        event.record() | {"samples_per_second": 0} if isinstance(event, Evaluation) else event
        for event in events
    ]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_same_seed_same_bits(tmp_path: Path, precision: str) -> None:
    def trained(seed: int) -> list[bytes]:
        training = {"batch_size": 10, "precision": precision}
        trainer = trainer_for(iris(seed=seed, **{**WITH_DROPOUT, "training": training}), tmp_path)
        advance(trainer.loop, trainer.loop.steps)
        return state(trainer)

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


def test_order_of_the_samples_follows_seed_and_epoch(tmp_path: Path) -> None:
    def order(seed: int, epoch: int) -> list[bytes]:
        split = {"split": {"seed": 0}}
        batches = trainer_for(iris(seed=seed, data=split), tmp_path).loop.batches
        return [row.tobytes() for X, *_ in batches.epoch(epoch) for row in batch_first(X)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert sorted(order(0, 0)) == sorted(order(0, 1)) == sorted(order(1, 0))


def test_an_exploding_loss_stops_at_once_and_names_layer_and_step(tmp_path: Path) -> None:
    trainer = trainer_for(iris(optimizer={"kind": "sgd", "lr": 1e30}), tmp_path)
    with pytest.raises(DivergedError, match=r"became nan at step 2;.* is in layers\.1$"):
        advance(trainer.loop, 21)
    assert trainer.loop.progress.step == 1


def test_the_step_is_named_where_it_takes_several_batches(tmp_path: Path) -> None:
    exploding = {"optimizer": {"kind": "sgd", "lr": 1e38}, "training": {"accumulate": 4}}
    trainer = trainer_for(iris(**exploding), tmp_path)
    with pytest.raises(DivergedError, match="at step 2;"):
        advance(trainer.loop, 3)


def test_divergence_leaves_running_statistics_as_they_were(tmp_path: Path) -> None:
    layers = {"layers": [{"dense": 8}, "batch_norm", {"dense": 3}]}
    trainer = trainer_for(iris(architecture=layers), tmp_path)
    advance(trainer.loop, 2)
    before = trainer.model.state.copy()
    trainer.model.params.fill(1e30)
    with pytest.raises(DivergedError):
        advance(trainer.loop, 3)
    np.testing.assert_array_equal(trainer.model.state, before)


def test_parameters_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    trainer = trainer_for(iris(optimizer={"kind": "sgd", "lr": 1e30}), tmp_path)
    trainer.model.layout.views(trainer.model.params)["layers.0.b"][0] = np.inf
    with pytest.raises(DivergedError, match=r"in the parameters layers\.0\.b"):
        advance(trainer.loop, 21)
