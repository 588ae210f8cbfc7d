"""Tests of recurrent layers: PyTorch's, Keras's and ONNX's values, lengths, and settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from nnkit.nn.form import Form
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import States
from nnkit.random import generator
from tests.golden import case_name, onnx_vectors, torch_recurrent_vectors
from tests.nn.differences import assert_gradient_along_lines
from tests.nn.examples import alone, first_layer

LAYER = TypeAdapter[LayerSpec](AnyLayer)
FEATURES, POSITIONS = 3, 6
KINDS: list[dict[str, Any]] = [
    {"kind": "rnn"},
    {"kind": "rnn", "activation": "gelu"},
    {"kind": "lstm"},
    {"kind": "lstm", "peepholes": True},
    {"kind": "lstm", "layer_norm": True},
    {"kind": "gru"},
    {"kind": "gru", "reset": "before"},
]
DIRECTIONS: list[dict[str, Any]] = [
    {},
    {"bidirectional": True},
    {"bidirectional": True, "merge": "product", "initial_state": "trained"},
]
every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: case_name({"spec": kind}))
directions = pytest.mark.parametrize("settings", DIRECTIONS, ids=str)
outputs = pytest.mark.parametrize("output", ["last", "all"])


def layer_of(settings: dict[str, Any], dtype: str = "float64") -> Model:
    """A network of one recurrent layer over sequences of up to POSITIONS positions."""
    return alone(LAYER.validate_python({"units": 4, **settings}), (FEATURES, POSITIONS), dtype)


class Run:
    """The outputs and gradients of a network's first layer in one training pass."""

    def __init__(self, model: Model, X: Array, dY: Array, lengths: Array | None) -> None:
        network = model.bind(X.shape[-1], True, X.shape[1:-1], input_gradient=True)
        layer, now = first_layer(network), Pass(lengths=lengths)
        self.Y = layer.forward(X, now).copy()
        dX = layer.backward(dY.copy(), now)
        assert dX is not None
        self.dX, self.grads = dX.copy(), model.grads.copy()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("case", torch_recurrent_vectors(), ids=case_name)
