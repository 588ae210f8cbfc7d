"""Tests of normalization by compiled kernels and NumPy, beyond PyTorch's reference values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.nn.layer import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import generator
from tests.kernels import COMPILED, kernels
from tests.nn.examples import alone, examples, first_layer, name
from tests.nn.test_conv_oracles import assert_close

LAYERS = [layer for layer in examples(AnyLayer) if layer.normalizes]
ACROSS = {"batch_norm": 1, "layer_norm": 0}  # the axis of the mean in (rows, columns)
every = pytest.mark.parametrize("layer", LAYERS, ids=name)


def draw(shape: tuple[int, ...], dtype: str, purpose: str) -> Array:
    return generator(0, purpose).normal(size=shape).astype(dtype)


def passes(layer: LayerSpec, X: Array, dY: Array, compiled: bool) -> dict[str, Array]:
    """Returns outputs, gradients and state of a training step, and the output at inference."""
    model = alone(layer, X.shape[:-1], X.dtype.name)
    model.execution = Execution(compiled=compiled)
    model.params += np.linspace(-0.5, 0.5, model.params.size).astype(X.dtype)
    before = X.copy()
    with kernels(COMPILED if compiled else None) as called:
        bound = first_layer(model.bind(X.shape[-1], training=True, input_gradient=True))
        Y = bound.forward(X, Pass()).copy()
        dX = bound.backward(dY.copy(order="K"), Pass())
        assert dX is not None
        after = first_layer(model.bind(X.shape[-1], training=False)).forward(X, INFERENCE)
    assert len(called) == (3 if compiled else 0)  # forward, backward, and inference
    np.testing.assert_array_equal(X, before)
    return {"Y": Y, "dX": dX, "after": after, "grads": model.grads, "state": model.state}


def assert_same(layer: LayerSpec, X: Array, dY: Array) -> None:
    """Asserts that compiled kernels and NumPy agree."""
    found, wanted = (passes(layer, X, dY, compiled) for compiled in (True, False))
    for what in wanted:
        if wanted[what].size:
            assert_close(found[what], wanted[what])


@pytest.mark.numba
@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 2, 7, 67])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 7), (2, 5, 3)], ids=str)
def test_kernels_compute_what_numpy_does(
    layer: LayerSpec, shape: tuple[int, ...], samples: int, dtype: str
) -> None:
    X, dY = (draw((*shape, samples), dtype, purpose) for purpose in ("X", "dY"))
    assert_same(layer, X, dY)


@pytest.mark.numba
@every
def test_kernels_take_arrays_in_any_memory_order(layer: LayerSpec) -> None:
    X, dY = (draw((3, 4, 5, 6), "float64", purpose) for purpose in ("X", "dY"))
    assert_same(layer, np.asfortranarray(X), np.asfortranarray(dY))


def far(X: Array, axis: int) -> Array:
    """Shifts inputs by a mean that is large compared with their standard deviation."""
    return X + X.dtype.type(1e4)


def with_an_outlier(X: Array, axis: int) -> Array:
    """Replaces the first value of each row or column by an outlier."""
    X = X.copy()
    X[(slice(None), 0) if axis else 0] = 1e4
    return X


@pytest.mark.numba
@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("change", [far, with_an_outlier])
def test_kernels_lose_no_digits(layer: LayerSpec, change: Any, dtype: str) -> None:
    """Compares with NumPy in double precision, for the same numbers."""
    shape = (4, 3000) if layer.tag() == "batch_norm" else (3000, 4)
    X = change(draw(shape, dtype, "X"), ACROSS[layer.tag()])
    dY = draw(shape, dtype, "dY")
    found = passes(layer, X, dY, compiled=True)
    wanted = passes(layer, X.astype(np.float64), dY.astype(np.float64), compiled=False)
    for what in ("Y", "dX", "grads"):
        if wanted[what].size:
            assert_close(found[what], wanted[what].astype(dtype))


@pytest.mark.numba
@every
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 3])
def test_what_is_no_number_spreads_as_with_numpy(layer: LayerSpec, bad: float, place: int) -> None:
    """Checks that NaN and infinity affect their whole channel or sample, and nothing else."""
    X, dY = (draw((4, 6), "float32", purpose) for purpose in ("X", "dY"))
    X[(2, place) if layer.tag() == "batch_norm" else (place, 2)] = bad
    with np.errstate(invalid="ignore"):
        found, wanted = (passes(layer, X, dY, compiled) for compiled in (True, False))
    assert 0 < np.isnan(found["Y"]).sum() < found["Y"].size
    for what in wanted:
        np.testing.assert_array_equal(np.isfinite(found[what]), np.isfinite(wanted[what]))


@pytest.mark.numba
@every
def test_the_same_bits_again(layer: LayerSpec) -> None:
    """Repeats the computation with arrays at other addresses."""
    X, dY = (draw((3, 7, 5, 9), "float32", purpose) for purpose in ("X", "dY"))
    elsewhere = np.empty(X.size + 3, np.float32)[3:].reshape(X.shape)
    elsewhere[...] = X
    first, second = (passes(layer, each, dY, compiled=True) for each in (X, elsewhere))
    for what in first:
        np.testing.assert_array_equal(first[what], second[what])
