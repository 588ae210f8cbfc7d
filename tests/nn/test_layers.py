"""Tests of all layers: common properties, PyTorch's values, and dropout and noise."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats
from scipy.special import softmax

from nnkit.errors import SettingError
from nnkit.nn.activations import AnyActivation
from nnkit.nn.central_differences import PER_BLOCK, check_model
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import (
    ActivationLayer,
    AnyLayer,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNorm,
    Rows,
    SpatialDropout,
)
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import generator
from tests.golden import case_name, onnx_vectors, torch_vectors
from tests.nn.examples import (
    INPUT_SHAPES,
    alone,
    batch_of,
    examples,
    first_layer,
    input_form,
    inputs_of,
    model_of,
    name,
)

ACTIVATIONS: list[AnyActivation] = [a for a in examples(AnyActivation) if a.trainable]
LAYERS: list[LayerSpec] = [
    *(layer for layer in examples(AnyLayer) if not isinstance(layer, ActivationLayer)),
    *(ActivationLayer(function=activation) for activation in ACTIVATIONS),
]
# One activation for each way to use memory, because errors would come from shared memory.
OF_EACH_KIND = {(getattr(a, "saves", a.tag()), a.tag() == "softmax"): a for a in ACTIVATIONS}
VECTOR_LAYERS = [
    layer
    for layer in LAYERS
    if input_form(layer) == Form(5)
    and not (isinstance(layer, ActivationLayer) and layer.function not in OF_EACH_KIND.values())
]
LAYER = TypeAdapter[LayerSpec](AnyLayer)
every = pytest.mark.parametrize("layer", LAYERS, ids=name)
any_batch = pytest.mark.parametrize("samples", [1, 7])


def starting_with(layer: LayerSpec, dtype: str = "float64") -> Model:
    """Builds a network that starts with the layer."""
    return model_of([layer, "flatten", {"dense": 4}], input_form(layer), dtype=dtype)


def assert_gradients_are_right(model: Model, samples: int = 3, per_block: int = PER_BLOCK) -> None:
    checks = check_model(model, *batch_of(model, samples), per_block=per_block)
    assert not [check for check in checks if not check.passed]


@every
@any_batch
def test_gradients_of_a_network_with_it(layer: LayerSpec, samples: int) -> None:
    assert_gradients_are_right(starting_with(layer), samples)


@pytest.mark.parametrize(
    ("first", "second"),
    list(product(VECTOR_LAYERS, repeat=2)),
    ids=name,
)
def test_any_two_consecutive_layers_do_not_overwrite_each_other(
    first: LayerSpec, second: LayerSpec
) -> None:
    """Checks few entries, because a gradient overwritten by a neighbour is wrong everywhere."""
    in_the_middle = model_of([{"dense": 4}, first, second, {"dense": 3}], (5,))
    assert_gradients_are_right(in_the_middle, per_block=2)
    for loss in ("cross_entropy", "squared_error"):
        at_the_end = model_of([{"dense": 3}, first, second], (5,), loss=loss)
        assert_gradients_are_right(at_the_end, per_block=2)


@every
@any_batch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_output_has_the_shape_and_type_that_were_announced(
    layer: LayerSpec, samples: int, dtype: str
) -> None:
    model = starting_with(layer, dtype)
    X, _ = batch_of(model, samples)
    for training in (True, False):
        Y = X
        network = model.bind(samples, training)
        for stage, bound in zip(model.stages, network.body.layers.values(), strict=False):
            with np.errstate(all="ignore"):  # BLAS may warn about the content of a new buffer
                Y = bound.forward(Y, Pass(training=training))
            assert Y.shape == (*stage.output_shape, samples)
            assert Y.dtype == dtype
            assert np.isfinite(Y).all()


@pytest.mark.parametrize("pool", ["global_avg_pool", "global_max_pool"])
def test_gradients_of_network_in_network(pool: str) -> None:
    """Checks ReLU, global pooling and softmax at the end (Lin, Chen & Yan 2014, §3.2)."""
    cccp = [{"conv": {"filters": n, "kernel": 1, "activation": "relu"}} for n in (4, 3)]
    model = model_of([{"conv": {"filters": 4, "kernel": 3}}, *cccp, pool], (2, 6, 6))
    assert_gradients_are_right(model)
    X, _ = batch_of(model, 5)
    maps = X
    for stage, layer in zip(
        model.stages, model.bind(5, training=False).body.layers.values(), strict=False
    ):
        if stage.spec.tag() == pool:
            break
        maps = layer.forward(maps, INFERENCE)
    assert (maps >= 0).all()
    pooled = (np.mean if pool == "global_avg_pool" else np.max)(maps, axis=(1, 2))
    expected = softmax(pooled, axis=0)
    np.testing.assert_allclose(model.forward(np.moveaxis(X, -1, 0)).T, expected, rtol=1e-12)


@pytest.mark.parametrize("layer", ["batch_norm", "layer_norm", {"avg_pool": 1}], ids=str)
def test_what_no_window_reaches_has_no_gradient_at_any_step(layer: Any) -> None:
    """Runs several steps, because the layer below may overwrite the gradient it receives."""
    layers = [layer, {"max_pool": 2}, "flatten", {"dense": 3}]
    model = model_of(layers, (2, 5, 5), dtype="float32")
    X, T = batch_of(model, 3)
    losses_and_gradients = []
    network = model.bind(3, training=True, input_gradient=True)
    for step in range(2):
        loss = network.training_loss(X, T, Pass(step=step))
        dX = network.backward(network.dY, Pass())
        assert dX is not None
        losses_and_gradients.append((loss, dX.copy(), model.grads.copy()))
    for first, second in zip(*losses_and_gradients, strict=True):
        np.testing.assert_array_equal(first, second)


@every
def test_same_batch_same_gradients_and_the_batch_untouched(layer: LayerSpec) -> None:
    model = starting_with(layer)
    X, T = batch_of(model, 7)
    before = X.copy(), T.copy()
    network = model.bind(7, training=True)
    loss = network.loss_and_gradient(X, T, Pass(step=1))
    grads = model.grads.copy()
    model.grads.fill(np.nan)  # reveals gradients that are not written
    assert network.loss_and_gradient(X, T, Pass(step=1)) == loss
    np.testing.assert_array_equal(model.grads, grads)
    model.bind(7, training=False).evaluate(X, T)
    model.bind(7, training=False).forward(X)
    model.forward(np.moveaxis(X, -1, 0))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(T, before[1])


@every
@any_batch
def test_memory_order_of_the_batch_does_not_matter(layer: LayerSpec, samples: int) -> None:
    model = starting_with(layer)
    X, T = batch_of(model, samples)
    batch_first = np.moveaxis(np.ascontiguousarray(np.moveaxis(X, -1, 0)), 0, -1)
    network = model.bind(samples, training=True)
    loss = network.loss_and_gradient(X, T, Pass(step=0))
    grads = model.grads.copy()
    assert network.loss_and_gradient(batch_first, T, Pass(step=0)) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(model.grads, grads, rtol=1e-11, atol=1e-14)


@every
@pytest.mark.parametrize("shape", [*INPUT_SHAPES, (2, 3, 4, 5)])
def test_a_shape_is_taken_or_refused(layer: LayerSpec, shape: tuple[int, ...]) -> None:
    with suppress(ShapeError):
        assert all(size > 0 for size in layer.output_form(Form.of(shape)).shape)


def test_dense_refuses_images_and_says_what_helps() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 6, 6\); put '- flatten' before it"):
        Dense(units=3).output_form(Form.of((2, 6, 6)))


def test_dense_without_bias() -> None:
    (W,) = Dense(units=3, bias=False).parameters(Form.of((5,)))
    assert (W.name, W.shape, W.decay) == ("W", (3, 5), True)


def test_rows_are_those_of_the_image_from_top_to_bottom() -> None:
    layer = first_layer(alone(Rows(), (2, 3, 4)).bind(5, training=True, input_gradient=True))
    X = generator(0, "rows").normal(size=(2, 3, 4, 5))
    Y = layer.forward(X, Pass())
    assert Y.shape == (8, 3, 5)
    for row in range(3):
        np.testing.assert_array_equal(Y[:, row], np.concatenate([X[0, row], X[1, row]]))
    np.testing.assert_array_equal(layer.backward(Y, Pass()), X)


def test_flatten_keeps_the_order_of_each_sample() -> None:
    model = model_of([Flatten(), {"dense": 2}], (2, 3, 4))
    X, _ = batch_of(model, 5)
    Y = first_layer(model.bind(5, training=False)).forward(X, INFERENCE)
    np.testing.assert_array_equal(Y, X.reshape(24, 5))


# Other libraries' values

PYTORCHS = {
    "batch_norm": {"weight": "scale", "bias": "shift"},
    "layer_norm": {"weight": "scale", "bias": "shift"},
    "dense": {"weight": "W", "bias": "b"},
    "flatten": {},
}


@pytest.mark.parametrize("case", torch_vectors("layers"), ids=case_name)
def test_as_pytorch_computes_it(case: dict[str, Any]) -> None:
    """Compares two batches in training, then one at inference with the resulting running state."""
    layer = LAYER.validate_python(case["spec"])
    shape, names = tuple(case["shape"]), PYTORCHS[layer.tag()]
    model = alone(layer, shape)
    params, grads = (model.layout.views(flat) for flat in (model.params, model.grads))
    for theirs, values in case["params"].items():
        view = params[f"only.{names[theirs]}"]
        view[...] = np.reshape(values, view.shape)
    for batch in case["batches"]:
        X, Y = np.array(batch["X"]), np.array(batch["Y"])
        bound = first_layer(model.bind(X.shape[-1], batch["training"], input_gradient=True))
        found = bound.forward(X, Pass(training=batch["training"]))
        np.testing.assert_allclose(found, Y, rtol=1e-10, atol=1e-10)
        if batch["training"]:
            dX = bound.backward(np.array(batch["dY"]), Pass())
            assert dX is not None
            np.testing.assert_allclose(dX, batch["dX"], rtol=1e-10, atol=1e-10)
            for theirs, values in batch["grads"].items():
                ours = grads[f"only.{names[theirs]}"]
                wanted = np.reshape(values, ours.shape)
                np.testing.assert_allclose(ours, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", onnx_vectors("layers"), ids=case_name)
def test_as_onnx_has_it(case: dict[str, Any]) -> None:
    layer = LAYER.validate_python(case["spec"])
    X = np.array(case["X"], np.float32)
    model = alone(layer, X.shape[:-1], "float32")
    params, state = model.layout.views(model.params), model.state_layout.views(model.state)
    for views, part in ((params, "params"), (state, "state")):
        for given, values in case.get(part, {}).items():
            views[f"only.{given}"][...] = values
    bound = first_layer(model.bind(X.shape[-1], case["training"]))
    Y = bound.forward(X, Pass(training=case["training"]))
    np.testing.assert_allclose(Y, case["Y"], rtol=1e-5, atol=2e-6)
    if "mean_after" in case:
        np.testing.assert_allclose(state["only.mean"], case["mean_after"], rtol=1e-5, atol=1e-6)


def test_a_gradient_in_any_memory_order_is_as_good() -> None:
    """Passes gradients in another memory order than the layer's own."""
    for layer in LAYERS:
        form = input_form(layer)
        if form.ids:  # they have no gradient
            continue
        bound = first_layer(alone(layer, form).bind(4, training=True, input_gradient=True))
        rng = generator(0, "order")
        X = inputs_of(form, 4)
        dY = rng.normal(size=bound.forward(X.copy(), Pass()).shape)
        dX = bound.backward(dY.copy(), Pass())
        assert dX is not None
        expected = dX.copy()
        bound.forward(X.copy(), Pass())
        dX = bound.backward(np.asfortranarray(dY), Pass())
        assert dX is not None
        np.testing.assert_allclose(dX, expected, rtol=1e-12, atol=1e-12, err_msg=name(layer))


