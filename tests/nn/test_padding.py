"""Tests that what stands after the end of a sequence changes nothing, for every layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnkit.errors import SettingError
from nnkit.nn.central_differences import check_model
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.model import Model
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import generator
from tests.nn.examples import LAYERS_WITH_SETTINGS, examples, model_of, name

CHANNELS, OUTPUTS = 4, 3
MOST_OUTPUTS = 40  # positions of an output
# Layers that need samples of a fixed size, vectors or images.
FIXED_SIZE = {"flatten", "reshape", "rows", "rbf"}


def network_with(layer: LayerSpec) -> Model:
    """A network with a layer in the middle, over sequences of any length."""
    middle = layer.model_dump()
    if layer.takes_ids:
        layers, form = [middle, {"dense": OUTPUTS}], Form(CHANNELS, (None,), ids=True)
    else:
        layers, form = [{"dense": CHANNELS}, middle, {"dense": OUTPUTS}], Form(3, (None,))
    return model_of(layers, form)


def takes_sequences(layer: LayerSpec) -> bool:
    try:
        network_with(layer)
    except SettingError:
        return False
    return True


EVERY = [*examples(AnyLayer), *LAYERS_WITH_SETTINGS]
OVER_SEQUENCES = [layer for layer in EVERY if takes_sequences(layer)]


class Trained:
    """The loss, gradients, running state and output of one step of training."""

    def __init__(self, model: Model, X: Array, T: Array, lengths: Array) -> None:
        model.initialize()
        samples, positions = len(lengths), X.shape[-2:-1]
        network = model.bind(samples, True, positions, input_gradient=not model.input_form.ids)
        now = Pass(step=3, lengths=lengths)
        self.loss = network.training_loss(X, T, now)
        dX = network.backward(network.dY, now)
        self.dX = None if dX is None else dX.copy()
        self.grads, self.state = model.grads.copy(), model.state.copy()
        evaluated = model.bind(samples, False, positions)
        self.Y = evaluated.forward(X, INFERENCE._replace(lengths=lengths)).copy()
        self.ends = evaluated.body.output_lengths(lengths)


def batch(model: Model, lengths: Array, extra: int, padding: float, seed: int) -> Any:
    """Draws sequences with something after their ends, and targets."""
    rng = generator(seed, "padding")
    longest, form = int(lengths.max()), model.input_form
    shape = (longest, len(lengths)) if form.ids else (form.channels, longest, len(lengths))
    X: Array = rng.integers(form.channels, size=shape) if form.ids else rng.normal(size=shape)
    classes = rng.integers(OUTPUTS, size=(MOST_OUTPUTS, len(lengths)))
    after = np.full((*shape[:-2], extra, len(lengths)), 0 if form.ids else padding)
    X = np.concatenate([X, after.astype(X.dtype)], axis=-2)
    X[..., is_padding(longest + extra, lengths)] = 0 if form.ids else padding
    return X, np.moveaxis(np.eye(OUTPUTS)[classes], -1, 0)


def targets(model: Model, T: Array, positions: int) -> Array:
    """The targets of as many positions as the output has, or of sequences."""
    bound = model.bind(T.shape[-1], False, (positions,))
    count = bound.body.output_form.positions
    return T[:, : count[0]].copy() if count else T[:, 0].copy()


@pytest.mark.parametrize("layer", OVER_SEQUENCES, ids=name)
@settings(max_examples=settings().max_examples // 12)  # of each layer
@given(
    lengths=st.lists(st.integers(0, 7), min_size=2, max_size=5),
    extra=st.integers(0, 3),
    padding=st.sampled_from([np.nan, np.inf, 1e30]),
    seed=st.integers(0, 99),
)
@example(lengths=[0, 7, 2], extra=2, padding=np.nan, seed=0)
def test_padding_changes_nothing(
    layer: LayerSpec, lengths: list[int], extra: int, padding: float, seed: int
) -> None:
    """Compares a batch with one of other padding, and each sequence with itself alone."""
    ends = np.array([4, *lengths])  # a convolution's window must fit into the longest sequence
    model = network_with(layer)
    X, T = batch(model, ends, 0, 0.0, seed)
    one = Trained(model, X, targets(model, T, X.shape[-2]), ends)
    Z, T = batch(model, ends, extra, padding, seed)
    other = Trained(model, Z, targets(model, T, Z.shape[-2]), ends)
    assert np.isfinite(other.loss)
    assert other.loss == pytest.approx(one.loss, rel=1e-10)
    np.testing.assert_allclose(other.grads, one.grads, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other.state, one.state, rtol=1e-9, atol=1e-12)
    if one.dX is not None and other.dX is not None:
        np.testing.assert_allclose(other.dX[:, : X.shape[-2]], one.dX, rtol=1e-9, atol=1e-12)
        assert not other.dX[:, is_padding(Z.shape[-2], ends)].any()
    for sample, length in enumerate(ends):
        found = [run.Y[..., sample] for run in (one, other)]
        if one.ends is not None:
            found = [Y[:, : one.ends[sample]] for Y in found]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
        own = outputs_alone(model, X[..., :length, sample : sample + 1])
        if own is not None:
            np.testing.assert_allclose(found[0], own, rtol=1e-9, atol=1e-12)


def outputs_alone(model: Model, X: Array) -> Array | None:
    """The output for one sequence; None if it is empty, or shorter than a window."""
    if not X.shape[-2]:
        return None
    try:
        network = model.bind(1, False, X.shape[-2:-1])
    except ShapeError:
        return None
    return network.forward(X)[..., 0]


@pytest.mark.parametrize("layer", LAYERS_WITH_SETTINGS, ids=name)
def test_gradients_where_lengths_differ(layer: LayerSpec) -> None:
    model = network_with(layer)
    lengths = np.array([4, 7, 0, 2])
    X, T = batch(model, lengths, 0, 0.0, seed=0)
    checks = check_model(model, X, targets(model, T, 7), lengths=lengths, per_block=5)
    assert not [check for check in checks if not check.passed]


def test_layers_that_need_a_fixed_size_are_those_that_are_named() -> None:
    refused = {layer.tag() for layer in EVERY} - {layer.tag() for layer in OVER_SEQUENCES}
    assert refused == FIXED_SIZE


@pytest.mark.parametrize(
    ("layer", "setting", "message"),
    [
        (
            {"conv": {"filters": 2, "kernel": 3, "padding": "same", "stride": 2}},
            "padding",
            "stride",
        ),
        ({"up_sample": {"method": "bilinear"}}, "method", "use nearest"),
    ],
    ids=str,
)
def test_what_depends_on_the_length_is_refused(layer: Any, setting: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        model_of([layer, "global_avg_pool", {"dense": 2}], Form(3, (None,)))
    assert caught.value.path[-1] == setting


def test_a_batch_of_empty_sequences_has_no_loss_and_no_gradient() -> None:
    model = model_of(["batch_norm", {"dense": OUTPUTS}], Form(3, (None,)))
    X, T = np.full((3, 4, 2), np.nan), np.ones((OUTPUTS, 4, 2))
    run = Trained(model, X, T, np.zeros(2, int))
    assert run.loss == 0
    assert not run.grads.any()
    np.testing.assert_array_equal(run.state, [0, 0, 0, 1, 1, 1])
