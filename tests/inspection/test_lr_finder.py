"""Tests of the learning rate range test: its end, and the quality of its suggestion."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError, DivergedError, UsageError
from nnkit.inspection.lr_finder import RangeTest, draw, find_lr, limit, smooth
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.task.config import Config
from nnkit.training.events import Step
from tests.nn.examples import examples, name
from tests.training.configs import TABLES, diabetes, iris, optimized, trainer_for

BY_BATCH = [o for o in examples(AnyOptimizer) if not o.full_batch]
FULL_BATCH = [o for o in examples(AnyOptimizer) if o.full_batch]


def digits(**sections: Any) -> Config:
    """Returns a config for ten classes of 8 × 8 images."""
    source = {"kind": "csv", "path": str(TABLES / "digits.csv"), "label": "digit"}
    data = {"source": source, "preprocess": [{"scale": 16}]}
    layers = {"layers": [{"dense": 32}, {"dense": 10}]}
    return iris(**{"name": "digits", "data": data, "architecture": layers, **sections})


def flowers(**sections: Any) -> Config:
    """Returns a config with enough epochs to learn iris."""
    layers = {"layers": [{"dense": 16}, {"dense": 3}]}
    return iris(architecture=layers, activation="tanh", training={"epochs": 20}, **sections)


def final_loss(make: Any, optimizer: str, lr: float, folder: Path) -> float:
    """Returns the final loss of training at a rate, the median over seeds.

    A single training at a wild rate may end well by chance, on one processor and not on another.
    """
    return median(_final_loss(make, optimizer, lr, seed, folder) for seed in range(5))


def _final_loss(make: Any, optimizer: str, lr: float, seed: int, folder: Path) -> float:
    """Returns the final loss of one training; infinite if it diverges."""
    config = make(optimizer={"kind": optimizer, "lr": lr}, seed=seed)
    try:
        run = nnkit.train(config, runs=folder, restart=True)
    except DivergedError:
        return float("inf")
    return float(run.summary["results"]["train"]["loss"])


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        (flowers, "adam"),
        (digits, "sgd"),
        pytest.param(flowers, "rmsprop", marks=pytest.mark.slow),
        pytest.param(digits, "adam", marks=pytest.mark.slow),
    ],
)
def test_the_suggestion_beats_rates_a_hundred_times_off(
    make: Any, optimizer: str, tmp_path: Path
) -> None:
    suggestion = find_lr(make(optimizer=optimizer)).steepest
    assert suggestion is not None
    slow, good, wild = (
        final_loss(make, optimizer, suggestion * factor, tmp_path) for factor in (0.01, 1, 100)
    )
    assert good < slow
    assert good < wild


@pytest.mark.parametrize("optimizer", BY_BATCH, ids=name)
def test_every_optimizer_that_goes_by_batches(optimizer: Optimizer) -> None:
    found = find_lr(optimized(optimizer), 1e-6, 1e-3, steps=20)
    assert np.isfinite(found.loss).all()
    assert len(found.lr) == len(found.loss) == len(found.smoothed) <= 20


@pytest.mark.parametrize("optimizer", FULL_BATCH, ids=name)
def test_no_other(optimizer: Optimizer) -> None:
    with pytest.raises(
        ConfigError, match="chooses its step lengths by a line search over all samples"
    ):
        find_lr(optimized(optimizer))


def test_the_rates_rise_from_first_to_last_by_one_factor() -> None:
    found = find_lr(iris(), 1e-6, 1e-2, 40)
    assert found.ending == "the whole range was tried"
    assert (found.lr[0], len(found.lr)) == (1e-6, 40)
    np.testing.assert_allclose(found.lr[-1], 1e-2)
    np.testing.assert_allclose(np.diff(np.log(found.lr)), np.log(1e4) / 39)


def test_each_loss_is_that_after_the_step_at_its_rate() -> None:
    """Uses identical batches; the first step is compared with a training step at that rate."""
    settings: dict[str, Any] = {"training": {"batch_size": 200}}
    found = find_lr(iris(**settings, optimizer="sgd"), 0.3, 0.31, 10)
    loop = trainer_for(iris(**settings, optimizer={"kind": "sgd", "lr": 0.3})).loop
    events = [event.loss for event in islice(loop.run(), 3) if isinstance(event, Step)]
    np.testing.assert_allclose(found.loss[0], events[1], rtol=1e-5)
    assert found.loss[0] < events[0]


def test_it_ends_when_the_loss_has_risen_to_four_times_its_best() -> None:
    found = find_lr(iris(optimizer="adam"), 1e-4, 1e4, 200)
    assert found.ending == "the loss rose"
    assert len(found.lr) < 200


@pytest.mark.parametrize(("best", "expected"), [(0.5, 2.0), (0.0, 0.0), (-2.0, 4.0)])
def test_four_times_a_loss_is_above_it_whatever_its_sign(best: float, expected: float) -> None:
    assert limit(best) == expected


def test_it_ends_when_the_loss_is_no_number() -> None:
    found = find_lr(diabetes(loss="poisson", optimizer="sgd"), 1e-20, 1e15, 25)
    assert found.ending == "the loss was not finite"
    assert np.isfinite(found.smoothed).all()


def test_too_early_to_say_anything() -> None:
    config = iris(optimizer="sgd", loss="squared_error")
    with pytest.raises(DivergedError, match=r"not finite after . steps, at lr .*start at a lower"):
        find_lr(config, 10.0, 1e30)


def test_schedule_and_averaging_of_the_config_are_left_aside() -> None:
    plain = find_lr(iris(), steps=20)
    changed = iris(
        optimizer={"kind": "adam", "schedule": {"kind": "cosine", "warmup": 0.5}},
        training={"averaging": "ema"},
    )
    np.testing.assert_array_equal(find_lr(changed, steps=20).loss, plain.loss)


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    find_lr(iris(), steps=20)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("low", "high", "steps", "message"),
    [
        (0.0, 1.0, 50, "must be positive"),
        (1.0, 0.1, 50, "got 1 to 0.1"),
        (1e-3, float("inf"), 50, "must be positive, finite"),
        (1e-200, 1.0, 50, "may be at most"),
        (1e-3, 1.0, 9, "9 steps are too few"),
    ],
)
def test_a_range_must_be_one(low: float, high: float, steps: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_lr(iris(), low, high, steps)


def valley(noise: float = 0.0) -> RangeTest:
    """Returns a loss that falls along a logistic curve, fastest at 10⁻³, and rises from 1 on."""
    lr = np.geomspace(1e-7, 10, 100)
    x = np.log10(lr)
    loss = 2 / (1 + np.exp(3 * (x + 3))) + 0.2 + np.maximum(x, 0) ** 2
    loss += noise * np.random.default_rng(0).normal(size=100)
    return RangeTest(lr, loss, smooth(loss), "the whole range was tried")


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_the_steepest_descent_is_found_beneath_noise(noise: float) -> None:
    steepest = valley(noise).steepest
    assert steepest is not None
    assert 10**-3.5 < steepest < 10**-2.5


def test_the_minimum_is_where_the_loss_is_about_to_rise() -> None:
    assert 0.003 < valley().tenth_of_minimum < 0.1


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    lr = np.geomspace(1e-3, 1, 30)
    found = RangeTest(lr, lr, smooth(lr), "the whole range was tried")
    assert found.steepest is None
    assert len(draw(found, "rising").marks) == 0


def test_smoothing_leaves_a_line_where_it_is_and_one_huge_loss_alone() -> None:
    line = np.linspace(2.0, 1.0, 60)
    np.testing.assert_allclose(smooth(line)[20:40], line[20:40], atol=2e-3)
    np.testing.assert_allclose(smooth(np.append(line, 1e30))[:30], line[:30], atol=0.05)
