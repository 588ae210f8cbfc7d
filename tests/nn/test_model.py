"""Tests of models: forward pass, memory, and unchanged inputs."""

from __future__ import annotations

import tracemalloc
from copy import deepcopy

import numpy as np
import pytest

from nnkit.nn.batch_axis import batch_first
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.parallel.execution import Execution
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


@pytest.mark.parametrize("program", [False, True])
def test_a_copy_computes_with_its_own_parameters(program: bool) -> None:
    """Copies a model whose networks are bound, on NumPy and, where there are any, on kernels."""
    model = model_of(LAYERS, (5,))
    model.execution = Execution(program=program)
    X, T = batch_of(model, 10)
    outputs = model.forward(X.T)
    model.network(10).loss_and_gradient(X, T, Pass())
    copied, gradient = deepcopy(model), model.grads.copy()
    copied.params.fill(0)
    np.testing.assert_allclose(copied.forward(X.T), 1 / 3)
    copied.network(10).loss_and_gradient(X, T, Pass())
    assert not np.array_equal(copied.grads, gradient)
    np.testing.assert_array_equal(model.grads, gradient)
    np.testing.assert_array_equal(model.forward(X.T), outputs)


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
