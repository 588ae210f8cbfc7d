"""Tests of weight penalties: value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.optim.regularization import L1, Regularization
from nnkit.random import generator
from tests.nn.differences import assert_close, central_differences

strengths = st.sampled_from([0.0, 1e-4, 0.3, 2.0])


@given(strengths, strengths)
def test_gradient_is_that_of_the_penalty(l1: float, l2: float) -> None:
    regularization = Regularization(l1=L1(strength=l1), l2=l2)
    weights = generator(0, "weights").normal(size=10)
    grads = np.zeros(10)
    regularization.add_gradient(weights, grads)
    assert_close(grads, central_differences(lambda: regularization.penalty(weights), weights))


def test_penalty_by_hand() -> None:
    weights = np.array([1.0, -2.0])
    assert Regularization(l1=L1(strength=0.1)).penalty(weights) == pytest.approx(0.3)
    assert Regularization(l2=0.1).penalty(weights) == pytest.approx(0.25)
    assert Regularization(l1=L1(strength=0.1), l2=0.1).penalty(weights) == pytest.approx(0.55)


def test_gradient_is_added_to_what_is_there() -> None:
    grads = np.array([1.0, 1.0])
    Regularization(l1=L1(strength=0.5), l2=0.1).add_gradient(np.array([2.0, 0.0]), grads)
    np.testing.assert_allclose(grads, [1.7, 1.0])


def test_no_penalty_by_default() -> None:
    assert not Regularization().penalizes
    assert Regularization(l1=L1(strength=0.1)).penalizes
    assert Regularization(l2=0.1).penalizes
