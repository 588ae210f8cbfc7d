"""Networks with compiled kernels compute what those without do."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnkit.nn.activations import AnyActivation, Function
from nnkit.nn.layer import Activation
from nnkit.nn.losses import AnyLoss, Loss
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.passes import Pass
from tests.nn.examples import batch_of, examples, model_of, name

LAYERS = [{"dense": 8}, {"dense": 6}, {"dense": 3}]


def gradients(function: Activation, loss: Loss, dtype: str, compiled: bool) -> tuple[float, bytes]:
    """The loss and the bits of the gradients of a network with those hidden activations."""
    model = model_of(LAYERS, (5,), loss=loss, activation=function.model_dump(), dtype=dtype)
    model.execution = Execution(compiled=compiled)  # small as it is
    model.params *= 0.3  # e^z of e^z stays a number
    X, T = batch_of(model, 7)
    value = model.bind(7, training=True).loss_and_gradient(X, T, Pass(step=0))
    return value, model.grads.tobytes()


def has_kernel(part: Activation | Loss) -> bool:
    """Whether a network computes anything else with it when it is compiled."""
    if isinstance(part, Loss):
        return type(part).measure is not Loss.measure
    return isinstance(part, Function) and part.kernel() is not None


FUNCTIONS = [function for function in examples(AnyActivation) if function.trainable]
CASES = [case for case in product(FUNCTIONS, examples(AnyLoss)) if any(map(has_kernel, case))]


@pytest.mark.numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("function", "loss"), CASES, ids=name)
def test_same_gradients_to_the_bit(function: Activation, loss: Loss, dtype: str) -> None:
    quick, plain = (gradients(function, loss, dtype, compiled) for compiled in (True, False))
    assert quick[1] == plain[1]
    np.testing.assert_allclose(quick[0], plain[0], rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("parts", [FUNCTIONS, examples(AnyLoss)], ids=["activations", "losses"])
def test_some_have_kernels_and_some_have_none(parts: list[Activation | Loss]) -> None:
    assert {has_kernel(part) for part in parts} == {True, False}
