"""Tests of encoder–decoder networks: gradients, lengths, and steps against whole sequences."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import integers, sampled_from
from scipy.special import softmax

from nnkit.errors import SettingError
from nnkit.nn.central_differences import check_model
from nnkit.nn.form import Form
from nnkit.nn.model_summary import describe
from nnkit.nn.parallel.micro_batch_size import buffer_bytes
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.random import generator
from tests.golden import case_name, torch_attention_vectors
from tests.nn.differences import assert_gradient_along_lines
from tests.nn.seq2seq.networks import LENGTHS, START, TARGET_LENGTHS, batch, model_of

READS: list[Any] = [{"embedding": 3}, {"lstm": {"units": 4, "bidirectional": True}}]
WRITES: list[Any] = [{"embedding": 3}, {"lstm": 8}]


def attention(score: str, feeding: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {"score": score, "input_feeding": feeding}
    if score == "location":
        settings["positions"] = 4
    return {"attention": {**settings, "units": 5 if score == "additive" else None}}


SCORES = ("dot", "scaled", "general", "additive", "location")
# Encoder, decoder, start: every score with and without feeding, every start, and other layers.
NETWORKS: list[tuple[list[Any], list[Any], str]] = [
    *(
        (READS, [*WRITES, attention(score, feeding)], start)
        for score, start in zip(SCORES, ("bridge", "last", "zero", "bridge", "last"), strict=True)
        for feeding in (False, True)
    ),
    (READS, WRITES, "last"),
    (["one_hot", {"gru": 4}], ["context", {"rnn": 4}], "zero"),
    (
        ["one_hot", {"lstm": 4}, {"dropout": 0.2}, {"gru": 4}],
        [{"embedding": 3}, "context", {"gru": 4}, {"dropout": 0.2}, {"lstm": 3}],
        "bridge",
    ),
    (
        ["one_hot", {"lstm": 4}, {"lstm": 5}],
        ["one_hot", {"lstm": 4}, {"dropout": 0.2}, {"gru": 5}, attention("additive", True)],
        "last",
    ),
    (["one_hot", {"dense": 4}], ["one_hot", {"gru": 3}, attention("general", False)], "zero"),
    (READS, [{"embedding": 3}, {"gru": {"units": 4, "initial_state": "trained"}}], "zero"),
]
every = pytest.mark.parametrize(("encoder", "decoder", "start"), NETWORKS, ids=str)


def loss_and_gradient(
    model: Seq2SeqModel,
    X: Array,
    T: Array,
    lengths: Array | None,
    target_lengths: Array | None,
    weights: Array | None = None,
) -> tuple[float, Array]:
    now = Pass(lengths=lengths, target_lengths=target_lengths)
    loss = model.network(X.shape[-1]).loss_and_gradient(X, T, now, weights)
    return loss, model.grads.copy()


@every
@pytest.mark.parametrize("ragged", [False, True])
def test_gradients(encoder: list[Any], decoder: list[Any], start: str, ragged: bool) -> None:
    model = model_of(encoder, decoder, start)
    lengths, target_lengths = (LENGTHS, TARGET_LENGTHS) if ragged else (None, None)
    X, T = batch()
    now = Pass(lengths=lengths, target_lengths=target_lengths)
    network = model.network(X.shape[-1])
    network.loss_and_gradient(X, T, now)
    gradient = model.grads.copy()
    assert_gradient_along_lines(
        lambda: network.training_loss(X, T, now), model.params, gradient, generator(0, "lines")
    )


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_gradients_with_dropout_of_attention(feeding: bool, ragged: bool) -> None:
    attends = {"attention": {"input_feeding": feeding, "dropout": 0.4}}
    test_gradients(READS, [*WRITES, attends], "bridge", ragged)


def test_gradients_of_each_block() -> None:
    model = model_of(READS, [*WRITES, attention("additive", True)])
    checks = check_model(
        model, *batch(), per_block=2, lengths=LENGTHS, target_lengths=TARGET_LENGTHS
    )
    assert len(checks) == len(model.layout.parameters)
    assert not [check for check in checks if not check.passed]


@pytest.mark.parametrize("score", ["general", "additive"])  # with the kernels, and without
def test_a_copy_computes_with_its_own_parameters(score: str) -> None:
    model, (X, T) = model_of(READS, [*WRITES, attention(score, feeding=True)]), batch()
    _, gradient = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    copied = deepcopy(model)
    copied.params.fill(0)
    loss, _ = loss_and_gradient(copied, X, T, LENGTHS, TARGET_LENGTHS)
    assert loss == pytest.approx(np.log(model.output_form.channels))
    weights = copied.attention(X[:, 1], [1])
    assert weights is not None
    np.testing.assert_allclose(weights, 1 / len(X))
    np.testing.assert_array_equal(model.grads, gradient)
    assert loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)[0] != loss


@every
def test_a_batch_is_the_mean_of_its_pairs_alone(
    encoder: list[Any], decoder: list[Any], start: str
) -> None:
    """Each symbol counts the same; what a pair gives does not depend on the others."""
    without_dropout = [layer for layer in decoder if "dropout" not in layer]
    model = model_of([x for x in encoder if "dropout" not in x], without_dropout, start)
    X, T = batch()
    loss, gradient = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    mean_loss, mean_gradient = 0.0, np.zeros_like(gradient)
    for n, (length, target_length) in enumerate(zip(LENGTHS, TARGET_LENGTHS, strict=True)):
        at, share = slice(n, n + 1), target_length / TARGET_LENGTHS.sum()
        own = X[:length, at], T[:target_length, at]
        of_one, d = loss_and_gradient(model, *own, None, None)
        mean_loss, mean_gradient = mean_loss + share * of_one, mean_gradient + share * d
    assert loss == pytest.approx(mean_loss, rel=1e-12)
    np.testing.assert_allclose(gradient, mean_gradient, rtol=1e-8, atol=1e-13)


@every
def test_padding_changes_no_bit(encoder: list[Any], decoder: list[Any], start: str) -> None:
    model = model_of(encoder, decoder, start)
    X, T = batch()
    loss, gradient = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    X[np.arange(len(X))[:, None] >= LENGTHS] = -1000
    T[np.arange(len(T))[:, None] >= TARGET_LENGTHS] = -1000
    other_loss, other_gradient = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    assert other_loss == loss
    np.testing.assert_array_equal(other_gradient, gradient)


@settings(max_examples=settings().max_examples // 12)
@given(
    lengths=arrays(np.int64, 5, elements=integers(0, 5)),
    target_lengths=arrays(np.int64, 5, elements=integers(1, 6)),
    network=sampled_from([NETWORKS[5], NETWORKS[6], NETWORKS[10]]),
)
def test_a_pair_gives_the_same_alone_and_in_any_batch(
    lengths: Array, target_lengths: Array, network: tuple[list[Any], list[Any], str]
) -> None:
    model = model_of(*network)
    X, T = batch()
    now = INFERENCE._replace(lengths=lengths, target_lengths=target_lengths)
    with model.lent() as bound:
        _, together = bound.evaluate(X, T, now=now)
        for n, (length, target_length) in enumerate(zip(lengths, target_lengths, strict=True)):
            at, now = slice(n, n + 1), INFERENCE._replace(lengths=lengths[n : n + 1])
            _, alone = bound.evaluate(X[: max(length, 1), at], T[:target_length, at], now=now)
            expected = together[:, :target_length, at]
            np.testing.assert_allclose(alone, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dropout", [None, 0.4])
def test_content_and_number_of_padding_positions_do_not_matter(dropout: float | None) -> None:
    """Sources of real numbers may be NaN after their end."""
    source, attends = Form(3, (None,)), {"attention": {"input_feeding": True, "dropout": dropout}}
    model = model_of([{"gru": 4}], [*WRITES, attends], source=source)
    _, T = batch()
    X = generator(0, "real").normal(size=(3, LENGTHS.max(), len(LENGTHS)))
    expected = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    X[:, np.arange(X.shape[1])[:, None] >= LENGTHS] = np.nan
    X = np.concatenate([X, np.full((3, 2, len(LENGTHS)), np.nan)], axis=1)
    T = np.concatenate([T, np.full((3, len(LENGTHS)), -1000)])
    found = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS)
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-14)


@every
def test_steps_give_what_the_whole_sequence_gives(
    encoder: list[Any], decoder: list[Any], start: str
) -> None:
    model = model_of(encoder, decoder, start)
    X, T = batch()
    now = INFERENCE._replace(lengths=LENGTHS)
    with model.lent() as network:
        _, probabilities = network.evaluate(X, T, now=now)
    state = model.begin(X, LENGTHS)
    symbols = np.full(len(LENGTHS), START)
    for t in range(len(T)):
        logs, weights, state = model.step(state, symbols)
        np.testing.assert_allclose(np.exp(logs), probabilities[:, t], rtol=1e-9)
        if weights is not None:
            np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-9)
            assert not weights[np.arange(len(X))[:, None] >= LENGTHS].any()
        symbols = T[t]


@every
def test_selected_columns_go_on_as_they_would_alone(
    encoder: list[Any], decoder: list[Any], start: str
) -> None:
    model = model_of(encoder, decoder, start)
    X, T = batch()
    _, _, state = model.step(model.begin(X, LENGTHS), T[0])
    columns = np.array([3, 0, 3])
    some, _, _ = model.step(state.select(columns), T[1, columns])
    every, _, _ = model.step(state, T[1])
    np.testing.assert_allclose(some, every[:, columns], rtol=1e-10)


def test_columns_of_the_same_sources_share_their_memory() -> None:
    model = model_of(READS, [*WRITES, attention("general", False)])
    X, T = batch()
    _, _, state = model.step(model.begin(X, LENGTHS), T[0])
    beams = state.select(np.array([0, 0, 0, 1, 1]))
    others = beams.select(np.array([2, 0, 1, 4, 3]))
    assert others.memory is beams.memory
    assert beams.select(np.array([0, 1, 3, 4, 2])).memory is not beams.memory
    assert beams.select(np.array([0, 1])).memory is not beams.memory


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("feeding", [False, True])
def test_attention_to_nothing_is_zero_and_its_gradients_are_finite(
    score: str, feeding: bool
) -> None:
    model = model_of(READS, [*WRITES, attention(score, feeding)])
    X, T = batch()
    lengths = LENGTHS * [1, 1, 0, 1, 1]
    loss, gradient = loss_and_gradient(model, X, T, lengths, TARGET_LENGTHS)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    _, weights, _ = model.step(model.begin(X, lengths), T[0])
    assert weights is not None
    assert not weights[:, 2].any()


def test_weights_of_pairs_apply_to_all_their_symbols() -> None:
    model = model_of(READS, WRITES)
    X, T = batch()
    only = np.array([0.0, 0, 0, 2, 0])
    weighted = loss_and_gradient(model, X, T, LENGTHS, TARGET_LENGTHS, only)
    alone = loss_and_gradient(model, X[:, 3:4], T[:, 3:4], LENGTHS[3:4], TARGET_LENGTHS[3:4])
    assert weighted[0] == pytest.approx(alone[0], rel=1e-12)
    np.testing.assert_allclose(weighted[1], alone[1], rtol=1e-9, atol=1e-14)


def test_the_layer_with_the_first_infinity_is_named() -> None:
    model = model_of(READS, [*WRITES, attention("general", False)])
    X, T = batch()
    network = model.network(X.shape[-1])
    assert network.first_nonfinite(X, T, Pass()) is None
    for name in ("decoder.3.W", "encoder.0.W"):
        model.layout.views(model.params)[name][2] = np.inf
        with np.errstate(invalid="ignore"):
            assert network.first_nonfinite(X, T, Pass()) == name.rpartition(".")[0]


@every
def test_described_layer_by_layer(encoder: list[Any], decoder: list[Any], start: str) -> None:
    model = model_of(encoder, decoder, start)
    rows = describe(model)
    assert [row["name"] for row in rows] == [stage.name for stage in model.stages]
    assert sum(row["parameters"] for row in rows) == model.layout.size
    stages = model.stages_at((9,))
    assert buffer_bytes(stages, 2, 4) > buffer_bytes(stages, 1, 4) > 0


def test_a_whole_pass_without_targets_is_refused() -> None:
    model = model_of(READS, WRITES)
    X, _ = batch()
    with pytest.raises(TypeError, match="use begin"):
        model.forward(X.T)
    with model.lent() as network, pytest.raises(TypeError, match="use begin"):
        network.forward(X)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("case", torch_attention_vectors(), ids=case_name)
def test_equal_to_pytorch_over_ragged_lengths(
    case: dict[str, Any], dtype: str, tolerance: float
) -> None:
    spec = case["spec"]
    reads = [{"embedding": 3}, {"lstm": {"units": 2, "bidirectional": True}}]
    layer = {name: value for name, value in spec.items() if name != "start"}
    writes: list[Any] = [{"embedding": 3}, {"lstm": 4}, layer]
    if spec["kind"] == "context":
        writes = [{"embedding": 3}, layer, {"lstm": 4}]
    model = model_of(reads, writes, spec["start"], dtype)
    params, grads = (model.layout.views(flat) for flat in (model.params, model.grads))
    assert params.keys() == case["params"].keys()
    for name, values in case["params"].items():
        params[name][...] = values
    X, T = np.array(case["X"], np.int32), np.array(case["T"], np.int32)
    lengths, target_lengths = np.array(case["lengths"]), np.array(case["target_lengths"])
    now = Pass(lengths=lengths, target_lengths=target_lengths)
    loss = model.network(len(lengths)).loss_and_gradient(X, T, now)
    assert loss == pytest.approx(case["loss"], rel=tolerance)
    for name, values in case["grads"].items():
        np.testing.assert_allclose(grads[name], values, rtol=tolerance, atol=tolerance)
    with model.lent() as network:
        _, Y = network.evaluate(X, T, now=now._replace(training=False))
    logits = np.moveaxis(np.array(case["logits"]), -1, 0)
    counts = np.arange(len(T))[:, None] < target_lengths
    expected = softmax(logits[:, counts], axis=0)
    np.testing.assert_allclose(Y[:, counts], expected, rtol=tolerance, atol=tolerance)


FAULTS: list[tuple[list[Any], list[Any], str, tuple[str | int, ...], str]] = [
    (READS, [{"embedding": 3}, {"lstm": 5}], "last", ("start",), "cannot start decoder.1"),
    (READS, [*WRITES, {"lstm": 8}], "last", ("start",), "as many recurrent layers"),
    (["one_hot", {"dense": 3}], WRITES, "bridge", ("start",), "use 'start: zero'"),
    (
        ["one_hot", {"dense": 3}],
        [*WRITES[:1], "context", *WRITES[1:]],
        "zero",
        ("decoder", 1),
        "recurrent",
    ),
    (READS, [{"embedding": 3}], "zero", ("decoder",), "needs a recurrent layer"),
    (
        READS,
        [{"embedding": 3}, {"gru": {"units": 4, "bidirectional": True}}],
        "zero",
        ("decoder", 1, "bidirectional"),
        "not computed yet",
    ),
    (
        READS,
        [{"embedding": 3}, {"gru": {"units": 4, "initial_state": "trained"}}],
        "bridge",
        ("decoder", 1, "initial_state"),
        "has no effect",
    ),
    (
        READS,
        [*WRITES, {"dense": 3}, attention("general", True)],
        "zero",
        ("decoder", 2),
        "only recurrent layers and dropout",
    ),
    (
        READS,
        [{"embedding": 3}, attention("general", True), {"gru": 3}],
        "zero",
        ("decoder", 1, "input_feeding"),
        "needs a recurrent layer before it",
    ),
    (
        READS,
        [*WRITES, attention("general", True), attention("general", True)],
        "zero",
        ("decoder", 3, "input_feeding"),
        "only one attention",
    ),
    (
        READS,
        [{"embedding": 3}, {"gru": 3}, attention("dot", False)],
        "zero",
        ("decoder", 2, "score"),
        "make them equal",
    ),
    (["one_hot", "global_max_pool"], WRITES, "zero", ("encoder", 1), "at each position"),
]


@pytest.mark.parametrize(("encoder", "decoder", "start", "path", "message"), FAULTS, ids=str)
def test_faults_point_at_their_setting(
    encoder: list[Any],
    decoder: list[Any],
    start: str,
    path: tuple[str | int, ...],
    message: str,
) -> None:
    with pytest.raises(SettingError, match=message) as error:
        model_of(encoder, decoder, start)
    assert error.value.path == ("architecture", *path)
