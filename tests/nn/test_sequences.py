"""Tests of networks over sequences: outputs at each position, and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.central_differences import check_model
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.parallel import micro_batch_size
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import generator
from tests.nn.examples import loss_of

FEATURES, OUTPUTS, LONGEST = 3, 4, 6
LENGTHS = np.array([3, 6, 1, 6, 2])
INPUTS = Form(FEATURES, (None,))
RECURRENT = {"kind": "lstm", "units": 5, "output": "all"}
TAGGERS: list[list[Any]] = [
    [{"rnn": {"units": 5, "output": "all"}}, {"dense": OUTPUTS}],
    [RECURRENT, {"dense": OUTPUTS}],
    [{**RECURRENT, "bidirectional": True}, {"dense": 4}, {"dense": OUTPUTS}],
    [{"dense": 6}, {"gru": {"units": 5, "output": "all"}}, {"dense": OUTPUTS}],
]
LABELLERS: list[list[Any]] = [
    [{"gru": {"units": 4, "bidirectional": True}}, {"dense": OUTPUTS}],
    [RECURRENT, {"lstm": 4}, {"dense": OUTPUTS}],
]


def model_of(layers: list[Any], dtype: str = "float64") -> Model:
    architecture = Architecture.model_validate({"layers": layers, "bias_initializer": "normal"})
    loss = loss_of("cross_entropy")
    stages = build_stages(architecture, Activations(hidden=None), loss, INPUTS)
    return Model(stages, loss, 0, dtype)


def batch(model: Model) -> tuple[Array, Array]:
    """Inputs (features, T, N), and one-hot targets of each sequence or of each position."""
    rng = generator(0, "sequences")
    X = rng.normal(size=(FEATURES, LONGEST, len(LENGTHS)))
    form = model.stages[-1].output_form
    shape = (LONGEST, len(LENGTHS)) if form.positions else (len(LENGTHS),)
    return X, np.moveaxis(np.eye(OUTPUTS)[rng.integers(OUTPUTS, size=shape)], -1, 0).copy()


def loss_and_gradient(
    model: Model, X: Array, T: Array, lengths: Array | None, weights: Array | None = None
) -> tuple[float, Array]:
    network = model.bind(X.shape[-1], training=True, positions=X.shape[1:-1])
    loss = network.loss_and_gradient(X, T, Pass(lengths=lengths), weights)
    return loss, model.grads.copy()


@pytest.mark.parametrize("layers", [*TAGGERS, *LABELLERS], ids=str)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_gradients(layers: list[Any], lengths: Array | None) -> None:
    model = model_of(layers)
    checks = check_model(model, *batch(model), lengths=lengths)
    assert not [check for check in checks if not check.passed]


@pytest.mark.parametrize("layers", [*TAGGERS, *LABELLERS], ids=str)
def test_a_batch_is_the_mean_of_its_sequences_alone(layers: list[Any]) -> None:
    """Each position counts the same, or each sequence where it has one output."""
    model = model_of(layers)
    X, T = batch(model)
    loss, gradient = loss_and_gradient(model, X, T, LENGTHS)
    shares = LENGTHS / LENGTHS.sum() if T.ndim == 3 else np.full(len(LENGTHS), 1 / len(LENGTHS))
    mean_loss, mean_gradient = 0.0, np.zeros_like(gradient)
    for n, (length, share) in enumerate(zip(LENGTHS, shares, strict=True)):
        own = T[:, :length, n : n + 1] if T.ndim == 3 else T[:, n : n + 1]
        of_one, d = loss_and_gradient(model, X[:, :length, n : n + 1], own, None)
        mean_loss, mean_gradient = mean_loss + share * of_one, mean_gradient + share * d
    assert loss == pytest.approx(mean_loss, rel=1e-12)
    np.testing.assert_allclose(gradient, mean_gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("layers", [*TAGGERS, *LABELLERS], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_micro_batches_give_the_mean_of_the_whole_batch(
    layers: list[Any], weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batch_size, "CACHE", 1)
    model = model_of(layers)
    X, T = batch(model)
    X, T = np.tile(X, 8), np.tile(T, 8)
    rng = generator(0, "micro-batches")
    lengths: Array = rng.integers(1, LONGEST + 1, X.shape[-1:])
    weights: Array | None = rng.random(X.shape[-1:]) if weighted else None
    loss, gradient = loss_and_gradient(model, X, T, lengths, weights)
    divided = model.network(X.shape[-1], X.shape[1:-1])
    assert isinstance(divided, MicroBatches)
    found = divided.loss_and_gradient(X, T, Pass(lengths=lengths), weights)
    assert found == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(model.grads, gradient, rtol=1e-9, atol=1e-14)
    with model.lent(X.shape[-1], positions=X.shape[1:-1]) as lent:
        found, _ = lent.evaluate(X, T, weights, INFERENCE._replace(lengths=lengths))
    assert found == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("layers", [*TAGGERS, *LABELLERS], ids=str)
def test_what_stands_after_the_end_changes_no_bit(layers: list[Any]) -> None:
    model = model_of(layers)
    X, T = batch(model)
    loss, gradient = loss_and_gradient(model, X, T, LENGTHS)
    padding = np.arange(LONGEST)[:, None] >= LENGTHS
    X[:, padding] = np.nan
    if T.ndim == 3:
        T[:, padding] = np.nan
    other_loss, other_gradient = loss_and_gradient(model, X, T, LENGTHS)
    assert other_loss == loss
    np.testing.assert_array_equal(other_gradient, gradient)


@pytest.mark.parametrize("layers", [*TAGGERS, *LABELLERS], ids=str)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_class_numbers_stand_for_their_codes(layers: list[Any], lengths: Array | None) -> None:
    model = model_of(layers)
    X, T = batch(model)
    classes = T.argmax(axis=0)
    loss, gradient = loss_and_gradient(model, X, T, lengths)
    if lengths is not None and classes.ndim == 2:
        classes[np.arange(LONGEST)[:, None] >= lengths] = -1000
    found, found_gradient = loss_and_gradient(model, X, classes, lengths)
    assert found == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(found_gradient, gradient, rtol=1e-10, atol=1e-14)


def test_weights_of_sequences_apply_to_all_their_positions() -> None:
    model = model_of(TAGGERS[0])
    X, T = batch(model)
    only = np.array([0.0, 0, 0, 2, 0])
    weighted = loss_and_gradient(model, X, T, LENGTHS, only)
    alone = loss_and_gradient(model, X[..., 3:4], T[..., 3:4], None)
    assert weighted[0] == pytest.approx(alone[0], rel=1e-12)
    np.testing.assert_allclose(weighted[1], alone[1], rtol=1e-9, atol=1e-14)
