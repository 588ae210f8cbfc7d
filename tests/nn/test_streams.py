"""Tests of streams: batches that continue the sequences of the batches before them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.form import Form
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.model import Model
from nnkit.nn.parallel import micro_batch_size
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.nn.recurrent.states import States
from nnkit.random import generator
from tests.golden import case_name, torch_recurrent_vectors
from tests.nn.examples import alone, examples, model_of, name
from tests.nn.test_padding import OVER_SEQUENCES, network_with

LAYER = TypeAdapter[LayerSpec](AnyLayer)
FEATURES, SAMPLES, POSITIONS = 3, 4, 6


@pytest.mark.parametrize("case", torch_recurrent_vectors("streams"), ids=case_name)
def test_gradients_end_where_the_last_batch_ended_as_in_pytorch(case: dict[str, Any]) -> None:
    X, Y, dY, dX = (np.array(case[part]).transpose(2, 1, 0) for part in ("X", "Y", "dY", "dX"))
    half = X.shape[1] // 2
    model = alone(LAYER.validate_python(case["spec"]), Form(FEATURES, (None,)))
    for given, values in case["params"].items():
        model.layout.views(model.params)[f"only.{given}"][...] = values
    states, grads = States(), np.zeros_like(model.grads)
    for place in (slice(half), slice(half, None)):
        states = States(states.last)
        network = model.bind(X.shape[-1], True, (half,), input_gradient=True)
        now = Pass(states=states)
        found = network.body.forward(X[:, place], now)
        np.testing.assert_allclose(found, Y[:, place], rtol=1e-10, atol=1e-10)
        found_dX = network.backward(dY[:, place].copy(), now)
        assert found_dX is not None
        np.testing.assert_allclose(found_dX, dX[:, place], rtol=1e-10, atol=1e-10)
        grads += model.grads
    for given, values in case["grads"].items():
        of_block = model.layout.views(grads)[f"only.{given}"]
        np.testing.assert_allclose(of_block, values, rtol=1e-10, atol=1e-10)


def whole_and_parts(model: Model) -> tuple[Array, Array]:
    """The outputs of sequences, and those of their halves joined."""
    form = model.input_form
    shape = (POSITIONS, SAMPLES)
    rng = generator(0, "streams")
    X = rng.integers(form.channels, size=shape) if form.ids else rng.normal(size=(3, *shape))
    whole = model.bind(SAMPLES, False, (POSITIONS,)).forward(X).copy()
    states, found = States(), []
    for part in np.split(X, 2, axis=-2):
        states = States(states.last)
        network = model.bind(SAMPLES, False, (POSITIONS // 2,))
        found.append(network.forward(part, INFERENCE._replace(states=states)).copy())
    return whole, np.concatenate(found, axis=1) if whole.ndim > 2 else found[-1]


CONTINUING = [layer for layer in OVER_SEQUENCES if layer.continues_streams]


@pytest.mark.parametrize("layer", CONTINUING, ids=name)
def test_parts_one_after_the_other_give_the_whole(layer: LayerSpec) -> None:
    whole, parts = whole_and_parts(network_with(layer))
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        {"lstm": {"units": 3, "output": "all", "bidirectional": True}},
        {"residual": [{"gru": {"units": 4, "output": "all", "bidirectional": True}}]},
        {"self_attention": {"causal": True}},
        "positional_encoding",
        {"conv": {"filters": 2, "kernel": 3, "padding": "same"}},
        "global_avg_pool",
    ],
    ids=str,
)
def test_layers_that_cannot_continue_a_stream_are_known(layer: Any) -> None:
    model = model_of([layer, {"dense": 2}], Form(FEATURES, (None,)))
    assert not model.stages[0].spec.continues_streams
    whole, parts = whole_and_parts(model)
    assert not np.allclose(parts, whole, rtol=1e-3)


def test_every_other_layer_continues() -> None:
    tags = {layer.tag() for layer in examples(AnyLayer) if layer.continues_streams}
    assert {"dense", "embedding", "rnn", "lstm", "gru", "dropout", "batch_norm"} <= tags


STACK: list[Any] = [
    {"lstm": {"units": 3, "output": "all"}},
    {"residual": [{"gru": {"units": 3, "output": "all"}}]},
    {"dense": 2},
]


def test_nothing_stays_in_a_layer_between_passes() -> None:
    """Evaluation between two steps changes no bit of the second."""
    model = model_of(STACK, Form(FEATURES, (None,)))
    network = model.bind(SAMPLES, True, (POSITIONS,))
    rng = generator(0, "streams")
    X, Z = rng.normal(size=(2, FEATURES, POSITIONS, SAMPLES))
    first = network.forward(X).copy()
    states = States()
    network.forward(Z, Pass(states=states))
    np.testing.assert_array_equal(network.forward(X), first)
    kept = {layer: [s.copy() for s in state] for layer, state in states.last.items()}
    continued = network.forward(X, Pass(states=States(states.last))).copy()
    network.forward(Z)
    for layer, state in states.last.items():
        np.testing.assert_array_equal(state, kept[layer])
    np.testing.assert_array_equal(network.forward(X, Pass(states=States(states.last))), continued)
    assert not np.allclose(continued, first)
    assert set(kept) == {"layers.0", "layers.1.layers.0"}


def test_micro_batches_have_the_states_of_their_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micro_batch_size, "CACHE", 1)
    samples = 40
    model = model_of(STACK, Form(FEATURES, (None,)))
    rng = generator(0, "streams")
    X = rng.normal(size=(2, FEATURES, POSITIONS, samples))
    T = np.eye(2)[rng.integers(2, size=(POSITIONS, samples))].transpose(2, 0, 1)
    found = []
    for network in (
        model.bind(samples, True, (POSITIONS,)),
        model.network(samples, (POSITIONS,)),
    ):
        states = States()
        for part in X:
            states = States(states.last)
            loss = network.loss_and_gradient(part, T, Pass(states=states))
        found.append((loss, model.grads.copy(), states))
    assert isinstance(network, MicroBatches)
    (loss, grads, states), (other_loss, other_grads, other_states) = found
    assert other_loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(other_grads, grads, rtol=1e-9, atol=1e-14)
    for written, others in (
        (states.last, other_states.last),
        (states.d_first, other_states.d_first),
    ):
        assert set(written) == {"layers.0", "layers.1.layers.0"}
        for layer, vectors in written.items():
            np.testing.assert_allclose(others[layer], vectors, rtol=1e-10, atol=1e-13)
