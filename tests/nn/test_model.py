"""Tests of models: forward pass, memory, and unchanged inputs."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from nnkit.nn.batch_axis import batch_first, batch_last
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.model_summary import describe
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batch_size import buffer_bytes
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from tests.nn.examples import batch_of, examples, model_of, name

LAYERS = [{"dense": {"units": 4, "activation": "relu"}}, {"dense": 6}, {"dense": 3}]


def expected(X: Array, P: dict[str, Array]) -> Array:
    """Computes the outputs of `LAYERS` for X (N, 5) with plain NumPy, samples first."""
    H = np.maximum(X @ P["layers.0.W"].T + P["layers.0.b"], 0)
    H = np.tanh(H @ P["layers.1.W"].T + P["layers.1.b"])
    E = np.exp(H @ P["layers.2.W"].T + P["layers.2.b"])
    return E / E.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batch", [1, 4, 7, 10, 1000])
def test_forward_equals_the_formula(batch: int) -> None:
    model = model_of(LAYERS, (5,))
    X = batch_of(model, 10)[0].T
    np.testing.assert_allclose(
        model.forward(X, batch), expected(X, model.layout.views(model.params)), rtol=1e-12
    )


def test_forward_of_images_takes_them_samples_first() -> None:
    model = model_of(["flatten", *LAYERS], (2, 3, 4))
    as_vectors = model_of(LAYERS, (24,))
    as_vectors.params[:] = model.params
    X = np.moveaxis(batch_of(model, 10)[0], -1, 0)
    np.testing.assert_allclose(model.forward(X), as_vectors.forward(X.reshape(10, 24)), rtol=1e-12)


def test_forward_of_nothing_is_nothing() -> None:
    assert model_of(LAYERS, (5,)).forward(np.empty((0, 5))).shape == (0, 3)


def test_dropout_is_applied_in_training_only() -> None:
    plain, dropping = model_of(LAYERS, (5,)), model_of(LAYERS, (5,), dropout=0.5)
    dropping.params[:] = plain.params
    X, T = batch_of(plain, 10)
    np.testing.assert_array_equal(dropping.forward(X.T), plain.forward(X.T))
    with_all = plain.bind(10, training=True).loss_and_gradient(X, T, Pass(step=0))
    assert dropping.bind(10, training=True).loss_and_gradient(X, T, Pass(step=0)) != with_all


@pytest.mark.parametrize("loss", examples(AnyLoss), ids=name)
def test_evaluation_agrees_with_training_and_forward(loss: Loss) -> None:
    model = model_of(LAYERS, (5,), loss=loss)
    X, T = batch_of(model, 10)
    value, Y = model.bind(10, training=False).evaluate(X, T)
    trained = model.bind(10, training=True).loss_and_gradient(X, T, Pass(step=0))
    assert value == pytest.approx(trained, rel=1e-14)
    np.testing.assert_array_equal(batch_first(Y), model.forward(batch_first(X)))


def test_same_seed_same_weights() -> None:
    first, same, other = (model_of(LAYERS, (5,), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.params, same.params)
    assert not np.isin(other.params, first.params).any()


def test_float32_weights_are_the_float64_ones_rounded() -> None:
    exact, rounded = model_of(LAYERS, (5,)), model_of(LAYERS, (5,), dtype="float32")
    np.testing.assert_array_equal(rounded.params, exact.params.astype("float32"))


def test_a_network_is_made_once_for_each_batch_size() -> None:
    model = model_of(LAYERS, (5,))
    network = model.network(30)
    smaller = model.network(3)
    assert model.network(30) is network
    assert model.network(3) is smaller
    assert model.bind(3, training=True) is not smaller


def test_a_training_step_allocates_nothing_of_batch_size() -> None:
    model = model_of([{"dense": 128}, {"dense": 10}], (784,), activation="relu", dtype="float32")
    X, T = batch_of(model, 256)
    network = model.network(256)
    for step in range(3):
        network.loss_and_gradient(X, T, Pass(step=step))
    tracemalloc.start()
    try:
        network.loss_and_gradient(X, T, Pass(step=3))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (
        peak < 48_000
    )  # NumPy's own buffers of 8192 numbers; nnkit's smallest buffer has 131,072 bytes


def test_layer_with_the_first_infinity_is_named() -> None:
    model = model_of(LAYERS, (5,))
    network = model.bind(10, training=True)
    X, T = batch_of(model, 10)
    assert network.first_nonfinite(X, T, Pass()) is None
    model.layout.views(model.params)["layers.1.W"][2, 3] = np.inf
    with np.errstate(invalid="ignore"):
        assert network.first_nonfinite(X, T, Pass()) == "layers.1"
        X[0, 0] = np.nan
        assert network.first_nonfinite(X, T, Pass()) == "the input"


def test_description_has_a_row_for_each_stage() -> None:
    model = model_of(["flatten", *LAYERS], (1, 5))
    rows = describe(model)
    assert [(row["name"], row["kind"], row["output_shape"]) for row in rows[:3]] == [
        ("layers.0", "flatten", (5,)),
        ("layers.1", "dense", (4,)),
        ("layers.1.activation", "relu", (4,)),
    ]
    assert (rows[-1]["name"], rows[-1]["kind"]) == ("output", "softmax")
    assert sum(row["parameters"] for row in rows) == model.layout.size


@pytest.mark.parametrize(
    ("layers", "fields"),
    [
        ([{"conv": {"filters": 2, "kernel": 3}}, {"max_pool": 2}], [(3, 3), (3, 3), (4, 4)]),
        (["flatten", {"reshape": [1, 8, 6]}, {"conv": {"filters": 2, "kernel": 3}}], [(1, 1)] * 2),
        ([{"reshape": [8, 6]}, {"conv": {"filters": 2, "kernel": 3}}], [None, None]),
        ([{"residual": [{"reshape": [6, 8]}, "batch_norm", {"reshape": [1, 8, 6]}]}], [(8, 6)]),
    ],
    ids=str,
)
def test_receptive_field(layers: list[Any], fields: list[Any]) -> None:
    rows = describe(model_of([*layers, "flatten", {"dense": 3}], (1, 8, 6)))
    assert [row["receptive_field"] for row in rows[: len(fields)]] == fields
    assert rows[-1]["receptive_field"] == (8, 6)


def test_a_length_that_varies_is_described_as_any_and_counts_as_one() -> None:
    sequence = {"lstm": {"units": 5, "output": "all"}}
    layers = [{"embedding": 8}, {"conv": {"filters": 4, "kernel": 3}}, sequence, {"dense": 3}]
    rows = describe(model_of(layers, Form(30, (None,), ids=True)))
    found = [(row["output_shape"], row["receptive_field"], row["bytes"]) for row in rows]
    assert found[0] == ((8, None), (1,), 64)
    assert found[1] == ((4, None), (3,), 32)
    assert found[3:5] == [((5, None), (None,), 40), ((3, None), (None,), 24)]
    whole = describe(model_of([{"lstm": 5}, {"dense": 3}], (4, 7)))
    assert [row["receptive_field"] for row in whole] == [(7,), (7,), (7,)]


def test_attention_weights_limit_a_micro_batch() -> None:
    """A thousand positions have a million weights for each head and sample."""
    model = model_of([{"self_attention": 2}, {"dense": 3}], Form(4, (None,)))
    assert model.micro_batch_size(64, True, positions=(10,)) == 64
    assert model.micro_batch_size(64, True, positions=(1000,)) == 16
    block = model_of([{"residual": [{"self_attention": 2}]}, {"dense": 3}], Form(4, (None,)))
    assert block.micro_batch_size(64, True, positions=(1000,)) == 16


@pytest.mark.parametrize(
    ("layer", "batch", "size"),
    [
        ({"lstm": 128}, 128, 64),
        ({"lstm": 128}, 32, 32),
        ({"gru": 128}, 128, 64),
        ({"rnn": 128}, 128, 128),
        ({"rnn": 512}, 32, 16),
        ({"rnn": 4}, 1000, 256),  # in parts only because of the cache
    ],
    ids=str,
)
def test_threads_share_a_recurrent_batch_only_if_their_steps_are_large(
    layer: dict[str, int], batch: int, size: int
) -> None:
    """Threads of Python wait for each other before and after each call of a step."""
    model = model_of(["rows", layer, {"dense": 10}], (1, 28, 28), dtype="float32")
    assert model.micro_batch_size(batch, True, Execution(threads=2)) == size


def test_buffers_grow_with_the_batch() -> None:
    model = model_of(LAYERS, (5,))
    assert buffer_bytes(model.stages, 20, 4) == 2 * buffer_bytes(model.stages, 10, 4) > 0


def test_the_layers_of_a_block_have_buffers_too() -> None:
    inside = [{"dense": 50}, "batch_norm", {"residual": [{"dense": 50}, {"dense": 50}]}]
    block, chained = model_of([{"residual": inside}], (5,)), model_of(inside, (5,))
    assert buffer_bytes(block.stages, 10, 4) > buffer_bytes(chained.stages, 10, 4)


@pytest.mark.parametrize("shape", [(7, 5), (7, 2, 3), (7, 1, 4, 4)])
def test_batch_last_and_back_is_a_view(shape: tuple[int, ...]) -> None:
    X = np.arange(np.prod(shape)).reshape(shape)
    assert batch_last(X).shape == (*shape[1:], 7)
    assert np.shares_memory(batch_last(X), X)
    np.testing.assert_array_equal(batch_first(batch_last(X)), X)
