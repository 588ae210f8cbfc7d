"""Tests of layers over sequences other than recurrent ones: PyTorch's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.form import Form
from nnkit.nn.layer import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.passes import Pass
from tests.golden import case_name, torch_sequence_vectors
from tests.nn.examples import alone, first_layer

LAYER = TypeAdapter[LayerSpec](AnyLayer)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("case", torch_sequence_vectors(), ids=case_name)
def test_equal_to_pytorch(case: dict[str, Any], dtype: str, tolerance: float) -> None:
    of_ids = "symbols" in case
    X = np.asarray(case["X"], np.int32 if of_ids else dtype)
    form = Form(case["symbols"], X.shape[:-1], ids=True) if of_ids else Form.of(X.shape[:-1])
    model = alone(LAYER.validate_python(case["spec"]), form, dtype)
    views = model.layout.views(model.params)
    assert {f"only.{name}" for name in case["params"]} == set(views)
    for name, values in case["params"].items():
        views[f"only.{name}"][...] = values
    lengths = np.asarray(case["lengths"]) if "lengths" in case else None
    layer, now = first_layer(model.bind(X.shape[-1], True, input_gradient=not of_ids)), Pass()
    now = now._replace(lengths=lengths)
    np.testing.assert_allclose(layer.forward(X, now), case["Y"], rtol=tolerance, atol=tolerance)
    dX = layer.backward(np.asarray(case["dY"], dtype), now)
    if not of_ids:
        assert dX is not None
        np.testing.assert_allclose(dX, case["dX"], rtol=tolerance, atol=tolerance)
    grads = model.layout.views(model.grads)
    for name, values in case["grads"].items():
        np.testing.assert_allclose(grads[f"only.{name}"], values, rtol=tolerance, atol=tolerance)