def test_equal_to_pytorch_over_ragged_lengths(
    case: dict[str, Any], dtype: str, tolerance: float
) -> None:
    X, Y, dY, dX = (
        np.moveaxis(np.asarray(case[name], dtype), 0, -1) for name in ("X", "Y", "dY", "dX")
    )
    if case["spec"]["output"] == "all":
        Y, dY = Y.swapaxes(0, 1), dY.swapaxes(0, 1)  # (units, T, N)
    X, dX = X.swapaxes(0, 1), dX.swapaxes(0, 1)
    model = alone(LAYER.validate_python(case["spec"]), X.shape[:-1], dtype)
    views = model.layout.views(model.params)
    for name, values in case["params"].items():
        views[f"only.{name}"][...] = values
    run = Run(model, np.ascontiguousarray(X), dY, np.asarray(case["lengths"]))
    np.testing.assert_allclose(run.Y, Y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(run.dX, dX, rtol=tolerance, atol=tolerance)
    grads = model.layout.views(run.grads)
    assert len(grads) == len(case["grads"])
    for name, values in case["grads"].items():
        np.testing.assert_allclose(grads[f"only.{name}"], values, rtol=tolerance, atol=tolerance)


# keras/src/layers/rnn/lstm_test.py and gru_test.py: the last outputs of three sequences, read
# forward and from the end. Keras's GRU adds its bias twice, to U x and to W s.
KERAS = [
    ({"kind": "lstm"}, [0.6288687, 0.86899155, 0.9460773], [0.35622165, 0.74789524, 0.8872726]),
    ({"kind": "gru"}, [0.5217289, 0.6371659, 0.39384964], [0.24406259, 0.611516, 0.3928808]),
]


@pytest.mark.parametrize(("kind", "forward", "backward"), KERAS, ids=["lstm", "gru"])
def test_equal_to_the_values_in_keras_tests(
    kind: dict[str, Any], forward: list[float], backward: list[float]
) -> None:
    layer = LAYER.validate_python({**kind, "units": 3, "bidirectional": True})
    model = alone(layer, (4, 6), "float32")
    for name, block in model.layout.views(model.params).items():
        block[...] = {"U": 0.01, "W": 0.02, "b": 0.03, "d": 0.03}[name[-1]]
        if name[-1] == "b":
            block[3:6] = 1 if kind["kind"] == "lstm" else 0.06
            block[:3] = 0.03 if kind["kind"] == "lstm" else 0.06
    X = np.arange(72, dtype="float32").reshape(3, 6, 4)
    expected = np.repeat([forward, backward], 3, axis=0).T
    np.testing.assert_allclose(model.forward(X.swapaxes(1, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize("case", onnx_vectors("recurrent"), ids=case_name)
def test_equal_to_onnx(case: dict[str, Any]) -> None:
    X = np.array(case["X"], np.float32)
    model = alone(LAYER.validate_python(case["spec"]), X.shape[:-1], "float32")
    views = model.layout.views(model.params)
    assert len(views) == len(case["params"])
    for name, values in case["params"].items():
        views[f"only.{name}"][...] = values
    lengths = None if case["lengths"] is None else np.array(case["lengths"])
    layer = first_layer(model.bind(X.shape[-1], training=False))
    found = layer.forward(X, Pass(training=False, lengths=lengths))
    np.testing.assert_allclose(found, case["Y"], rtol=1e-5, atol=1e-6)


@every
@directions
@outputs
def test_padding_changes_nothing_and_a_sequence_alone_gives_the_same(
    kind: dict[str, Any], settings: dict[str, Any], output: str
) -> None:
    model = layer_of({**kind, **settings, "output": output})
    rng = generator(0, "ragged")
    lengths = np.array([2, 6, 0, 1, 6, 3])
    X = rng.normal(size=(FEATURES, POSITIONS, len(lengths)))
    is_padding = np.arange(POSITIONS)[:, None] >= lengths
    X[:, is_padding] = np.nan
    dY = rng.normal(size=(*model.output_shape, len(lengths)))
    if output == "all":
        dY[:, is_padding] = 0
    together = Run(model, X, dY, lengths)
    assert np.isfinite(together.Y).all()
    assert not together.dX[:, is_padding].any()
    sum_of_gradients = np.zeros_like(model.grads)
    for sample, length in enumerate(lengths):
        at = slice(sample, sample + 1)
        if not length:
            assert output == "all" or not together.Y[:, at].any() or "initial_state" in settings
            continue
        own_dY = dY[..., at] if output == "last" else dY[:, :length, at]
        one = Run(model, X[:, :length, at].copy(), own_dY, None)
        own = together.Y[..., at] if output == "last" else together.Y[:, :length, at]
        np.testing.assert_allclose(own, one.Y, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(together.dX[:, :length, at], one.dX, rtol=1e-10, atol=1e-12)
        sum_of_gradients += one.grads
    np.testing.assert_allclose(together.grads, sum_of_gradients, rtol=1e-10, atol=1e-12)


def test_irnn_starts_with_the_identity() -> None:
    settings = {"kind": "rnn", "activation": "relu", "recurrent_initializer": "identity"}
    model = layer_of(settings)
    np.testing.assert_array_equal(model.layout.views(model.params)["only.W"], np.eye(4))


def test_each_gate_starts_orthogonal_and_forgets_little() -> None:
    model = layer_of({"kind": "lstm"})
    views = model.layout.views(model.params)
    for gate in np.split(views["only.W"], 4):
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(views["only.b"], [0] * 4 + [1] * 4 + [0] * 8)


CHRONO = [  # gates in the order of the rows: +1 keeps the state, −1 admits inputs
    ({"kind": "lstm"}, [-1, 1, 0, 0]),
    ({"kind": "lstm", "peepholes": True}, [-1, 1, 0, 0]),
    ({"kind": "gru"}, [0, 1, 0]),
    ({"kind": "gru", "reset": "before"}, [0, 1, 0]),
]


@pytest.mark.parametrize(("kind", "signs"), CHRONO, ids=str)
def test_chrono_initialization_spreads_time_scales(kind: dict[str, Any], signs: list[int]) -> None:
    """log u, with u uniform in [1, T − 1), for the gate that keeps the state; −log u for i."""
    model = layer_of({**kind, "units": 200, "chrono": 51})
    gates = np.split(model.layout.views(model.params)["only.b"], len(signs))
    log_u = gates[signs.index(1)]
    u = np.exp(log_u)
    assert stats.kstest(u, stats.uniform(1, 49).cdf).pvalue > 0.001
    for gate, sign in zip(gates, signs, strict=True):
        np.testing.assert_array_equal(gate, sign * log_u)


def test_chrono_leaves_other_gates_to_the_bias_initializer() -> None:
    settings = {"kind": "lstm", "chrono": 51, "bias_initializer": {"constant": 0.5}}
    views = (model := layer_of({**settings, "bidirectional": True})).layout.views(model.params)
    for direction in ("", "reverse."):
        np.testing.assert_array_equal(views[f"only.{direction}b"][8:], [0.5] * 8)
    assert (views["only.b"] != views["only.reverse.b"])[:8].all()


def test_chrono_and_forget_bias_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="chrono draws the biases of f; remove forget_bias"):
        LAYER.validate_python({"kind": "lstm", "units": 4, "chrono": 51, "forget_bias": 2})


def test_forget_bias_takes_precedence_over_the_bias_initializer() -> None:
    drawn = {"kind": "lstm", "bias_initializer": {"constant": 0.5}}
    for settings, bias in (({}, 0.5), ({"forget_bias": 2}, 2)):
        model = layer_of({**drawn, **settings})
        b = model.layout.views(model.params)["only.b"]
        np.testing.assert_array_equal(b, [0.5] * 4 + [bias] * 4 + [0.5] * 8)


@pytest.mark.parametrize("activation", ["softmax", "sign", "prelu"])
def test_activations_without_a_derivative_of_each_number_are_refused(activation: str) -> None:
    with pytest.raises(ValidationError, match=f"'{activation}' is no function of single numbers"):
        LAYER.validate_python({"kind": "rnn", "units": 4, "activation": activation})


def test_multiplications_are_those_of_all_steps_and_directions() -> None:
    layer = layer_of({"kind": "lstm", "bidirectional": True}).stages[0]
    assert layer.multiplications == 2 * POSITIONS * 4 * 4 * (FEATURES + 4)


def test_a_merge_of_one_direction_is_refused() -> None:
    with pytest.raises(ValidationError, match="merge has no effect without 'bidirectional: true'"):
        LAYER.validate_python({"kind": "gru", "units": 4, "merge": "sum"})


def states_of(model: Model, rng: np.random.Generator, samples: int) -> list[Array]:
    """Random states of all vectors of all directions, (units, N)."""
    layer = model.stages[0].spec
    assert isinstance(layer, Recurrent)
    directions = 2 if layer.bidirectional else 1
    return [rng.normal(size=(4, samples)) for _ in range(directions * layer.states)]


@every
@directions
@pytest.mark.parametrize("lengths", [None, np.array([2, 6, 0, 1])], ids=["full", "ragged"])
def test_gradients_of_first_and_last_states(
    kind: dict[str, Any], settings: dict[str, Any], lengths: Array | None
) -> None:
    model = layer_of({**kind, **settings})
    rng = generator(0, "states")
    X = rng.normal(size=(FEATURES, POSITIONS, 4))
    first, d_last = (states_of(model, rng, 4) for _ in range(2))
    layer = first_layer(model.bind(4, True, (POSITIONS,)))
    dY = rng.normal(size=(*model.output_shape, 4))

    def objective() -> float:
        states = States({"only": first})
        Y = layer.forward(X, Pass(lengths=lengths, states=states))
        last = zip(states.last["only"], d_last, strict=True)
        return float(np.vdot(Y, dY)) + sum(float(np.vdot(S, dS)) for S, dS in last)

    objective()
    states = States({"only": first})
    states.d_last["only"] = d_last
    layer.backward(dY.copy(), Pass(lengths=lengths, states=states))
    for given, d in zip(first, states.d_first["only"], strict=True):
        assert_gradient_along_lines(objective, given, d, rng)
    grads = model.layout.views(model.grads)
    for name, block in model.layout.views(model.params).items():
        assert_gradient_along_lines(objective, block, grads[name], rng)


@every
@outputs
def test_a_sequence_in_two_parts_is_the_whole(kind: dict[str, Any], output: str) -> None:
    model = layer_of({**kind, "output": output})
    X = generator(0, "parts").normal(size=(FEATURES, POSITIONS, 3))
    whole, parts = States(), States()
    expected = first_layer(model.bind(3, False, (POSITIONS,))).forward(X, Pass(states=whole)).copy()
    found = []
    for start, end in ((0, 2), (2, 3), (3, POSITIONS)):
        parts = States(dict(parts.last))
        layer = first_layer(model.bind(3, False, (end - start,)))
        found.append(layer.forward(X[:, start:end], Pass(states=parts)).copy())
    joined = np.concatenate(found, axis=1) if output == "all" else found[-1]
    np.testing.assert_allclose(joined, expected, rtol=1e-12, atol=1e-14)
    for one, other in zip(parts.last["only"], whole.last["only"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_a_trained_first_state_is_that_of_empty_sequences() -> None:
    model = layer_of({"kind": "gru", "initial_state": "trained"})
    model.layout.views(model.params)["only.s0"][...] = [1, 2, 3, 4]
    states, lengths = States(), np.array([2, 0])
    layer = first_layer(model.bind(2, True, (POSITIONS,)))
    layer.forward(np.zeros((FEATURES, POSITIONS, 2)), Pass(lengths=lengths, states=states))
    (last,) = states.last["only"]
    np.testing.assert_array_equal(last[:, 1], [1, 2, 3, 4])


# Dropout: one mask for all positions of a sequence


def dropping(**settings: Any) -> Model:
    """A layer that adds up its inputs: relu(W s + U x), with identities for both matrices."""
    layer = {"kind": "rnn", "units": 50, "activation": "relu", "output": "all", **settings}
    model = alone(LAYER.validate_python(layer), (50, POSITIONS))
    views = model.layout.views(model.params)
    views["only.U"][...] = views["only.W"][...] = np.eye(50)
    return model


def outputs_of_ones(model: Model, now: Pass) -> Array:
    layer = first_layer(model.bind(40, True))
    return layer.forward(np.ones((50, POSITIONS, 40)), now).copy()


def test_inputs_are_dropped_at_all_positions_or_none() -> None:
    Y = outputs_of_ones(dropping(dropout=0.25), Pass(step=3))
    steps = np.diff(Y, axis=1, prepend=0)  # of each position
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape))
    kept = steps[:, 0] > 0
    np.testing.assert_allclose(steps[:, 0][kept], 4 / 3)
    assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / kept.size)
    assert not (kept[:, :1] == kept).all()  # each sequence has a mask of its own


def test_the_state_is_dropped_at_all_positions_or_none() -> None:
    Y = outputs_of_ones(dropping(recurrent_dropout=0.25), Pass(step=3))
    forgotten = (Y == 1).all(axis=1)
    powers = sum((4 / 3) ** t for t in range(POSITIONS))
    np.testing.assert_allclose(Y[:, -1][~forgotten], powers)
    assert abs(forgotten.mean() - 0.25) < 4 * np.sqrt(0.75 * 0.25 / forgotten.size)


@pytest.mark.parametrize("setting", ["dropout", "recurrent_dropout"])
def test_masks_follow_the_step_and_are_for_training_only(setting: str) -> None:
    model = dropping(**{setting: 0.5})
    one, same, other = (outputs_of_ones(model, Pass(step=step)) for step in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    everything = np.arange(1, POSITIONS + 1)[:, None]
    found = outputs_of_ones(model, Pass(training=False))
    np.testing.assert_array_equal(found, np.broadcast_to(everything, found.shape))


def test_both_directions_and_both_kinds_draw_different_masks() -> None:
    model = dropping(dropout=0.5, recurrent_dropout=0.5, bidirectional=True)
    first, second = np.split(outputs_of_ones(model, Pass(step=3)), 2)
    assert (first[:, 0] != second[:, -1]).any()
    inputs, state = first[:, 0] > 0, first[:, 1] > first[:, 0]
    assert (inputs != state).any()
    assert (inputs & ~state).any()


def test_words_are_dropped_wherever_they_stand_in_a_sequence() -> None:
    layer = LAYER.validate_python({"kind": "embedding", "units": 2, "word_dropout": 0.25})
    model = alone(layer, Form(30, (None,), ids=True))
    model.params.fill(1)
    ids = generator(0, "ids").integers(30, size=(60, 40))
    Y = first_layer(model.bind(40, True, (60,))).forward(ids, Pass(step=3))
    np.testing.assert_array_equal(Y[0], Y[1])
    kept = []
    for sample in range(40):
        for word in range(30):
            values = Y[0, ids[:, sample] == word, sample]
            assert (values == values[:1]).all()
            kept += (values[:1] > 0).tolist()
    assert abs(np.mean(kept) - 0.75) < 4 * np.sqrt(0.75 * 0.25 / len(kept))
    np.testing.assert_allclose(Y[Y > 0], 4 / 3)
    evaluated = first_layer(model.bind(40, True, (60,))).forward(ids, Pass(training=False))
    np.testing.assert_array_equal(evaluated, np.ones_like(evaluated))


def test_layer_normalization_excludes_peepholes() -> None:
    with pytest.raises(ValidationError, match="layer_norm is not defined with peepholes"):
        LAYER.validate_python({"kind": "lstm", "units": 4, "layer_norm": True, "peepholes": True})


def test_a_single_step_is_that_of_a_longer_sequence() -> None:
    """A pass of one step does without the packed weights of longer ones."""
    for kind in KINDS:
        model = layer_of({**kind, "output": "all"})
        X = generator(0, "single").normal(size=(FEATURES, POSITIONS, 3))
        whole = first_layer(model.bind(3, False, (POSITIONS,))).forward(X, Pass()).copy()
        one = first_layer(model.bind(3, False, (1,))).forward(X[:, :1], Pass())
        np.testing.assert_allclose(one, whole[:, :1], rtol=1e-12, atol=1e-14)
