"""Tests of layers over sequences other than recurrent ones: PyTorch's values, and attention."""

from __future__ import annotations

from math import cos, sin
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from nnkit.errors import SettingError
from nnkit.nn.form import Form
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer, PositionalEncoding, SelfAttention
from nnkit.nn.model import Model
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.golden import case_name, torch_sequence_vectors
from tests.nn.examples import alone, first_layer, model_of

LAYER = TypeAdapter[LayerSpec](AnyLayer)
FEATURES, SAMPLES = 4, 3
# An encoder layer of a Transformer, with normalization after each block, and before its layers.
NORM = {"layer_norm": "channels"}
FORWARD = [{"dense": {"units": 6, "activation": "gelu"}}, {"dense": FEATURES}]
POST_NORM: list[Any] = [
    {"residual": {"layers": [{"self_attention": 2}], "activation": "identity"}},
    NORM,
    {"residual": {"layers": FORWARD, "activation": "identity"}},
    NORM,
]
PRE_NORM: list[Any] = [
    {"residual": {"layers": [NORM, {"self_attention": 2}], "activation": "identity"}},
    {"residual": {"layers": [NORM, *FORWARD], "activation": "identity"}},
]
in_both_types = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-10), ("float32", 2e-5)]
)


def assert_equal_to_pytorch(
    model: Model, case: dict[str, Any], prefix: str, tolerance: float
) -> None:
    """Compares outputs and gradients of the layers before the output activation."""
    dtype, of_ids = model.dtype, model.input_form.ids
    X = np.asarray(case["X"], model.input_type)
    views, grads = (model.layout.views(flat) for flat in (model.params, model.grads))
    for name, values in case["params"].items():
        views[f"{prefix}{name}"][...] = values
    network = model.bind(X.shape[-1], True, X.shape[-2:-1], input_gradient=not of_ids)
    lengths = np.asarray(case["lengths"]) if "lengths" in case else None
    now = Pass(lengths=lengths)
    Y, expected = network.body.forward(X.copy(), now), np.array(case["Y"])
    inside = np.ones(X.shape[-2:], bool)
    if lengths is not None:
        inside = ~is_padding(X.shape[-2], lengths)
    np.testing.assert_allclose(Y[:, inside], expected[:, inside], rtol=tolerance, atol=tolerance)
    dX = network.backward(np.asarray(case["dY"], dtype), now)
    if not of_ids:
        assert dX is not None
        np.testing.assert_allclose(dX, case["dX"], rtol=tolerance, atol=tolerance)
    for name, values in case["grads"].items():
        found = grads[f"{prefix}{name}"]
        np.testing.assert_allclose(found, values, rtol=tolerance, atol=tolerance, err_msg=name)


@in_both_types
@pytest.mark.parametrize("case", torch_sequence_vectors("layers"), ids=case_name)
def test_equal_to_pytorch(case: dict[str, Any], dtype: str, tolerance: float) -> None:
    form = Form(FEATURES, (None,))
    if "symbols" in case:
        form = Form(case["symbols"], (None,), ids=True)
    model = alone(LAYER.validate_python(case["spec"]), form, dtype)
    assert {f"only.{name}" for name in case["params"]} == set(model.layout.offsets)
    assert_equal_to_pytorch(model, case, "only.", tolerance)


@in_both_types
@pytest.mark.parametrize("case", torch_sequence_vectors("transformers"), ids=["post", "pre"])
def test_an_encoder_layer_of_blocks_is_pytorchs(
    case: dict[str, Any], dtype: str, tolerance: float
) -> None:
    layers = PRE_NORM if case["spec"]["norm_first"] else POST_NORM
    form = Form(FEATURES, (None,))
    model = model_of(layers, form, loss="squared_error", dtype=dtype)
    assert set(case["params"]) == set(model.layout.offsets)
    assert_equal_to_pytorch(model, case, "", tolerance)


def test_sinusoids_are_those_of_the_formula() -> None:
    """Vaswani et al. 2017, §3.5, each number by itself."""
    model = alone(PositionalEncoding(), Form(5, (None,)))
    layer = first_layer(model.bind(1, training=False, positions=(4,)))
    P = layer.forward(np.zeros((5, 4, 1)), Pass(training=False))[..., 0]
    expected = [
        [(cos if channel % 2 else sin)(t / 10000 ** (channel // 2 * 2 / 5)) for t in range(4)]
        for channel in range(5)
    ]
    np.testing.assert_allclose(P, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "learned"}, "need 'length'"),
        ({"length": 4}, "no effect without 'method: learned'"),
    ],
    ids=str,
)
def test_a_length_is_for_learned_encodings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PositionalEncoding.model_validate(settings)


@pytest.mark.parametrize(
    ("layer", "path", "message"),
    [
        ({"self_attention": 3}, "heads", "4 units cannot be divided among 3 heads"),
        ({"positional_encoding": {"method": "learned", "length": 5}}, "length", "at least 6"),
    ],
    ids=str,
)
def test_sizes_that_do_not_fit_are_refused(layer: Any, path: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        model_of([layer, "flatten", {"dense": 2}], (4, 6))
    assert caught.value.path == ("architecture", "layers", 0, path)


@pytest.mark.parametrize("layer", [{"self_attention": 2}, "positional_encoding", "embedding"])
def test_only_sequences_are_taken(layer: Any) -> None:
    if layer == "embedding":
        layer = {"embedding": 3}
    with pytest.raises(SettingError, match=r"takes (sequences|ids)"):
        model_of([layer, "flatten", {"dense": 2}], (4, 6, 6))


@pytest.mark.parametrize("causal", [True, False])
def test_attention_to_nothing_is_zero_and_has_finite_gradients(causal: bool) -> None:
    layer = SelfAttention(heads=2, causal=causal, bias=False)
    model = alone(layer, Form(FEATURES, (None,)))
    network = model.bind(SAMPLES, True, (6,), input_gradient=True)
    now = Pass(lengths=np.array([0, 6, 0]))
    X = generator(0, "attention").normal(size=(FEATURES, 6, SAMPLES))
    Y = network.body.forward(X, now)
    assert not Y[..., [0, 2]].any()
    assert np.isfinite(Y).all()
    dX = network.backward(np.ones_like(Y), now)
    assert dX is not None
    assert np.isfinite(dX).all()
    assert np.isfinite(model.grads).all()
    assert not dX[..., [0, 2]].any()


def test_with_causal_attention_later_positions_change_nothing() -> None:
    model = alone(SelfAttention(heads=2, causal=True), Form(FEATURES, (None,)))

    def outputs(X: Array) -> Array:
        return model.bind(SAMPLES, False, (6,)).forward(X).copy()

    X = generator(0, "attention").normal(size=(FEATURES, 6, SAMPLES))
    before = outputs(X)
    X[:, 3:] += 1
    after = outputs(X)
    np.testing.assert_allclose(after[:, :3], before[:, :3], rtol=1e-12)
    assert (np.abs(after[:, 3:] - before[:, 3:]) > 1e-3).any(axis=0).all()