def test_a_batch_of_one_says_nothing_of_the_variance() -> None:
    model = alone(BatchNorm(), (5,))
    X = generator(0, "one").normal(size=(5, 1))
    first_layer(model.bind(1, training=True)).forward(X, Pass())
    state = model.state_layout.views(model.state)
    np.testing.assert_allclose(state["only.mean"], 0.1 * X[:, 0])
    np.testing.assert_array_equal(state["only.variance"], 1)


def test_scales_of_images_are_not_a_weight_matrix() -> None:
    """Checks that the bound `max_norm` on a unit's weights does not apply to scales."""
    assert {len(p.shape) for p in LayerNorm().parameters(Form.of((3, 2, 4)))} == {1}


# GaussianNoise


def noisy(std: float, step: int | None, seed: int = 0) -> Array:
    """Returns zeros after the noise layer."""
    model = model_of([GaussianNoise(std=std), {"dense": 2}], (20,), seed=seed)
    zeros = np.zeros((20, 500))
    return (
        first_layer(model.bind(500, training=True))
        .forward(zeros, Pass(step is not None, step or 0))
        .copy()
    )


def test_noise_is_gaussian_and_follows_step_and_seed() -> None:
    drawn = noisy(0.3, step=2)
    assert stats.kstest(drawn.ravel(), stats.norm(0, 0.3).cdf).pvalue > 0.01
    np.testing.assert_array_equal(noisy(0.3, step=2), drawn)
    for other in (noisy(0.3, step=3), noisy(0.3, step=2, seed=1)):
        assert abs(np.corrcoef(other.ravel(), drawn.ravel())[0, 1]) < 0.05


