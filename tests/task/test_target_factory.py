"""Tests of creating targets that fit a network and its loss."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.data import dataset
from nnkit.data.lazy import LazyArray
from nnkit.errors import SettingError
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.params import Array
from nnkit.task.config_loading import config_from
from nnkit.task.target_factory import classes_for, inputs_for, numbers_for
from nnkit.task.targets import (
    InputTargets,
)
from tests.nn.examples import examples, loss_of
from tests.training.configs import batches_of, trainer_for

LAST = ("architecture", "layers", 1)
EVERY = slice(None)
CLASSES = ("no", "yes", "maybe")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(50, 2, 3), dtype=np.uint8)
LOSSES: list[Loss] = examples(AnyLoss)


def coded(targets: Any, classes: int | None, loss: Loss, *shape: int) -> Array:
    values, dtype = np.array(targets), np.dtype("float32")
    if classes is None:
        return numbers_for(values, loss, Form.of(shape), LAST, dtype).coded(EVERY)
    return classes_for(values, CLASSES[:classes], loss, Form.of(shape), LAST, dtype).coded(EVERY)


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [
        ("cross_entropy", 2, [[1, 0], [0, 1]]),
        ("squared_error", 2, [[1, 0], [0, 1]]),
        ("hinge", 2, [[1, -1], [-1, 1]]),
        ("perceptron", 2, [[1, -1], [-1, 1]]),
        ("binary_cross_entropy", 1, [[0], [1]]),
        ("squared_error", 1, [[0], [1]]),
        ("hinge", 1, [[-1], [1]]),
    ],
)
def test_classes_are_on_and_off(loss: str, outputs: int, expected: list[list[float]]) -> None:
    result = coded([0, 1], 2, loss_of(loss), outputs)
    assert result.dtype == np.float32
    assert result.tolist() == expected


def test_one_class_is_always_on() -> None:
    assert coded([0, 0], 1, loss_of("cross_entropy"), 1).tolist() == [[1], [1]]


def test_a_million_samples_of_ten_thousand_classes_stay_small(tmp_path: Path) -> None:
    """Loads, splits, checks and trains for a step; the one-hot targets would take 40 GB."""
    samples, classes = 1_000_000, 10_000
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, samples, dtype=np.float32)[:, None])
    np.save(tmp_path / "t.npy", np.arange(samples) % classes)
    source = {"kind": "npy", "inputs": str(tmp_path / "x.npy"), "targets": str(tmp_path / "t.npy")}
    config = config_from(
        {
            "data": {"source": source, "split": {"validation": 1000, "test": 0}},
            "architecture": {"layers": [{"dense": classes}]},
        }
    )
    tracemalloc.start()
    try:
        trainer = trainer_for(config, tmp_path / "runs")
        batch = next(trainer.loop.batches.epoch(0))
        trainer.loop.step((batch,))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    targets = trainer.sets["train"].targets
    assert targets.shape == (samples - 1000, classes)
    assert targets.nbytes == 8 * (samples - 1000)
    assert peak < 150e6
    np.testing.assert_array_equal(batch.T.sum(axis=0), 1)
    assert (batch.T.argmax(axis=0) == targets[batches_of(trainer).order(0)[:32]]).all()


# Numbers


def test_real_targets_stay_as_they_are() -> None:
    targets = [[0.5, -1.0], [2.0, 3.0]]
    assert coded(targets, None, loss_of("squared_error"), 2).tolist() == targets


@pytest.mark.parametrize(
    ("classes", "loss", "shape", "path", "message"),
    [
        (
            3,
            "cross_entropy",
            (2,),
            "units",
            "2 output units, but the data has 3 classes; make it 3",
        ),
        (3, "hinge", (1,), "units", "1 output unit, but the data has 3 classes; make it 3"),
        (2, "hinge", (3,), "units", r"3 output units.*make it 1 \(yes or no\) or 2"),
        (2, "cross_entropy", (1,), "units", "make it 2, or use binary_cross_entropy with 1"),
        (None, "squared_error", (2,), "units", "2 output units, but each sample has 1 target"),
        (
            None,
            "cross_entropy",
            (1,),
            "loss",
            "targets are real numbers from 1.5 to 1.5; use squared_error",
        ),
        (3, "cross_entropy", (3, 4), None, "end with a dense layer, after '- flatten', or with"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    classes: int | None, loss: str, shape: tuple[int, ...], path: str | None, message: str
) -> None:
    targets = [[1.5]] if classes is None else [0]
    with pytest.raises(SettingError, match=message) as caught:
        coded(targets, classes, loss_of(loss), *shape)
    places = {"units": (*LAST, "units"), "loss": ("loss",), None: LAST}
    assert caught.value.path == places[path]


# Real targets for losses of classes


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        ("hinge", [[0], [1]], [[-1], [1]]),
        ("hinge", [[-1], [1]], [[-1], [1]]),
        ("perceptron", [[0, 1], [1, 1]], [[-1, 1], [1, 1]]),
        ("binary_cross_entropy", [[-1], [1]], [[0], [1]]),
        ("binary_cross_entropy", [[0], [1]], [[0], [1]]),
        ("binary_cross_entropy", [[0.25, 1], [0, 0.5]], [[0.25, 1], [0, 0.5]]),
        ("binary_focal", [[-1, 1], [1, 1]], [[0, 1], [1, 1]]),
        ("cross_entropy", [[0.25, 0.75], [1, 0]], [[0.25, 0.75], [1, 0]]),
        ("kl_divergence", [[0.5, 0.5], [0.125, 0.875]], [[0.5, 0.5], [0.125, 0.875]]),
        ("negative_log_likelihood", [[0.5, 0.5], [0, 1]], [[0.5, 0.5], [0, 1]]),
        ("multiclass_hinge", [[-1, 1], [1, -1]], [[0, 1], [1, 0]]),
        ("poisson", [[0], [3], [12]], [[0], [3], [12]]),
    ],
)
def test_yes_and_no_in_either_coding_and_probabilities(
    loss: str, targets: list[list[float]], expected: list[list[float]]
) -> None:
    assert coded(targets, None, loss_of(loss), len(targets[0])).tolist() == expected


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("hinge", [[0.5], [1]], "real numbers from 0.5 to 1; use squared_error"),
        (
            "hinge",
            [[-1], [0], [1]],
            "from -1 to 1; use squared_error, or store class labels as whole",
        ),
        ("binary_cross_entropy", [[0.5], [2.5]], "real numbers from 0.5 to 2.5"),
        ("binary_cross_entropy", [[1], [2]], "from 1 to 2; .*store class labels as whole numbers"),
        ("binary_focal", [[0.5], [1]], "from 0.5 to 1"),
        (
            "cross_entropy",
            [[0.5, 0.25]],
            "probabilities must sum to 1; those of sample 0 give 0.75",
        ),
        (
            "cross_entropy",
            [[1, 0], [1, 1]],
            "probabilities must sum to 1; those of sample 1 give 2",
        ),
        ("kl_divergence", [[0.5, 0.6]], "those of sample 0 give 1.1"),
        ("focal", [[0.5, 0.5], [1, 0]], "from 0 to 1; use squared_error"),
        ("multiclass_hinge", [[0, 1], [1, 1]], "sample 1 has several, or none"),
        ("poisson", [[3], [-2]], "counts must not be negative; found -2"),
    ],
)
def test_what_a_loss_cannot_take_is_said_with_what_was_found(
    loss: str, targets: list[list[float]], message: str
) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        coded(targets, None, loss_of(loss), len(targets[0]))
    assert caught.value.path == ("loss",)


# Inputs as targets


def test_inputs_are_no_second_array() -> None:
    inputs = RNG.normal(size=(6, 2, 3))
    targets = inputs_for(inputs, loss_of("squared_error"), Form(6), LAST)
    assert targets.nbytes == 0
    assert np.shares_memory(targets.coded(EVERY), inputs)
    np.testing.assert_array_equal(targets[:], inputs.reshape(6, 6))


def test_inputs_read_later_are_not_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "CHUNK", 12)
    read: list[int] = []

    def noted(X: Array) -> Array:
        read.append(len(X))
        return X.astype(np.float32) / 255

    inputs = LazyArray(PIXELS, np.arange(50)).then(noted)
    targets = inputs_for(inputs, loss_of("squared_error"), Form(6), LAST)
    targets.coded(slice(0, 5))
    targets.read(np.array([3, 1]), np.empty((2, 6), np.float32))
    assert max(read) <= 5


@pytest.mark.parametrize("lazily", [False, True])
def test_inputs_are_brought_into_the_coding_of_the_loss(lazily: bool) -> None:
    ones = RNG.integers(0, 2, size=(20, 6)).astype(np.float32)
    inputs = LazyArray(ones, np.arange(20)) if lazily else ones
    kept = inputs_for(inputs, loss_of("binary_cross_entropy"), Form(6), LAST)
    assert isinstance(kept, InputTargets)
    np.testing.assert_array_equal(kept.coded(EVERY), ones)
    signed = inputs_for(inputs, loss_of("hinge"), Form(6), LAST)
    np.testing.assert_array_equal(signed.coded(EVERY), 2 * ones - 1)
    for targets in (kept, signed):
        assert targets.dtype == np.float32
        assert targets[:].dtype == np.float64
        np.testing.assert_array_equal(targets[:], targets.coded(EVERY))


@pytest.mark.parametrize("lazily", [False, True])
def test_what_inputs_are_wrong_for_a_loss_is_said_of_all(
    lazily: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks all chunks, also if the first ones are valid."""
    monkeypatch.setattr(dataset, "CHUNK", 2)
    values = np.array([[0.5, 1], [0, 1], [2, 1], [1, -3]])
    inputs = LazyArray(values, np.arange(4)) if lazily else values
    for loss, shape, message in (
        ("binary_cross_entropy", (2,), "real numbers from -3 to 2; use squared_error$"),
        ("poisson", (2,), "counts must not be negative; found -3"),
        ("squared_error", (3,), "3 output units, but each sample has 2 targets"),
    ):
        with pytest.raises(SettingError, match=message):
            inputs_for(inputs, loss_of(loss), Form.of(shape), LAST)
