"""What every layer keeps to, as first, middle and last one of a network; and dropout's draws."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import numpy as np
import pytest

from nnkit.nn.activations import AnyActivation
from nnkit.nn.gradcheck import check_model
from nnkit.nn.layer import LayerSpec, ShapeError
from nnkit.nn.layers import ActivationLayer, AnyLayer, Dense, Dropout, Flatten
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from tests.nn.examples import (
    INPUT_SHAPES,
    batch_of,
    examples,
    input_shape,
    model_of,
    name,
)

ACTIVATIONS: list[AnyActivation] = [a for a in examples(AnyActivation) if a.trainable]
LAYERS: list[LayerSpec] = [
    *(layer for layer in examples(AnyLayer) if not isinstance(layer, ActivationLayer)),
    *(ActivationLayer(function=activation) for activation in ACTIVATIONS),
]
# Of the activations, one of each way to use memory: which memory they share is what may go wrong.
OF_EACH_KIND = {(getattr(a, "saves", a.tag()), a.tag() == "softmax"): a for a in ACTIVATIONS}
VECTOR_LAYERS = [
    layer
    for layer in LAYERS
    if input_shape(layer) == (5,)
    and not (isinstance(layer, ActivationLayer) and layer.function not in OF_EACH_KIND.values())
]
every = pytest.mark.parametrize("layer", LAYERS, ids=name)
any_batch = pytest.mark.parametrize("samples", [1, 7])


def starting_with(layer: LayerSpec, dtype: str = "float64") -> Model:
    """A network in which the layer comes first."""
    return model_of([layer, "flatten", {"dense": 4}], input_shape(layer), dtype=dtype)


def assert_gradients_are_right(model: Model, samples: int = 3) -> None:
    failed = [check for check in check_model(model, *batch_of(model, samples)) if not check.passed]
    assert not failed


@every
@any_batch
def test_gradients_of_a_network_with_it(layer: LayerSpec, samples: int) -> None:
    assert_gradients_are_right(starting_with(layer), samples)


@pytest.mark.parametrize(
    ("first", "second"),
    list(product(VECTOR_LAYERS, repeat=2)),
    ids=name,
)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_any_two_in_a_row_keep_out_of_each_others_way(
    first: LayerSpec, second: LayerSpec, loss: str
) -> None:
    in_the_middle = model_of([{"dense": 4}, first, second, {"dense": 3}], (5,), loss=loss)
    assert_gradients_are_right(in_the_middle)
    at_the_end = model_of([{"dense": 3}, first, second], (5,), loss=loss)
    assert_gradients_are_right(at_the_end)


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
        network = model.network(samples, training)
        for stage, bound in zip(model.stages, network.body, strict=False):
            Y = bound.forward(Y, 0 if training else None)
            assert Y.shape == (*stage.output_shape, samples)
            assert Y.dtype == dtype


@every
def test_same_batch_same_gradients_and_the_batch_untouched(layer: LayerSpec) -> None:
    model = starting_with(layer)
    X, T = batch_of(model, 7)
    before = X.copy(), T.copy()
    network = model.network(7, training=True)
    loss = network.loss_and_gradient(X, T, step=1)
    grads = model.grads.copy()
    model.grads.fill(np.nan)  # what is not written again shows
    assert network.loss_and_gradient(X, T, step=1) == loss
    np.testing.assert_array_equal(model.grads, grads)
    model.network(7, training=False).evaluate(X, T)
    model.network(7, training=False).forward(X)
    model.forward(np.moveaxis(X, -1, 0))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(T, before[1])


@every
@any_batch
def test_memory_order_of_the_batch_does_not_matter(layer: LayerSpec, samples: int) -> None:
    model = starting_with(layer)
    X, T = batch_of(model, samples)
    samples_first = np.moveaxis(np.ascontiguousarray(np.moveaxis(X, -1, 0)), 0, -1)
    network = model.network(samples, training=True)
    loss = network.loss_and_gradient(X, T, step=0)
    grads = model.grads.copy()
    assert network.loss_and_gradient(samples_first, T, step=0) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(model.grads, grads, rtol=1e-11, atol=1e-14)


@every
@pytest.mark.parametrize("shape", [(), *INPUT_SHAPES, (2, 3, 4, 5)])
def test_a_shape_is_taken_or_refused(layer: LayerSpec, shape: tuple[int, ...]) -> None:
    with suppress(ShapeError):
        assert all(size > 0 for size in layer.output_shape(shape))


def test_dense_refuses_images_and_says_what_helps() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 6, 6\); put '- flatten' before it"):
        Dense(units=3).output_shape((2, 6, 6))


def test_dense_without_bias() -> None:
    (W,) = Dense(units=3, bias=False).parameters((5,))
    assert (W.name, W.shape, W.decay) == ("W", (3, 5), True)


def test_flatten_keeps_the_order_of_each_sample() -> None:
    model = model_of([Flatten(), {"dense": 2}], (2, 3, 4))
    X, _ = batch_of(model, 5)
    Y = model.network(5, training=False).body[0].forward(X, None)
    np.testing.assert_array_equal(Y, X.reshape(24, 5))


# Dropout


def masked(rate: float, step: int | None, samples: int = 1000, seed: int = 0) -> Array:
    """Ones after dropout."""
    model = dropping(rate, seed)
    ones = np.ones((20, samples))
    return model.network(samples, training=True).body[0].forward(ones, step).copy()


def dropping(rate: float, seed: int = 0) -> Model:
    return model_of([Dropout(rate=rate), {"dense": 2}], (20,), seed=seed)


def test_dropouts_mask_follows_step_and_seed() -> None:
    np.testing.assert_array_equal(masked(0.5, step=3), masked(0.5, step=3))
    for other in (masked(0.5, step=4), masked(0.5, step=3, seed=1)):
        agreement = np.mean(other == masked(0.5, step=3))
        assert abs(agreement - 0.5) < 4 * 0.5 / np.sqrt(other.size)


def test_dropout_layers_draw_apart() -> None:
    model = model_of([Dropout(rate=0.5), Dropout(rate=0.5), {"dense": 2}], (20,))
    body = model.network(1000, training=True).body
    first, second = (layer.forward(np.ones((20, 1000)), 0) for layer in body[:2])
    assert abs(np.mean((first > 0) == (second > 0)) - 0.5) < 4 * 0.5 / np.sqrt(first.size)


@pytest.mark.parametrize("rate", [1e-9, 0.1, 0.25, 0.5, 0.9, 1 - 1e-9])
def test_dropout_keeps_the_mean_and_the_rate(rate: float) -> None:
    Y = masked(rate, step=0)
    kept = Y > 0
    assert np.ptp(Y[kept]) == 0 if kept.any() else True  # one scale for all that are kept
    rate = min(max(rate, 1 / 65536), 1 - 1 / 65536)  # the finest that 16 random bits can tell
    noise = np.sqrt(rate * (1 - rate) / Y.size)
    assert abs(kept.mean() - (1 - rate)) <= 4 * noise
    if 0.01 < rate < 0.99:
        assert abs(Y.mean() - 1) <= 4 * noise / (1 - rate)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_out_of_the_way_at_inference(training: bool) -> None:
    model = dropping(0.5)
    X, _ = batch_of(model, 6)
    Y = model.network(6, training).body[0].forward(X, None)
    np.testing.assert_array_equal(Y, X)


def test_dropout_lets_the_gradient_through_where_it_let_the_value() -> None:
    layer = dropping(0.5).network(50, training=True).body[0]
    Y = layer.forward(np.ones((20, 50)), 0).copy()
    dX = layer.backward(np.ones((20, 50)))
    assert dX is not None
    np.testing.assert_array_equal(dX, Y)
