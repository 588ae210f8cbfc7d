"""Tests of layers over images and sequences against PyTorch's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from tests.golden import case_name, torch_conv_vectors
from tests.nn.examples import alone, first_layer
from tests.nn.test_layers import LAYER

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
CASES = torch_conv_vectors()
STATELESS = [case for case in CASES if len(case["batches"]) == 1]
# Compiled convolutions are fast only for float32, and compiling for float64 takes as long.
in_every_way = pytest.mark.parametrize(
    ("dtype", "compiled"),
    [
        pytest.param("float64", False, id="float64-NumPy"),
        pytest.param(
            "float64", True, id="float64-compiled", marks=[pytest.mark.slow, pytest.mark.numba]
        ),
        pytest.param("float32", False, id="float32-NumPy"),
        pytest.param("float32", True, id="float32-compiled", marks=pytest.mark.numba),
    ],
)


def model_of(case: dict[str, Any], dtype: str, compiled: bool) -> Model:
    """Builds a model of only the case's layer, with PyTorch's parameters."""
    model = alone(LAYER.validate_python(case["spec"]), tuple(case["shape"]), dtype)
    model.execution = Execution(compiled=compiled)
    params = model.layout.views(model.params)
    assert set(params) == {f"only.{name}" for name in case["params"]}
    for name, values in case["params"].items():
        params[f"only.{name}"][...] = ours(case, values, params[f"only.{name}"])
    return model


def ours(case: dict[str, Any], values: Any, like: Array) -> Array:
    """Converts PyTorch's values to nnkit's shape, keeping only existing connections."""
    array = np.array(values)
    if "connections" in case["spec"] and array.ndim == 4:
        array = array[np.any(case["params"]["W"], axis=(2, 3))]
    return array.reshape(like.shape)


def batch_last(batch_first: Any, dtype: str) -> Array:
    return np.moveaxis(np.array(batch_first, dtype), 0, -1).copy()


def often_enough(case: dict[str, Any], batch: int, compiled: bool) -> int:
    """Returns the number of repetitions of a batch that fills a compiled tile."""
    return -(-64 // batch) if compiled and case["spec"]["kind"] == "conv" else 1


def repeated(array: Array, times: int) -> Array:
    """Repeats the samples: (…, N) to (…, N · times)."""
    return np.concatenate([array] * times, axis=-1)


def assert_close(found: Array, wanted: Array) -> None:
    """Compares arrays with the tolerance of their type, relative to the largest value."""
    tolerance = TOLERANCES[found.dtype.name]
    scale = max(1.0, float(np.max(np.abs(wanted))))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * scale)


@in_every_way
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_forward_and_backward_as_pytorch(case: dict[str, Any], dtype: str, compiled: bool) -> None:
    model = model_of(case, dtype, compiled)
    grads = model.layout.views(model.grads)
    state = model.state_layout.views(model.state)
    for batch in case["batches"]:
        training = batch["training"]
        times = often_enough(case, len(batch["X"]), compiled)
        X, Y = batch_last(batch["X"], dtype), batch_last(batch["Y"], dtype)
        bound = first_layer(model.bind(X.shape[-1] * times, training, input_gradient=True))
        forward = bound.forward(repeated(X, times), Pass(training=training))
        assert_close(forward, repeated(Y, times))
        if training:
            dX = bound.backward(repeated(batch_last(batch["dY"], dtype), times), Pass())
            assert dX is not None
            assert_close(dX, repeated(batch_last(batch["dX"], dtype), times))
            for name, values in batch["grads"].items():
                found = grads[f"only.{name}"]
                assert_close(found / times, ours(case, values, found))
            for name, values in batch["state"].items():
                assert_close(state[f"only.{name}"], np.array(values))


@in_every_way
@pytest.mark.parametrize("case", STATELESS, ids=case_name)
def test_inference_as_pytorch(case: dict[str, Any], dtype: str, compiled: bool) -> None:
    (batch,) = case["batches"]
    X = batch_last(batch["X"], dtype)
    bound = first_layer(model_of(case, dtype, compiled).bind(X.shape[-1], training=False))
    assert_close(bound.forward(X, INFERENCE), batch_last(batch["Y"], dtype))