def test_noise_is_added_in_training_only() -> None:
    assert not noisy(0.3, step=None).any()


# Dropout


def masked(rate: float, step: int | None, samples: int = 1000, seed: int = 0) -> Array:
    """Returns ones after the dropout layer."""
    model = dropping(rate, seed)
    ones = np.ones((20, samples))
    return (
        first_layer(model.bind(samples, training=True))
        .forward(ones, Pass(step is not None, step or 0))
        .copy()
    )


def dropping(rate: float, seed: int = 0) -> Model:
    return model_of([Dropout(rate=rate), {"dense": 2}], (20,), seed=seed)


def test_dropouts_mask_follows_step_and_seed() -> None:
    np.testing.assert_array_equal(masked(0.5, step=3), masked(0.5, step=3))
    for other in (masked(0.5, step=4), masked(0.5, step=3, seed=1)):
        agreement = np.mean(other == masked(0.5, step=3))
        assert abs(agreement - 0.5) < 4 * 0.5 / np.sqrt(other.size)


def test_dropout_layers_draw_different_masks() -> None:
    model = model_of([Dropout(rate=0.5), Dropout(rate=0.5), {"dense": 2}], (20,))
    body = [*model.bind(1000, training=True).body.layers.values()]
    first, second = (layer.forward(np.ones((20, 1000)), Pass()) for layer in body[:2])
    assert abs(np.mean((first > 0) == (second > 0)) - 0.5) < 4 * 0.5 / np.sqrt(first.size)


