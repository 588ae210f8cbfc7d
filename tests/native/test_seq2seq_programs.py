"""Tests of encoders and decoders trained by the compiled kernels, against NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.native.structures import PaceStructure
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Observer, Pass
from nnkit.nn.seq2seq.seq2seq_layers import PairSize, Seq2SeqLayers
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.nn.seq2seq.seq2seq_programs import Seq2SeqPrograms
from nnkit.random import generator
from tests.native.networks import TOGETHER, use_threads
from tests.native.test_image_programs import (
    PRECISIONS,
    VARIANTS,
    GuardedBuffers,
    assert_close,
    kernels,
)
from tests.nn.seq2seq.networks import SOURCE_SYMBOLS, START, TARGET_SYMBOLS, model_of

pytestmark = pytest.mark.native
SAMPLES, LENGTH, TARGET_LENGTH = 21, 6, 7  # fill no whole tiles
Network = tuple[list[Any], list[Any], str]


def attending(score: str, states: int, *layers: Any, source: int = 9, **settings: Any) -> Network:
    """A network whose decoder has so many states and reads an encoder of 2 · `source` outputs."""
    reads = [{"embedding": 3}, {"gru": {"units": source, "bidirectional": True}}]
    attention = {"attention": {"score": score, **settings}}
    return reads, [{"embedding": 5}, {"lstm": states}, *layers, attention], "bridge"


# Every score, start and kind of cell; dropout between layers, and numbers that fill no vector.
NETWORKS: dict[str, Network] = {
    "general": attending("general", 13, units=21),
    "dot": attending("dot", 18),
    "scaled": attending("scaled", 18, {"dropout": 0.3}),
    "crowded": attending("general", 256, source=128),
    "feeding": attending("general", 13, units=21, input_feeding=True),
    "feeding a scaled score": attending("scaled", 18, input_feeding=True),
    "feeding after vectors that are not trained": (
        ["one_hot", {"lstm": 17}],
        ["one_hot", {"gru": 17}, {"attention": {"score": "dot", "input_feeding": True}}],
        "last",
    ),
    "without attention": (
        ["one_hot", {"lstm": 17}, {"dropout": 0.5}, {"gru": 5}],
        [{"embedding": 3}, {"dropout": 0.5}, {"lstm": 17}, {"rnn": 5}],
        "last",
    ),
    "of dense outputs": (
        [{"embedding": 3}, {"dense": {"units": 20, "activation": "relu"}}],
        ["one_hot", {"gru": {"units": 9, "initial_state": "trained"}}, {"attention": "general"}],
        "zero",
    ),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def model_named(name: str, dtype: str = "float64") -> Seq2SeqModel:
    return model_of(*NETWORKS[name], dtype=dtype)


def pairs(model: Seq2SeqModel) -> tuple[Array, Array]:
    """Source ids, or numbers, and target class numbers."""
    rng = generator(0, "pairs")
    X = rng.integers(SOURCE_SYMBOLS, size=(LENGTH, SAMPLES), dtype=np.int32)
    T = rng.integers(TARGET_SYMBOLS, size=(TARGET_LENGTH, SAMPLES), dtype=np.int32)
    if model.input_form.ids:
        return X, T
    return rng.normal(size=(model.input_form.channels, *X.shape)).astype(model.dtype), T


def ragged() -> Pass:
    """A pass among the draws of other ranks, over lengths of all sizes, some of which are 0."""
    rng = generator(2, "test lengths")
    return Pass(
        step=3,
        before=2,
        after=5,
        lengths=rng.integers(LENGTH + 1, size=SAMPLES),
        target_lengths=rng.integers(TARGET_LENGTH + 1, size=SAMPLES),
    )


def bound(
    model: Seq2SeqModel,
    threads: int = 1,
    buffers: Any = None,
    variant: str | None = None,
    training: bool = True,
) -> Seq2SeqPrograms:
    """The programs of a model, on that many threads."""
    layers = Seq2SeqLayers.of(model.parts, model.layout, model.state_layout, model.loss, model.seed)
    assert layers is not None
    size = PairSize(SAMPLES, LENGTH + 3, TARGET_LENGTH + 9)  # larger than batches
    whole = model.binding(
        model.input_form.at((LENGTH,)), SAMPLES, buffers or Buffers(), model.grads, training
    )
    binding = replace(whole, threads=threads)
    vectors = model.params, model.grads, model.state
    programs = Seq2SeqPrograms(layers, kernels(variant), size, binding, vectors)
    for program in (programs.encoder, programs.decoder):
        use_threads(program, threads)
        program.backward_pace = PaceStructure(**TOGETHER)
    return programs


def gradient_by(
    programs: Seq2SeqPrograms, model: Seq2SeqModel, now: Pass, weights: Array | None = None
) -> tuple[float, Array]:
    """The loss and a copy of the gradients of a batch whose share is a half."""
    X, T = pairs(model)
    model.grads.fill(np.nan)  # all of them are written
    loss = programs.loss_and_gradient(X, delayed(T), T, now, weights, 0.5)
    return loss, model.grads.copy()


def delayed(T: Array) -> Array:
    """The symbol before each of the targets."""
    return np.concatenate([np.full_like(T[:1], START), T[:-1]])


def assert_as_numpy(
    model: Seq2SeqModel,
    programs: Seq2SeqPrograms,
    now: Pass,
    weights: Array | None = None,
) -> None:
    """Compares loss and gradients with those of NumPy, which takes passes that are observed."""
    loss, grads = gradient_by(programs, model, now, weights)
    observed = now._replace(observer=Observer())
    X, T = pairs(model)
    wanted = model.network(SAMPLES).loss_and_gradient(X, T, observed, weights, 0.5)
    assert loss == pytest.approx(wanted, rel=PRECISIONS[model.dtype.name])
    for block in model.layout.parameters:
        place = model.layout.place(block)
        assert_close(grads[place], model.grads[place])


@every_network
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_gradients_are_those_of_numpy(name: str, dtype: str) -> None:
    model = model_named(name, dtype)
    weights = generator(3, "test weights").random(SAMPLES).astype(dtype)
    buffers = GuardedBuffers()
    programs = bound(model, threads=2, buffers=buffers)
    assert_as_numpy(model, programs, ragged(), weights)
    assert_as_numpy(model, programs, Pass(step=4))
    buffers.check()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_instruction_set(variant: str) -> None:
    for name in ("general", "scaled", "feeding"):
        for dtype in PRECISIONS:
            model = model_named(name, dtype)
            assert_as_numpy(model, bound(model, variant=variant), ragged())


@every_network
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    model, found = model_named(name, "float32"), set()
    for threads in (1, 2, 3):
        loss, grads = gradient_by(bound(model, threads), model, ragged())
        found.add((loss, grads.tobytes()))
    assert len(found) == 1


lengths_up_to = {
    longest: st.lists(st.integers(0, longest), min_size=SAMPLES, max_size=SAMPLES).map(np.array)
    for longest in (LENGTH, TARGET_LENGTH)
}


@given(lengths_up_to[LENGTH], lengths_up_to[TARGET_LENGTH])
@settings(max_examples=10, deadline=None)
def test_any_lengths(lengths: Array, target_lengths: Array) -> None:
    model = model_named("general")
    now = Pass(lengths=lengths, target_lengths=target_lengths)
    assert_as_numpy(model, bound(model), now)


def test_sources_of_numbers_may_hold_anything_after_their_ends() -> None:
    source = Form(3, (None,))
    model = model_of(
        [{"lstm": 17}], [{"embedding": 3}, {"gru": 9}, {"attention": "general"}], source=source
    )
    X, T = pairs(model)
    now, network = ragged(), model.network(SAMPLES)
    assert now.lengths is not None
    loss, grads = network.loss_and_gradient(X, T, now), model.grads.copy()
    assert_as_numpy(model, bound(model), now)
    X[:, np.arange(LENGTH)[:, None] >= now.lengths] = np.nan
    assert network.loss_and_gradient(X, T, now) == loss
    np.testing.assert_array_equal(model.grads, grads)


UNKNOWN: dict[str, Network] = {
    "additive": attending("additive", 5),
    "dropout of weights": attending("general", 5, dropout=0.2),
    "frozen": (
        [{"embedding": {"units": 3, "lr_factor": 0}}, {"gru": 4}],
        [{"embedding": 3}, {"gru": 4}],
        "last",
    ),
    "context": (["one_hot", {"gru": 4}], ["context", {"gru": 4}], "zero"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_kernels_do_not_know_is_left_to_numpy(name: str) -> None:
    model = model_of(*UNKNOWN[name])
    layout = model.layout, model.state_layout
    assert Seq2SeqLayers.of(model.parts, *layout, model.loss, model.seed) is None


@every_network
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_evaluation_is_that_of_numpy(name: str, dtype: str) -> None:
    model = model_named(name, dtype)
    X, T = pairs(model)
    weights = generator(3, "test weights").random(SAMPLES).astype(dtype)
    for now, own in ((ragged()._replace(training=False), weights), (INFERENCE, None)):
        programs = bound(model, threads=2, buffers=GuardedBuffers(), training=False)
        loss, Y = programs.evaluate(X, delayed(T), T, now, own)
        with model.lent() as network:
            wanted, outputs = network.evaluate(X, T, own, now._replace(observer=Observer()))
        counts = np.ones(T.shape, bool)
        if now.target_lengths is not None:
            counts = np.arange(TARGET_LENGTH)[:, None] < now.target_lengths
        assert loss == pytest.approx(wanted, rel=PRECISIONS[dtype])
        assert_close(Y[:, counts], outputs[:, counts])
        assert not Y[:, ~counts].any()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", ["general", "feeding"])
def test_a_large_vocabulary_is_computed_in_parts(name: str, dtype: str) -> None:
    model = model_of(*NETWORKS[name], dtype=dtype, symbols=2000)
    programs = bound(model)
    assert programs.output_layer is not None
    weights = generator(3, "test weights").random(SAMPLES).astype(dtype)
    assert_as_numpy(model, programs, ragged(), weights)


def test_symbols_that_there_are_not_are_refused() -> None:
    model = model_named("general")
    programs, (X, T) = bound(model), pairs(model)
    symbols = delayed(T)
    of_kinds = ((X, SOURCE_SYMBOLS), (symbols, START + 1), (T, TARGET_SYMBOLS))
    for numbers, count in of_kinds:
        before, numbers[2, 3] = numbers[2, 3], count
        with pytest.raises(IndexError, match=f"(id|class) {count}"):
            programs.loss_and_gradient(X, symbols, T, Pass(), None, 1.0)
        numbers[2, 3] = before
    programs.loss_and_gradient(X, symbols, T, Pass(), None, 1.0)


def test_what_the_kernels_do_not_know_is_said() -> None:
    assert model_named("general").unknown_to_kernels is None
    model = model_of(*attending("additive", 13))
    assert model.unknown_to_kernels == "a layer of the encoder or the decoder"
