"""Networks with compiled kernels compute what those without do."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.nn.activations import Activation, AnyActivation, Function
from nnkit.nn.execution import Execution
from nnkit.nn.losses import AnyLoss, Loss
from nnkit.nn.model import Network
from tests.nn.examples import batch_of, examples, model_of, name

LAYERS = [{"dense": 8}, {"dense": 6}, {"dense": 3}]


def gradients(function: Activation, loss: Loss, dtype: str, compiled: bool) -> tuple[float, bytes]:
    """The loss and the bits of the gradients of a network with those hidden activations."""
    model = model_of(LAYERS, (5,), loss=loss, activation=function.model_dump(), dtype=dtype)
    model.execution = Execution(compiled=compiled)  # small as it is
    model.params *= 0.3  # e^z of e^z stays a number
    X, T = batch_of(model, 7)
    value = Network(model, 7, training=True).loss_and_gradient(X, T, step=0)
    return value, model.grads.tobytes()


TRAINABLE = [function for function in examples(AnyActivation) if function.trainable]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", examples(AnyLoss), ids=name)
@pytest.mark.parametrize("function", TRAINABLE, ids=name)
def test_same_gradients_to_the_bit(function: Activation, loss: Loss, dtype: str) -> None:
    quick, plain = (gradients(function, loss, dtype, compiled) for compiled in (True, False))
    assert quick[1] == plain[1]
    np.testing.assert_allclose(quick[0], plain[0], rtol=1e-5 if dtype == "float32" else 1e-12)


def test_some_activations_have_kernels() -> None:
    functions = [function for function in TRAINABLE if isinstance(function, Function)]
    assert [function for function in functions if function.kernel() is not None]
