"""Tests of the gradient check: correct gradients pass, and wrong ones are reported."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from nnkit.nn.activation import Activation
from nnkit.nn.activations import AnyActivation
from nnkit.nn.central_differences import BlockCheck, check_model
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers import Dense
from nnkit.nn.layers.dense import BoundDense
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from tests.nn.examples import batch_of, examples, model_of, name


def check(model: Model, samples: int = 7) -> list[BlockCheck]:
    return check_model(model, *batch_of(model, samples))


def pair(activation: Activation, loss: Loss) -> Any:
    """Returns a test case, marked slow if neither the activation nor the loss is a common one."""
    common = activation.tag() in ("tanh", "relu") or loss.tag() in ("cross_entropy", "hinge")
    marks = () if common else pytest.mark.slow
    return pytest.param(activation, loss, id=f"{name(activation)}-{name(loss)}", marks=marks)


PAIRS = [
    pair(activation, loss)
    for activation, loss in product(examples(AnyActivation), examples(AnyLoss))
    if activation.trainable
]


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_every_activation_passes_with_every_loss(activation: Activation, loss: Loss) -> None:
    model = model_of(
        [{"dense": 6}, {"dense": 4}, {"dense": 3}], (5,), activation=activation, loss=loss
    )
    model.params *= 0.3  # keeps three nested exponentials finite
    checks = check_model(model, *batch_of(model, 3), per_block=4)
    assert [c.name for c in checks] == [*model.layout.offsets, "input"]
    assert [c for c in checks if not c.passed] == []


class BoundWrong(BoundDense):
    """A dense layer with a relative error of 1e-4 in one gradient."""

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dX = super().backward(dY, now)
        self.dW[1, 2] *= 1.0001
        return dX


class Wrong(Dense):
    def bind(self, binding: Binding) -> Layer:
        return BoundWrong(binding)


def test_a_wrong_gradient_is_reported_where_it_is() -> None:
    right = model_of([{"dense": 4}, {"dense": 3}], (5,))
    stages = [
        replace(stage, spec=Wrong(units=4)) if stage.name == "layers.0" else stage
        for stage in right.stages
    ]
    checks = check(Model(stages, right.loss, seed=0, dtype="float64"))
    assert [c.name for c in checks if not c.passed] == ["layers.0.W"]
    assert max(c.error for c in checks) == pytest.approx(1e-4, rel=0.01)


@pytest.mark.parametrize("beside", [0, 1e-7, 3e-6])
def test_a_kink_does_not_fail_the_check(beside: float) -> None:
    model = model_of([{"dense": 4}, {"dense": 3}], (5,), activation="relu")
    X, T = batch_of(model, 7)
    views = model.layout.views(model.params)
    # For the first sample, unit 0 is at its kink or close to it.
    views["layers.0.b"][0] = beside - views["layers.0.W"][0] @ X[:, 0]
    checks = check_model(model, X, T)
    assert (sum(c.kinks for c in checks) > 0) == (beside < 1e-6)
    assert [c for c in checks if not c.passed] == []


def test_parameters_and_batch_are_put_back() -> None:
    model = model_of([{"dense": 4}, {"dense": 3}], (5,))
    X, T = batch_of(model, 7)
    before = X.copy(), model.params.copy()
    check_model(model, X, T)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(model.params, before[1])


def test_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        check(model_of([{"dense": 3}], (5,), dtype="float32"))
