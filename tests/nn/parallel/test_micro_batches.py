"""Tests of micro-batches: on any number of threads, the results are those of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.data.batches import part_of
from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.parallel import micro_batch_size
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batch_size import STEP
from nnkit.nn.parallel.micro_batches import MicroBatches, pieces_of
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.mpi import Pretended
from tests.nn.examples import batch_of, model_of

LAYERS = [{"conv": {"filters": 3, "kernel": 3}}, {"max_pool": 2}, "flatten", {"dense": 4}]
SAMPLES = 3 * STEP + 5  # the last micro-batch is shorter


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micro_batch_size, "CACHE", 1)


def spatial(threads: int, *layers: object) -> Model:
    model = model_of([*layers, *LAYERS], (2, 6, 6))
    model.execution = Execution(threads)
    return model


def cut(model: Model, training: bool = True) -> MicroBatches:
    found = model.network(SAMPLES) if training else outside_training(model)
    assert isinstance(found, MicroBatches)
    return found


def outside_training(model: Model) -> Network | MicroBatches:
    with model.lent(SAMPLES) as found:
        assert isinstance(found, Network | MicroBatches)
        return found  # nothing else uses the pool


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradient_are_the_whole_batchs(threads: int, weighted: bool) -> None:
    model = spatial(threads)
    X, T = batch_of(model, SAMPLES)
    weights = generator(0, "weights").random(SAMPLES) if weighted else None
    whole = model.bind(SAMPLES, training=True).loss_and_gradient(X, T, Pass(), weights)
    expected = model.grads.copy()
    model.grads.fill(np.nan)
    loss = cut(model).loss_and_gradient(X, T, Pass(), weights)
    assert loss == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(model.grads, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_threads_give_the_same_bits(threads: int) -> None:
    model = spatial(threads, {"dropout": 0.5})
    X, T = batch_of(model, SAMPLES)
    first = cut(model).loss_and_gradient(X, T, Pass(step=3)), model.grads.tobytes()
    again = spatial(threads, {"dropout": 0.5})
    assert (cut(again).loss_and_gradient(X, T, Pass(step=3)), again.grads.tobytes()) == first


@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_and_loss_outside_training(threads: int) -> None:
    model = spatial(threads)
    X, T = batch_of(model, SAMPLES)
    whole = model.bind(SAMPLES, training=False)
    np.testing.assert_allclose(
        cut(model, training=False).forward(X), whole.forward(X), rtol=1e-10, atol=1e-14
    )
    weights = generator(0, "weights").random(SAMPLES)
    loss, Y = cut(model, training=False).evaluate(X, T, weights)
    expected, outputs = whole.evaluate(X, T, weights)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(Y, outputs, rtol=1e-10, atol=1e-14)


def test_the_loss_is_0_without_weighted_samples() -> None:
    model = spatial(2)
    X, T = batch_of(model, SAMPLES)
    assert cut(model).loss_and_gradient(X, T, Pass(), np.zeros(SAMPLES)) == 0
    assert not model.grads.any()


def test_micro_batches_draw_different_random_numbers() -> None:
    """Checks that equal samples in two micro-batches get different dropout masks."""
    model = spatial(1, {"dropout": 0.5})
    X, T = batch_of(model, STEP)
    X, T = (np.concatenate([A, A], axis=-1) for A in (X, T))
    losses = []
    for half in range(2):
        weights = np.zeros(2 * STEP)
        weights[half * STEP : (half + 1) * STEP] = 1
        found = model.network(2 * STEP)
        losses.append(found.loss_and_gradient(X, T, Pass(), weights))
    assert losses[0] != losses[1]


def test_layers_that_combine_samples_are_not_split() -> None:
    model = spatial(2, "batch_norm")
    assert isinstance(model.network(SAMPLES), Network)
    assert isinstance(outside_training(model), MicroBatches)


def test_threads_share_vectors_outside_training_alone() -> None:
    model = model_of([{"dense": 3}], (5,))
    for threads, kind in ((1, Network), (2, MicroBatches)):
        model.execution = Execution(threads)
        assert isinstance(model.network(SAMPLES), Network)
        assert isinstance(outside_training(model), kind)


def test_a_nan_in_any_piece_is_found() -> None:
    model = spatial(2)
    X, T = batch_of(model, SAMPLES)
    assert cut(model).first_nonfinite(X, T, Pass()) is None
    X[0, 0, 0, -1] = np.nan
    assert cut(model).first_nonfinite(X, T, Pass()) == "the input"


def test_overflow_in_a_thread_says_nothing() -> None:
    """Overflow is silent in all threads; NaN is detected in the loss."""
    model = spatial(2)
    X, T = batch_of(model, SAMPLES)
    with np.errstate(all="ignore"):
        assert not np.isfinite(cut(model).loss_and_gradient(X * 1e308, T, Pass()))


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
@pytest.mark.parametrize(("samples", "size"), [(64, 16), (50, 16), (5, 16), (33, 32), (1, 1)])
def test_ranks_divide_the_same_micro_batches(samples: int, size: int, ranks: int) -> None:
    """Checks that each sample gets its place in its micro-batch, on which its draws depend."""
    found = []
    for rank in range(ranks):
        part = part_of(slice(0, samples), Pretended(rank, ranks))
        if part.idle:
            continue
        for piece in pieces_of(part.size, size, part.before, part.after):
            places = range(piece.before, piece.before + piece.size)
            found += [(piece.number, place) for place in places]
            in_all = piece.before + piece.size + piece.after
            assert in_all == min(size, samples - piece.number * size)
    assert found == [divmod(sample, size) for sample in range(samples)]
