"""Tests of decisions from outputs, and of their confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.nn.activations.linear import Identity
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.params import Array
from nnkit.task.predictions import confidence, decide
from nnkit.task.target_factory import classes_for
from tests.nn.examples import examples, name

CLASSES = ("no", "yes", "maybe")
LOSSES: list[Loss] = examples(AnyLoss)


def coded(numbers: Array, classes: int, loss: Loss, outputs: int) -> Array:
    targets = classes_for(numbers, CLASSES[:classes], loss, Form(outputs), (), np.dtype("float32"))
    return targets.coded(slice(None))


@pytest.mark.parametrize("loss", LOSSES, ids=name)
@pytest.mark.parametrize("classes", [2, 3])
@settings(max_examples=settings().max_examples // 5)  # losses differ only in their coding
@given(numbers=st.lists(st.integers(0, 1), min_size=1, max_size=20))
def test_deciding_undoes_coding(loss: Loss, classes: int, numbers: list[int]) -> None:
    targets = np.array(numbers) * (classes - 1)
    np.testing.assert_array_equal(
        decide(coded(targets, classes, loss, classes), loss, Identity()), targets
    )
    if classes == 2 and loss.single:
        np.testing.assert_array_equal(decide(coded(targets, 2, loss, 1), loss, Identity()), targets)


@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_one_unit_is_positive_above_the_threshold(loss: Loss) -> None:
    middle = coded(np.array([0, 1]), 2, loss, 1).mean() if loss.single else 0.5
    outputs = middle + np.array([[-0.1], [0.1]])
    np.testing.assert_array_equal(decide(outputs, loss, Identity()), [0, 1])


def test_confidence_is_the_probability_of_the_answer() -> None:
    outputs, numbers = np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 0])
    np.testing.assert_array_equal(confidence(outputs, numbers), [0.8, 0.9])
    single = np.array([[0.8], [0.3]])
    np.testing.assert_allclose(confidence(single, numbers), [0.8, 0.7])
