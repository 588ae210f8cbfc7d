"""Targets coded for the loss, and outputs decided: there and back again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.errors import SettingError
from nnkit.nn.losses import AnyLoss, CrossEntropy, Loss
from nnkit.nn.params import Array
from nnkit.task.targets import confidence, counted, decide, encode
from tests.nn.examples import examples, loss_of, name

LAST = ("architecture", "layers", 1)
CLASSES = ("no", "yes", "maybe")
LOSSES: list[Loss] = examples(AnyLoss)


def coded(targets: Any, classes: int | None, loss: Loss, *shape: int) -> Array:
    names = None if classes is None else CLASSES[:classes]
    return encode(np.array(targets), names, loss, shape, LAST, np.dtype("float32"))


@pytest.mark.parametrize("loss", LOSSES, ids=name)
@pytest.mark.parametrize("classes", [2, 3])
@settings(max_examples=settings().max_examples // 5)  # losses differ in their coding alone
@given(numbers=st.lists(st.integers(0, 1), min_size=1, max_size=20))
def test_deciding_undoes_coding(loss: Loss, classes: int, numbers: list[int]) -> None:
    targets = np.array(numbers) * (classes - 1)
    np.testing.assert_array_equal(decide(coded(targets, classes, loss, classes), loss), targets)
    if classes == 2 and loss.single:
        np.testing.assert_array_equal(decide(coded(targets, 2, loss, 1), loss), targets)


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
        (2, "hinge", (3,), "units", r"3 output units.*make it 1 \(a yes or no\) or 2"),
        (2, "cross_entropy", (1,), "units", "make it 2, or use binary_cross_entropy with 1"),
        (None, "squared_error", (2,), "units", "2 output units, but each sample has 1 target"),
        (
            None,
            "cross_entropy",
            (1,),
            "loss",
            "targets are real numbers from 1.5 to 1.5; use squared_error",
        ),
        (3, "cross_entropy", (3, 4), None, "end in a dense layer, after '- flatten', or in"),
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


@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_one_unit_says_yes_past_the_middle(loss: Loss) -> None:
    middle = coded([0, 1], 2, loss, 1).mean() if loss.single else 0.5
    outputs = middle + np.array([[-0.1], [0.1]])
    np.testing.assert_array_equal(decide(outputs, loss), [0, 1])


def test_confidence_is_the_probability_of_the_answer() -> None:
    outputs, numbers = np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 0])
    np.testing.assert_array_equal(confidence(outputs, numbers), [0.8, 0.9])
    single = np.array([[0.8], [0.3]])
    np.testing.assert_allclose(confidence(single, numbers), [0.8, 0.7])


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
        ("hinge", [[-1], [0], [1]], "from -1 to 1; use squared_error, or store them as whole"),
        ("binary_cross_entropy", [[0.5], [2.5]], "real numbers from 0.5 to 2.5"),
        ("binary_cross_entropy", [[1], [2]], "from 1 to 2; .*store them as whole numbers to mean"),
        ("binary_focal", [[0.5], [1]], "from 0.5 to 1"),
        ("cross_entropy", [[0.5, 0.25]], "probabilities sum to 1; those of sample 0 to 0.75"),
        ("cross_entropy", [[1, 0], [1, 1]], "probabilities sum to 1; those of sample 1 to 2"),
        ("kl_divergence", [[0.5, 0.6]], "those of sample 0 to 1.1"),
        ("focal", [[0.5, 0.5], [1, 0]], "from 0 to 1; use squared_error"),
        ("multiclass_hinge", [[0, 1], [1, 1]], "sample 1 is of more, or of none"),
        ("poisson", [[3], [-2]], "counts are never negative; found -2"),
    ],
)
def test_what_a_loss_cannot_take_is_said_with_what_was_found(
    loss: str, targets: list[list[float]], message: str
) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        coded(targets, None, loss_of(loss), len(targets[0]))
    assert caught.value.path == ("loss",)


# How much samples count


def test_figures_count_samples_by_their_own_weight_alone() -> None:
    targets, weights = np.array([0, 1, 2, 1]), np.array([1.0, 2.0, 0.5, 1.0])
    plain, balanced = loss_of("cross_entropy"), CrossEntropy(class_weights="balanced")
    for loss in (plain, balanced):
        assert counted(targets, None, loss, CLASSES) is None
        np.testing.assert_array_equal(counted(targets, weights, loss, CLASSES), weights)
    ignoring = CrossEntropy(ignored="yes")
    np.testing.assert_array_equal(counted(targets, weights, ignoring, CLASSES), [1, 0, 0.5, 0])
    np.testing.assert_array_equal(counted(targets, None, ignoring, CLASSES), [1, 0, 1, 0])
