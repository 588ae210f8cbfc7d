"""Tests of layers over images and sequences against PyTorch's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from tests.golden import case_name, torch_conv_vectors
from tests.nn.examples import alone, first_layer
from tests.nn.test_layers import LAYER

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
CASES = torch_conv_vectors()
STATELESS = [case for case in CASES if len(case["batches"]) == 1]
in_precisions = pytest.mark.parametrize("dtype", TOLERANCES)


def model_of(case: dict[str, Any], dtype: str) -> Model:
    """Builds a model of only the case's layer, with PyTorch's parameters."""
    model = alone(LAYER.validate_python(case["spec"]), tuple(case["shape"]), dtype)
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


def assert_close(found: Array, wanted: Array) -> None:
    """Compares arrays with the tolerance of their type, relative to the largest value."""
    tolerance = TOLERANCES[found.dtype.name]
    scale = max(1.0, float(np.max(np.abs(wanted))))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * scale)


@in_precisions
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_forward_and_backward_as_pytorch(case: dict[str, Any], dtype: str) -> None:
    model = model_of(case, dtype)
    grads = model.layout.views(model.grads)
    state = model.state_layout.views(model.state)
    for batch in case["batches"]:
        training = batch["training"]
        X, Y = batch_last(batch["X"], dtype), batch_last(batch["Y"], dtype)
        bound = first_layer(model.bind(X.shape[-1], training, input_gradient=True))
        assert_close(bound.forward(X, Pass(training=training)), Y)
        if training:
            dX = bound.backward(batch_last(batch["dY"], dtype), Pass())
            assert dX is not None
            assert_close(dX, batch_last(batch["dX"], dtype))
            for name, values in batch["grads"].items():
                found = grads[f"only.{name}"]
                assert_close(found, ours(case, values, found))
            for name, values in batch["state"].items():
                assert_close(state[f"only.{name}"], np.array(values))


@in_precisions
@pytest.mark.parametrize("case", STATELESS, ids=case_name)
def test_inference_as_pytorch(case: dict[str, Any], dtype: str) -> None:
    (batch,) = case["batches"]
    X = batch_last(batch["X"], dtype)
    bound = first_layer(model_of(case, dtype).bind(X.shape[-1], training=False))
    assert_close(bound.forward(X, INFERENCE), batch_last(batch["Y"], dtype))
