"""Tests of activations: derivatives, range, and reference values from other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import special

from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.function import Function
from nnkit.nn.activations.linear import Identity
from nnkit.nn.activations.softmax import Softmax, log_softmax
from nnkit.nn.form import Form
from nnkit.nn.layer import Layer
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers import ActivationLayer
from nnkit.nn.losses.regression_losses import SquaredError
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.golden import case_name, onnx_vectors, torch_vectors
from tests.nn.differences import assert_close, central_differences
from tests.nn.examples import examples, first_layer, name

# Activations with parameters, or with another output shape, are tested in test_layers.py.
ACTIVATIONS: list[Function] = [a for a in examples(AnyActivation) if isinstance(a, Function)]
every = pytest.mark.parametrize("activation", ACTIVATIONS, ids=name)
every_in_place = pytest.mark.parametrize(
    "activation", [a for a in ACTIVATIONS if a.saves == "output"], ids=name
)
TOLERANCE = {"float64": 1e-10, "float32": 1e-6}


def forward(activation: Function, Z: Array) -> Array:
    """Computes f(Z) into memory filled with NaN."""
    Y = np.full_like(Z, np.nan)
    activation.forward(Z, Y)
    return Y


def backward(activation: Function, Z: Array, dY: Array) -> Array:
    """Computes dE/dZ, out of place, with new scratch memory."""
    saved = Z if activation.saves == "input" else forward(activation, Z)
    dZ = dY.copy()
    activation.backward(saved, dZ, np.full_like(Z, np.nan))
    return dZ


@pytest.fixture
def Z() -> Array:
    """Returns inputs (4, 6), away from the kink of rectifiers at 0."""
    return generator(0, "Z").permutation(np.linspace(-4, 4, 24)).reshape(4, 6)


@pytest.fixture
def dY() -> Array:
    return generator(0, "dY").normal(size=(4, 6))


@every
def test_derivative_is_that_of_the_value(activation: Function, Z: Array, dY: Array) -> None:
    numeric = central_differences(lambda: float(np.vdot(dY, forward(activation, Z))), Z)
    assert_close(backward(activation, Z, dY), numeric)


@every_in_place
def test_in_place_is_as_out_of_place(activation: Function, Z: Array, dY: Array) -> None:
    Y, dZ = forward(activation, Z), backward(activation, Z, dY)
    activation.forward(Z, Z)
    np.testing.assert_array_equal(Z, Y)
    activation.backward(Z, dY, np.full_like(Z, np.nan))
    np.testing.assert_array_equal(dY, dZ)
    np.testing.assert_array_equal(Z, Y)


@every
def test_leaves_its_input_alone(activation: Function, Z: Array) -> None:
    before = Z.copy()
    forward(activation, Z)
    np.testing.assert_array_equal(Z, before)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_values_give_numbers(activation: Function, dtype: str) -> None:
    sizes = [0, float(np.finfo(dtype).tiny), 1, 20, 100, 1e4, float(np.finfo(dtype).max) / 4]
    extremes = np.array([sign * size for size in sizes for sign in (1, -1)], dtype)
    Z = np.stack([extremes, extremes[::-1], np.roll(extremes, 3)])
    with np.errstate(over="ignore"):  # e^z overflows to infinity for most of these
        Y = forward(activation, Z)
        dZ = backward(activation, Z, np.ones_like(Z))
    assert not np.isnan(Y).any()
    assert not np.isnan(dZ).any()


@every
def test_works_on_images_as_on_vectors(activation: Function) -> None:
    Z = generator(0, "images").normal(size=(4, 3, 2, 5))
    flat = np.ascontiguousarray(Z.reshape(4, -1))
    Y = forward(activation, Z)
    np.testing.assert_array_equal(Y.reshape(4, -1), forward(activation, flat))
    dY = np.cos(Y)
    np.testing.assert_array_equal(
        backward(activation, Z, dY).reshape(4, -1),
        backward(activation, flat, dY.reshape(4, -1)),
    )


def test_softmax_is_a_distribution_invariant_to_shifts(Z: Array) -> None:
    Y = forward(Softmax(), Z)
    np.testing.assert_allclose(Y.sum(axis=0), 1)
    np.testing.assert_allclose(forward(Softmax(), Z + 1e3), Y)


@pytest.mark.parametrize("case", torch_vectors("activations"), ids=case_name)
def test_as_pytorch_computes_it(case: dict[str, Any]) -> None:
    activation = TypeAdapter(AnyActivation).validate_python(case["spec"])
    Z, dY, Y, dZ = (np.array(case[key], case["dtype"]) for key in ("Z", "dY", "Y", "dZ"))
    tolerance = TOLERANCE[case["dtype"]]
    layer = bound(ActivationLayer(function=activation), Z)
    np.testing.assert_allclose(layer.forward(Z, Pass()), Y, rtol=tolerance, atol=tolerance)
    found = layer.backward(dY, Pass())
    assert found is not None
    np.testing.assert_allclose(found, dZ, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", onnx_vectors("activations"), ids=case_name)
def test_as_onnx_has_it(case: dict[str, Any]) -> None:
    activation = TypeAdapter(AnyActivation).validate_python(case["spec"])
    Z = np.array(case["Z"], np.float32)
    layer = bound(ActivationLayer(function=activation), Z, case.get("params", {}))
    np.testing.assert_allclose(layer.forward(Z, Pass()), case["Y"], rtol=1e-5, atol=1e-6)


def bound(layer: ActivationLayer, Z: Array, params: Mapping[str, Any] | None = None) -> Layer:
    """Binds the layer in a network of its own, for training on batches of the shape of Z."""
    units, samples = Z.shape
    only = Stage.of("only", layer, Form(units))
    stages = [only, Stage.of("output", ActivationLayer(function=Identity()), only.output_form)]
    model = Model(stages, SquaredError(), 0, str(Z.dtype))
    for given, values in (params or {}).items():
        model.layout.views(model.params)[f"only.{given}"][...] = values
    return first_layer(model.bind(samples, training=True, input_gradient=True))


@every
def test_says_whether_its_outputs_are_never_negative(activation: Function) -> None:
    Z = np.linspace(-6, 6, 200).reshape(4, 50)
    assert activation.nonnegative == bool((forward(activation, Z) >= 0).all())


@pytest.mark.parametrize("kind", ["sigmoid", "softplus", "silu"])
def test_small_values_keep_their_digits(kind: str) -> None:
    """Compares float32 with float64, relative to the value, however small."""
    activation = TypeAdapter(AnyActivation).validate_python(kind)
    assert isinstance(activation, Function)
    Z = np.array([[-80.0, -40.0, -20.0, -10.0, -3.0]])
    for of in (forward, lambda a, z: backward(a, z, np.ones_like(z))):
        np.testing.assert_allclose(of(activation, Z.astype("f4")), of(activation, Z), rtol=2e-5)


@pytest.mark.parametrize("shape", [(3, 4), (5, 1, 7), (4, 2, 3), (6, 1, 0)])
@pytest.mark.parametrize("chunk", [1, 12, 1 << 17])
def test_log_softmax_is_scipys_however_many_columns_are_computed_together(
    shape: tuple[int, ...], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnkit.nn.activations.softmax.CHUNK", chunk)
    Z = 30 * np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(log_softmax(Z), special.log_softmax(Z, axis=0), rtol=1e-12)