@pytest.mark.parametrize("rate", [1e-9, 0.1, 0.25, 0.5, 0.9, 1 - 1e-9])
def test_dropout_keeps_the_mean_and_the_rate(rate: float) -> None:
    Y = masked(rate, step=0)
    kept = Y > 0
    assert np.ptp(Y[kept]) == 0 if kept.any() else True  # one scale for all kept values
    rate = min(max(rate, 1 / 65536), 1 - 1 / 65536)  # the resolution of 16 random bits
    noise = np.sqrt(rate * (1 - rate) / Y.size)
    assert abs(kept.mean() - (1 - rate)) <= 4 * noise
    if 0.01 < rate < 0.99:
        assert abs(Y.mean() - 1) <= 4 * noise / (1 - rate)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_out_of_the_way_at_inference(training: bool) -> None:
    model = dropping(0.5)
    X, _ = batch_of(model, 6)
    Y = first_layer(model.bind(6, training)).forward(X, INFERENCE)
    np.testing.assert_array_equal(Y, X)


def test_dropout_lets_the_gradient_through_where_it_let_the_value() -> None:
    layer = first_layer(dropping(0.5).bind(50, training=True))
    Y = layer.forward(np.ones((20, 50)), Pass()).copy()
    dX = layer.backward(np.ones((20, 50)), Pass())
    assert dX is not None
    np.testing.assert_array_equal(dX, Y)


def test_spatial_dropout_of_vectors_is_refused() -> None:
    with pytest.raises(SettingError, match=r"has shape \(5,\); use '- dropout: 0\.2'") as caught:
        model_of([{"spatial_dropout": 0.2}, {"dense": 3}], (5,))
    assert caught.value.path == ("architecture", "layers", 0)


def test_spatial_dropout_leaves_out_whole_channels() -> None:
    model = alone(SpatialDropout(rate=0.25), (40, 3, 5))
    layer = first_layer(model.bind(50, training=True))
    ones = np.ones((40, 3, 5, 50))
    Y = layer.forward(ones.copy(), Pass(step=3)).copy()
    assert (Y[:, :1, :1] == Y).all()
    kept = Y[:, 0, 0] > 0
    assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / kept.size)
    np.testing.assert_allclose(Y[:, 0, 0][kept], 4 / 3)
    dX = layer.backward(ones.copy(), Pass())
    assert dX is not None
    np.testing.assert_array_equal(dX, Y)
    np.testing.assert_array_equal(layer.forward(ones.copy(), INFERENCE), ones)
