"""Compiled recurrent layers between layers in NumPy; the oracles of both are PyTorch's vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.nn.form import Form
from nnkit.nn.layer import Layer
from nnkit.nn.layers.gru import GRU
from nnkit.nn.layers.lstm import LSTM
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.layers.rnn import RNN
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Layout
from nnkit.nn.passes import Observer, Pass
from nnkit.nn.recurrent.compiled import CompiledRecurrent
from nnkit.nn.recurrent.directions import BoundRecurrent
from nnkit.nn.recurrent.states import States
from tests.nn.examples import binding_for
from tests.nn.seq2seq.networks import LENGTHS, TARGET_LENGTHS, batch, model_of

pytestmark = pytest.mark.native
FEATURES = 3


def bound(spec: Recurrent, lengths: Array, in_numpy: bool) -> tuple[Layer, Mapping[str, Array]]:
    """The layer with random parameters, and its gradients."""
    form = Form(FEATURES, (int(lengths.max()),))
    layout = Layout(spec.parameters(form))
    params = np.random.default_rng(0).normal(size=layout.size) / 2
    grads = layout.views(np.full(layout.size, np.nan))
    views = layout.views(params)
    # The kernels need gradients that lie as the parameters do.
    own = {name: np.empty_like(block) for name, block in grads.items()} if in_numpy else grads
    return spec.bind(binding_for(form, len(lengths), params.dtype, views, own)), own


def swept(layer: Layer, spec: Recurrent, lengths: Array, given_state: bool) -> list[Array]:
    """The output, dE/dX, the last state and dE/ds of the first of a pass."""
    rng = np.random.default_rng(1)
    positions, samples = int(lengths.max()), len(lengths)
    directions = 2 if spec.bidirectional else 1
    padding = np.arange(positions)[:, None] >= lengths
    X = rng.normal(size=(FEATURES, positions, samples))
    dY = rng.normal(size=(spec.output_form(Form(FEATURES, (positions,))).channels, *padding.shape))
    X[:, padding], dY[:, padding] = 0, 0
    vectors = [rng.normal(size=(2, spec.units, samples)) for _ in range(spec.states * directions)]
    states = States({"layer": [first for first, _ in vectors]} if given_state else None)
    states.d_last = {"layer": [last for _, last in vectors]}
    now = Pass(lengths=lengths, states=states)
    Y = layer.forward(X, now).copy()
    dX = layer.backward(dY, now)
    assert dX is not None
    dX[:, padding] = 0
    return [Y, dX, *states.last["layer"], *states.d_first.get("layer", [])]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([LSTM, GRU, RNN]),
    units=st.sampled_from([1, 5, 16, 19]),
    bidirectional=st.booleans(),
    trained=st.booleans(),
    given_state=st.booleans(),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=11).filter(
        lambda found: max(found) > 1
    ),
)
def test_equal_to_the_layer_in_numpy(
    kind: Any,
    units: int,
    bidirectional: bool,
    trained: bool,
    given_state: bool,
    lengths: list[int],
) -> None:
    state = "trained" if trained else "zero"
    spec = kind(units=units, output="all", bidirectional=bidirectional, initial_state=state)
    of_batch = np.array(lengths)
    compiled, grads = bound(spec, of_batch, in_numpy=False)
    reference, expected = bound(spec, of_batch, in_numpy=True)
    assert isinstance(compiled, CompiledRecurrent)
    assert isinstance(reference, BoundRecurrent)
    found = swept(compiled, spec, of_batch, given_state)
    for mine, other in zip(found, swept(reference, spec, of_batch, given_state), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)
    for name, gradient in expected.items():
        np.testing.assert_allclose(grads[name], gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("feeding", [False, True])
def test_threads_do_not_change_a_bit(feeding: bool) -> None:
    found = []
    for threads in (1, 3):
        model = model_of(
            [{"embedding": 3}, {"gru": {"units": 20, "bidirectional": True}}],
            [{"embedding": 3}, {"lstm": 17}, {"attention": {"input_feeding": feeding}}],
        )
        model.execution = Execution(threads=threads)
        X, T = (np.tile(A, 9) for A in batch())
        lengths = Pass(lengths=np.tile(LENGTHS, 9), target_lengths=np.tile(TARGET_LENGTHS, 9))
        for _ in range(4):  # how many threads work is tried out
            model.network(X.shape[-1]).loss_and_gradient(X, T, lengths)
            found.append(model.grads.copy())
    assert all(np.array_equal(gradients, found[0]) for gradients in found)


# Networks with dropout between their layers, like those of configs/scan.yaml and eng-fra.yaml.
DROPS: dict[str, tuple[list[Any], list[Any], str]] = {
    "stacked": (
        [{"embedding": 3}, {"dropout": 0.5}, {"lstm": 17}, {"dropout": 0.5}, {"lstm": 17}],
        [{"embedding": 3}, {"dropout": 0.5}, {"lstm": 17}, {"dropout": 0.5}, {"lstm": 17}],
        "last",
    ),
    "attention": (
        [{"embedding": 3}, {"dropout": 0.2}, {"gru": {"units": 9, "bidirectional": True}}],
        [
            {"embedding": 3},
            {"dropout": 0.2},
            {"gru": 17},
            {"attention": "general"},
            {"dropout": 0.3},
        ],
        "bridge",
    ),
}


@pytest.mark.parametrize("name", DROPS)
def test_dropout_between_the_layers_of_encoders_and_decoders(name: str) -> None:
    encoder, decoder, start = DROPS[name]
    model = model_of(encoder, decoder, start)
    now = Pass(step=2, lengths=LENGTHS, target_lengths=TARGET_LENGTHS)
    network, (X, T) = model.network(len(LENGTHS)), batch()
    loss = network.training_loss(X, T, now)
    assert any(isinstance(layer, CompiledRecurrent) for layer in network.layers.values())
    network.backward(network.dY, now)
    grads = model.grads.copy()
    in_numpy = now._replace(observer=Observer())  # what is observed runs on NumPy
    assert loss == pytest.approx(network.loss_and_gradient(X, T, in_numpy), rel=1e-12)
    np.testing.assert_allclose(grads, model.grads, rtol=1e-10, atol=1e-12)
    other = network.training_loss(X, T, now._replace(step=3))
    assert other != pytest.approx(loss, rel=1e-3)  # other units are dropped


class Symbols(Observer):
    """Keeps the symbols of what it is shown of steps."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def step(self, name: str, step: int, values: Mapping[str, Array]) -> None:
        self.found |= set(values)


def test_an_observed_pass_tells_what_happens_inside() -> None:
    spec, lengths, seen = LSTM(units=2, output="all"), np.array([3, 2]), Symbols()
    layer, _ = bound(spec, lengths, in_numpy=False)
    X = np.ones((FEATURES, 3, 2))
    plain = layer.forward(X, Pass(lengths=lengths)).copy()
    observed = layer.forward(X, Pass(lengths=lengths, observer=seen))
    np.testing.assert_allclose(observed, plain, rtol=1e-12)
    assert seen.found == {"i", "f", "o", "g", "s", "c"}
