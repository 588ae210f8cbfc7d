"""Tests of batches of sequences of similar length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.ragged import Ragged
from nnkit.data.sequence_batches import POOL, SequenceBatches

LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=60)


def batches_of(lengths: list[int], **settings: int) -> SequenceBatches:
    """Batches of sequences in which every value is the number of the sequence, from 1."""
    numbered = [np.full(length, i + 1) for i, length in enumerate(lengths)]
    inputs = Ragged.joined(numbered)
    chosen = {"batch_size": 4, "seed": 0, **settings}
    return SequenceBatches(inputs, inputs, **chosen)  # type: ignore[arg-type]


@given(LENGTHS, st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_contains_every_sequence_once(
    lengths: list[int], batch_size: int, epoch: int
) -> None:
    for settings in ({"batch_size": batch_size}, {"tokens": 5 * batch_size}):
        batches = batches_of(lengths, **settings)
        order = batches.order(epoch)
        assert sorted(np.concatenate(order).tolist()) == list(range(len(lengths)))
        assert len(order) == batches.per_epoch
        assert [batch.X.shape[1] for batch in batches.epoch(epoch)] == [*map(len, order)]


@given(LENGTHS, st.integers(1, 40))
def test_a_batch_has_at_most_so_many_symbols(lengths: list[int], tokens: int) -> None:
    for batch in batches_of(lengths, tokens=tokens).epoch(1):
        assert batch.X.size <= tokens or batch.X.shape[1] == 1


def test_a_batch_has_inputs_targets_and_their_lengths() -> None:
    batches = batches_of([2, 3, 1], batch_size=3)
    (batch,) = batches.epoch(0)
    assert batch.lengths is not None
    columns = {int(x[0]): x.tolist() for x in batch.X.T}
    assert columns == {1: [1, 1, 0], 2: [2, 2, 2], 3: [3, 0, 0]}
    assert sorted(batch.lengths.tolist()) == [1, 2, 3]
    np.testing.assert_array_equal(batch.X, batch.T)
    np.testing.assert_array_equal(batch.lengths, batch.target_lengths)
    assert batch.total == 6


def test_sequences_of_similar_length_share_a_batch() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 100, size=4 * POOL).tolist()
    spreads = [np.ptp(np.asarray(b.lengths)) for b in batches_of(lengths, batch_size=4).epoch(0)]
    assert np.mean(spreads) < 5


@pytest.mark.parametrize("settings", [{"batch_size": 3}, {"tokens": 12}])
def test_the_order_depends_on_seed_and_epoch_alone(settings: dict[str, int]) -> None:
    lengths = [3, 1, 4, 1, 5, 2, 6, 5, 3, 5] * 3
    batches = batches_of(lengths, **settings)

    def order(of: SequenceBatches, epoch: int) -> list[list[int]]:
        return [part.tolist() for part in of.order(epoch)]

    assert order(batches, 2) == order(batches_of(lengths, **settings), 2)
    assert order(batches, 2) != order(batches, 3)
    assert order(batches, 2) != order(replace(batches, seed=1), 2)
    started = [b.X.tolist() for b in batches.epoch(2, 4)]
    assert started == [b.X.tolist() for b in batches.epoch(2)][4:]


def test_weights_of_sequences_count_for_each_target() -> None:
    batches = replace(batches_of([2, 3, 1], batch_size=3), weights=np.array([1.0, 2, 4]))
    (batch,) = batches.epoch(0)
    assert batch.total == 1 * 2 + 2 * 3 + 4 * 1
