"""Tests of networks over sequences in programs, against the same networks on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import States
from nnkit.nn.sequence_programs import SequenceProgramNetwork
from nnkit.random import generator
from tests.native.networks import use_threads
from tests.native.test_image_programs import (
    PRECISIONS,
    VARIANTS,
    GuardedBuffers,
    assert_close,
    program_of,
    rows,
)
from tests.nn.examples import batch_of, inputs_of, model_of

pytestmark = pytest.mark.native
SAMPLES, LENGTH = 21, 7  # fill no whole tiles
NUMBERS, IDS = Form(5, (None,)), Form(11, (None,), ids=True)

# Units that fill no block of 16, or several; both directions, stacked layers, trained states.
NETWORKS: dict[str, tuple[list[Any], Form]] = {
    "lstm": ([{"lstm": 37}, {"dense": 3}], NUMBERS),
    "gru": ([{"gru": {"units": 20, "initial_state": "trained"}}, {"dense": 3}], NUMBERS),
    "rnn": ([{"rnn": {"units": 53, "activation": "relu"}}, {"dense": 3}], NUMBERS),
    "bidirectional": (
        [{"lstm": {"units": 9, "bidirectional": True, "initial_state": "trained"}}, {"dense": 3}],
        NUMBERS,
    ),
    "stacked": (
        [
            {"gru": {"units": 9, "output": "all", "bidirectional": True, "merge": "product"}},
            {"dense": {"units": 14, "activation": "gelu"}},
            {"lstm": {"units": 17, "output": "all", "bidirectional": True, "merge": "mean"}},
            {"rnn": {"units": 5, "output": "all"}},
            {"dense": 3},
        ],
        NUMBERS,
    ),
    "embedding": ([{"embedding": 6}, {"lstm": {"units": 20, "output": "all"}}, {"dense": 11}], IDS),
    "one_hot": (["one_hot", {"gru": {"units": 20, "output": "all"}}, {"dense": 11}], IDS),
    # Rows of so many numbers, which are set further apart.
    "crowded": (
        [
            {"gru": {"units": 256, "output": "all"}},
            {"rnn": {"units": 256, "output": "all"}},
            {"lstm": 256},
            {"dense": 3},
        ],
        NUMBERS,
    ),
    "frozen": (
        [{"rnn": {"units": 5, "output": "all", "lr_factor": 0}}, {"lstm": 4}, {"dense": 3}],
        NUMBERS,
    ),
    "dropout": (
        [
            {"spatial_dropout": 0.2},
            {"lstm": {"units": 20, "output": "all"}},
            {"dropout": 0.3},
            {"gru": {"units": 17, "output": "all"}},
            {"dropout": 0.4},
            {"activation": "relu"},
            {"dense": 3},
        ],
        NUMBERS,
    ),
    "dropout_of_embeddings": (
        [{"embedding": 6}, {"dropout": 0.5}, {"gru": 20}, {"dropout": 0.5}, {"dense": 3}],
        IDS,
    ),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def model_named(name: str, dtype: str = "float64") -> Model:
    layers, form = NETWORKS[name]
    model = model_of(layers, form, dtype=dtype)
    model.execution = Execution(program=True)
    return model


def batch(model: Model, lengths: Array | None) -> tuple[Array, Array]:
    """Inputs, NaN as padding of real numbers, and targets: classes of positions or coded ones."""
    form = model.input_form.at((LENGTH,))
    X = inputs_of(form, SAMPLES).astype(model.input_type)
    if lengths is not None and not form.ids:
        X[:, np.arange(LENGTH)[:, None] >= lengths] = np.nan
    classes = model.output_form.channels
    rng = generator(1, "test targets")
    if model.output_form.positions:
        return X, rng.integers(classes, size=(LENGTH, SAMPLES))
    return X, np.eye(classes, dtype=model.dtype)[rng.integers(classes, size=SAMPLES)].T


def ragged() -> Array:
    """Lengths of all sizes, some of which are 0."""
    return generator(2, "test lengths").integers(LENGTH + 1, size=SAMPLES)


def assert_as_numpy(
    model: Model, lengths: Array | None, weights: Array | None, threads: int = 1
) -> None:
    """Compares loss and gradients, in and outside training, and outputs with those of NumPy."""
    X, T = batch(model, lengths)
    model.execution = Execution(threads, program=True)
    now = Pass(step=3, before=2, after=5, lengths=lengths)  # among the draws of other ranks
    outside = Pass(training=False, lengths=lengths)
    network = model.network(SAMPLES, (LENGTH,))
    assert isinstance(network, SequenceProgramNetwork)
    use_threads(network.program, threads)
    loss, grads = network.loss_and_gradient(X, T, now, weights, 0.5), model.grads.copy()
    reference = model.bind(SAMPLES, True, (LENGTH,))
    wanted = reference.loss_and_gradient(X, T, now, weights, 0.5)
    trained = [model.layout.place(p) for p in model.layout.parameters if p.lr_factor]
    assert loss == pytest.approx(wanted, rel=PRECISIONS[model.dtype.name])
    for place in trained:
        assert_close(grads[place], model.grads[place])
    with model.lent(SAMPLES, positions=(LENGTH,)) as lent:
        evaluated, Y = lent.evaluate(X, T, weights, outside)
        assert_close(lent.forward(X, outside), Y)
    wanted, outputs = model.bind(SAMPLES, False, (LENGTH,)).evaluate(X, T, weights, outside)
    assert evaluated == pytest.approx(wanted, rel=PRECISIONS[model.dtype.name])
    if lengths is not None and Y.ndim == 3:
        counts = np.arange(LENGTH)[:, None] < lengths
        Y, outputs = Y[:, counts], outputs[:, counts]
    assert_close(Y, outputs)


@every_network
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_sequences_give_what_numpy_gives(name: str, dtype: str) -> None:
    model = model_named(name, dtype)
    weights = generator(3, "test weights").random(SAMPLES).astype(dtype)
    assert_as_numpy(model, None, None)
    assert_as_numpy(model, ragged(), weights, threads=2)


@every_network
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    model, lengths, found = model_named(name, "float32"), ragged(), set()
    X, T = batch(model, lengths)
    for threads in (1, 2, 3):
        model.execution = Execution(threads, program=True)
        network = model.network(SAMPLES, (LENGTH,))
        assert isinstance(network, SequenceProgramNetwork)
        use_threads(network.program, threads)
        loss = network.loss_and_gradient(X, T, Pass(lengths=lengths))
        found.add((loss, model.grads.tobytes()))
    assert len(found) == 1


@given(st.lists(st.integers(0, LENGTH), min_size=SAMPLES, max_size=SAMPLES))
@settings(max_examples=10)
def test_any_lengths(lengths: list[int]) -> None:
    assert_as_numpy(model_named("stacked"), np.array(lengths), None)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_every_instruction_set(cell: str, variant: str) -> None:
    layers: list[Any] = ["rows", {cell: {"units": 20, "bidirectional": True}}, {"dense": 3}]
    for dtype in PRECISIONS:
        model = model_of(layers, (2, 6, 5), dtype=dtype)
        X, T = batch_of(model, 19)
        wanted = model.bind(19, training=True).loss_and_gradient(X, T, Pass())
        grads = model.grads.copy()
        buffers = GuardedBuffers()
        program = program_of(model, 19, buffers, threads=2, variant=variant)
        assert program.gradient(rows(X), T.T, None) == pytest.approx(wanted, rel=PRECISIONS[dtype])
        buffers.check()
        assert_close(model.grads, grads)


def test_states_that_are_given_and_coded_targets_are_left_to_numpy() -> None:
    model = model_named("one_hot")
    X, T = batch(model, None)
    network = model.network(SAMPLES, (LENGTH,))
    loss = network.loss_and_gradient(X, T, Pass())
    coded = np.moveaxis(np.eye(11)[T], -1, 0)
    assert network.loss_and_gradient(X, coded, Pass()) == pytest.approx(loss, rel=1e-12)
    states = States()
    assert network.loss_and_gradient(X, T, Pass(states=states)) == pytest.approx(loss, rel=1e-12)
    assert [vector.shape for state in states.last.values() for vector in state] == [(20, SAMPLES)]


@pytest.mark.parametrize("wrong", [-1, 11, 2**24])
@pytest.mark.parametrize("name", ["embedding", "one_hot"])
def test_ids_and_classes_that_there_are_not_are_refused(name: str, wrong: int) -> None:
    """The kernels would read and write memory that is not theirs."""
    model = model_named(name)
    X, T = batch(model, None)
    network = model.network(SAMPLES, (LENGTH,))
    for kind, numbers in (("id", X), ("class", T)):
        before, numbers[2, 3] = numbers[2, 3], wrong
        with pytest.raises(IndexError, match=f"{kind} {wrong} is not one of 11"):
            network.loss_and_gradient(X, T, Pass())
        numbers[2, 3] = before
    network.loss_and_gradient(X, T, Pass())
