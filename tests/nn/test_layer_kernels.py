"""Tests of compiled activations and losses: PyTorch's values, and NumPy's gradients bit by bit."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.activations import AnyActivation, Function
from nnkit.nn.layer import Activation
from nnkit.nn.layers import ActivationLayer
from nnkit.nn.losses import AnyLoss, Loss
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.golden import case_name, torch_vectors
from tests.kernels import WAYS, kernels
from tests.nn.examples import alone, batch_of, examples, first_layer, model_of, name

LAYERS = [{"dense": 8}, {"dense": 6}, {"dense": 3}]
TOLERANCE = {"float64": 1e-10, "float32": 1e-6}
either_way = pytest.mark.parametrize("way", WAYS)


def has_kernel(part: Activation | Loss) -> bool:
    """Whether the activation or loss has a kernel."""
    if isinstance(part, Loss):
        return type(part).measure is not Loss.measure
    return isinstance(part, Function) and part.kernel() is not None


def of_those_with_kernels(family: str, union: Any) -> list[dict[str, Any]]:
    """Returns PyTorch's values for the members of a family that have kernels."""
    return [
        case
        for case in torch_vectors(family)
        if has_kernel(TypeAdapter(union).validate_python(case["spec"]))
    ]


@either_way
@pytest.mark.parametrize("case", of_those_with_kernels("activations", AnyActivation), ids=case_name)
def test_activation_gradients_match_pytorch(case: dict[str, Any], way: str) -> None:
    Z, dY = (np.array(case[key], case["dtype"]) for key in ("Z", "dY"))
    function = TypeAdapter(AnyActivation).validate_python(case["spec"])
    model = alone(ActivationLayer(function=function), Z.shape[:-1], case["dtype"])
    model.execution = Execution(compiled=True)
    with kernels(way) as called:
        layer = first_layer(model.bind(Z.shape[-1], training=True, input_gradient=True))
        layer.forward(Z, Pass())
        dZ = layer.backward(dY, Pass())
    assert dZ is not None
    assert len(called) == 1
    tolerance = TOLERANCE[case["dtype"]]
    np.testing.assert_allclose(dZ, case["dZ"], rtol=tolerance, atol=tolerance)


@either_way
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", of_those_with_kernels("losses", AnyLoss), ids=case_name)
def test_losses_and_their_gradients_match_pytorch(
    case: dict[str, Any], dtype: str, way: str
) -> None:
    """Compares with and without label smoothing, for which there is no kernel."""
    loss: Loss = TypeAdapter(AnyLoss).validate_python(case["spec"])
    letter = "Z" if loss.fused else "Y"
    inputs, T = (np.array(case[key], dtype) for key in (letter, "T"))
    gradient = np.full_like(inputs, np.nan)
    with kernels(way) as called:
        measure = loss.measure(gradient, fused=loss.fused is not None, quick=True)
        value = measure(inputs, T, gradient, None)
    assert bool(called) is ("label_smoothing" not in case["spec"])
    tolerance = TOLERANCE[dtype]
    assert value == pytest.approx(case["loss"], rel=tolerance)
    np.testing.assert_allclose(gradient, case[f"d{letter}"], rtol=tolerance, atol=tolerance)


def gradients(
    function: Activation, loss: Loss, dtype: str, weighted: bool, way: str | None
) -> tuple[float, bytes, list[str]]:
    """Returns the loss and gradient bits of a network, and the kernels called."""
    model = model_of(LAYERS, (5,), loss=loss, activation=function.model_dump(), dtype=dtype)
    model.execution = Execution(compiled=way is not None)
    X, T = batch_of(model, 7)
    weights = generator(0, "weights").random(7).astype(dtype) if weighted else None
    with kernels(way) as called:
        network = model.bind(7, training=True)
        value = network.loss_and_gradient(X, T, Pass(step=0), weights)
    return value, model.grads.tobytes(), called


# Each kernel combined with every other, and with an activation and a loss without kernel.
FUNCTIONS = [function for function in examples(AnyActivation) if has_kernel(function)]
LOSSES = [loss for loss in examples(AnyLoss) if has_kernel(loss)]
WITHOUT: tuple[Activation, Loss] = (
    next(f for f in examples(AnyActivation) if f.tag() == "tanh"),
    next(loss for loss in examples(AnyLoss) if loss.tag() == "huber"),
)
CASES = list(product([*FUNCTIONS, WITHOUT[0]], [*LOSSES, WITHOUT[1]]))[:-1]


@either_way
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("function", "loss"), CASES, ids=name)
def test_gradients_have_the_bits_that_numpy_gives(
    function: Activation, loss: Loss, dtype: str, weighted: bool, way: str
) -> None:
    value, bits, called = gradients(function, loss, dtype, weighted, way)
    expected, expected_bits, by_numpy = gradients(function, loss, dtype, weighted, None)
    assert bool(called) is (has_kernel(function) or not weighted)  # weighted losses use no kernel
    assert not by_numpy
    assert bits == expected_bits
    assert value == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12)


def test_the_commonest_activations_and_losses_have_kernels() -> None:
    """Guards the tests above, which iterate over kernels and would pass without any."""
    assert {"relu", "sigmoid"} <= {function.tag() for function in FUNCTIONS}
    assert {"squared_error", "cross_entropy"} <= {loss.tag() for loss in LOSSES}
    assert not any(has_kernel(part) for part in WITHOUT)
