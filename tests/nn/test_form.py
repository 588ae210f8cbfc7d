"""Tests of forms: the shapes between layers, also with sizes that vary between batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.batch_axis import batch_last
from nnkit.nn.central_differences import check_model
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.layers import AnyLayer
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.nn.examples import INPUT_SHAPES, examples, input_form, loss_of, name

ANY_LENGTH = Form(3, (None,))
LAYERS_OVER_SEQUENCES: tuple[Any, ...] = (
    {"conv": {"filters": 6, "kernel": 3, "padding": "same"}},
    {"residual": [{"conv": {"filters": 6, "kernel": 3, "padding": 1}}]},
    {"batch_norm": {}},
    {"max_pool": 2},
    {"conv_transpose": {"filters": 4, "kernel": 2}},
    {"zero_pad": 1},
    {"up_sample": 2},
    {"spatial_dropout": 0.1},
    "global_avg_pool",
    {"dense": 2},
)


def model_of(form: Form, *layers: Any, dtype: str = "float64") -> Model:
    architecture = Architecture.model_validate({"layers": layers, "bias_initializer": "normal"})
    activations = Activations.model_validate({"hidden": "tanh"})
    loss = loss_of("cross_entropy")
    return Model(build_stages(architecture, activations, loss, form), loss, 0, dtype)


def sequences(length: int, count: int) -> tuple[Array, Array]:
    """Draws noise (count, 3, length) and classes; the second class has a wave added."""
    rng = generator(length, "sequences")
    classes = np.arange(count) % 2
    wave = np.sin(np.arange(length) * 2.0)
    return rng.normal(size=(count, 3, length)) + 2 * classes[:, None, None] * wave, classes


def test_says_its_shape() -> None:
    assert Form.of((3, 28, 20)) == Form(3, (28, 20))
    assert (Form(3, (28, 20)).shape, Form(3, (28, 20)).size) == ((3, 28, 20), 1680)
    assert [str(form) for form in (Form(5), Form(3, (8,)), ANY_LENGTH)] == [
        "(5,)",
        "(3, 8)",
        "(3, any)",
    ]
    with pytest.raises(ShapeError, match=r"it varies: \(3, any\)"):
        _ = ANY_LENGTH.shape


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_ids_are_refused_by_layers_for_real_numbers(layer: LayerSpec) -> None:
    form = replace(input_form(layer), ids=True)
    if layer.takes_ids:
        assert Stage.of("layers.0", layer, form).input_form.ids
    else:
        with pytest.raises(ShapeError, match=f"'{layer.tag()}' takes real numbers"):
            Stage.of("layers.0", layer, form)


def test_a_form_of_ids_stays_one_when_it_is_resized() -> None:
    form = Form(1, (8,), ids=True)
    assert form.resized(2, (4,)) == Form(2, (4,), ids=True)
    assert form.at((3,)).ids


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
@pytest.mark.parametrize("shape", INPUT_SHAPES)
def test_a_size_that_varies_goes_on_varying_or_is_refused(
    layer: LayerSpec, shape: tuple[int, ...]
) -> None:
    """Compares the output form for a varying size with the forms for fixed sizes."""
    channels, *positions = shape
    varying = Form(channels, (None,) * len(positions))
    try:
        fixed = layer.output_form(Form.of(shape))
        found = layer.output_form(varying)
        parameters = layer.parameters(varying)
    except ShapeError:
        return
    assert found.channels == fixed.channels
    assert len(found.positions) == len(fixed.positions)
    assert found.varies == (varying.varies and bool(found.positions))
    ours = [(p.name, p.shape) for p in parameters]
    assert ours == [(p.name, p.shape) for p in layer.parameters(Form.of(shape))]


@pytest.mark.parametrize("layer", ["flatten", {"reshape": [3, 4]}], ids=str)
def test_layers_that_need_a_fixed_size_name_a_remedy(layer: Any) -> None:
    with pytest.raises(Exception, match=r"here it varies.*put '- global_avg_pool'"):
        model_of(ANY_LENGTH, layer, {"dense": 2})


def test_a_network_over_sequences_of_any_length_learns_and_predicts() -> None:
    model = model_of(ANY_LENGTH, *LAYERS_OVER_SEQUENCES)
    losses = []
    for step in range(60):
        X, classes = sequences(length=6 + step % 5, count=20)
        network = model.network(20, X.shape[2:])
        T = np.eye(2)[classes].T
        losses.append(network.loss_and_gradient(batch_last(X), T, Pass(step=step)))
        model.params -= 0.2 * model.grads
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    for length in (7, 31):
        X, classes = sequences(length, count=100)
        assert np.mean(model.forward(X).argmax(axis=1) == classes) > 0.9


def test_each_length_gives_what_a_network_for_it_alone_gives() -> None:
    model = model_of(ANY_LENGTH, *LAYERS_OVER_SEQUENCES)
    for length in (4, 9, 4):
        alone = model_of(Form(3, (length,)), *LAYERS_OVER_SEQUENCES)
        alone.params[...] = model.params
        X, _ = sequences(length, count=5)
        np.testing.assert_array_equal(model.forward(X), alone.forward(X))


def test_gradients_hold_where_sizes_vary() -> None:
    model = model_of(ANY_LENGTH, *LAYERS_OVER_SEQUENCES)
    X, classes = sequences(length=6, count=4)
    blocks = check_model(model, batch_last(X).copy(), np.eye(2)[classes].T, per_block=6)
    assert [block.name for block in blocks if not block.passed] == []
