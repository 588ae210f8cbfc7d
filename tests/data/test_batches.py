"""Tests of batches: each epoch contains every sample once, and batches are reproducible."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.augment.geometric import Elastic, Rotate, Shift
from nnkit.data.augment.values import Erase, Noise
from nnkit.data.batches import GATHERED, Batches, Stretch
from nnkit.data.dataset import Array
from tests.mpi import Pretended

SIZES = st.tuples(st.integers(1, 200), st.integers(1, 60)).map(lambda pair: (sum(pair), pair[1]))


def numbered(samples: int, batch_size: int, seed: int = 0) -> Batches:
    """Returns inputs (n, 2) and targets (n, 1) that contain the sample's number."""
    numbers = np.arange(samples)
    return Batches(np.column_stack([numbers, -numbers]), numbers[:, None], batch_size, seed)


def epoch(batches: Batches, number: int, start: int = 0) -> list[list[int]]:
    """Returns the sample numbers of each batch; checks that inputs and targets match."""
    found = []
    for X, T, *_ in batches.epoch(number, start):
        np.testing.assert_array_equal(X, np.concatenate([T, -T]))
        found.append(T[0].tolist())
    return found


@given(SIZES, st.integers(0, 9))
def test_an_epoch_is_a_permutation(sizes: tuple[int, int], number: int) -> None:
    samples, size = sizes
    batches = numbered(samples, size)
    found = epoch(batches, number)
    assert sorted(chain(*found)) == list(range(samples))
    assert len(found) == batches.per_epoch
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)


@given(SIZES, st.integers(0, 9), st.data())
def test_a_start_gives_the_tail(sizes: tuple[int, int], number: int, data: st.DataObject) -> None:
    batches = numbered(*sizes)
    start = data.draw(st.integers(0, batches.per_epoch))
    assert epoch(batches, number, start) == epoch(batches, number)[start:]


def test_many_batches_are_gathered_at_once_and_come_out_the_same() -> None:
    samples = 2 * GATHERED // numbered(1, 1).inputs.nbytes + 100
    batches = numbered(samples, 48)
    whole = epoch(batches, 3)
    assert sorted(chain(*whole)) == list(range(samples))
    for start in (1, samples // 48 // 2, samples // 48 // 2 + 1, batches.per_epoch - 1):
        assert epoch(batches, 3, start) == whole[start:]


@pytest.mark.parametrize("size", [1, 16 * 7 * 2, 1 << 20])
def test_stretches_are_the_batches_of_all_epochs_and_stay_until_the_next_but_one(size: int) -> None:
    batches = numbered(50, 7, seed=3)
    expected = chain.from_iterable(epoch(batches, number, 5 * (number == 1)) for number in count(1))
    coming = batches.stretches(first=batches.per_epoch + 5, size=size)
    before: tuple[Stretch, list[list[int]]] | None = None
    for stretch in islice(coming, 12):
        if before is not None:
            assert before[0].X.tolist() == before[1]
        steps = -(-len(stretch.order) // batches.batch_size)
        found = stretch.X[stretch.order, 0].tolist()
        assert found == list(chain(*islice(expected, steps)))
        assert stretch.T[:, 0].tolist() == stretch.X[:, 0].tolist() == sorted(found)
        before = stretch, stretch.X.tolist()


class Wide:
    """Targets (n, 100,000) that contain the sample's number, created when they are read."""

    shape, dtype = (200, 100_000), np.dtype(np.float32)

    def __init__(self) -> None:
        self.read_at_once = 0

    def read(self, chosen: Array, out: Array) -> None:
        self.read_at_once = max(self.read_at_once, len(chosen))
        out[...] = chosen[:, None]


def test_targets_made_as_they_are_read_are_gathered_no_more_at_a_time_than_needed() -> None:
    numbers, targets = np.arange(200), Wide()
    batches = Batches(np.column_stack([numbers, -numbers]), targets, 4, seed=0)
    for X, T, *_ in batches.epoch(1):
        np.testing.assert_array_equal(T[:2] * [[1], [-1]], X)
    assert targets.read_at_once == 4


def test_seed_and_epoch_key_the_order() -> None:
    orders = {str(epoch(numbered(50, 50, seed), e)) for seed in range(5) for e in range(5)}
    assert len(orders) == 25
    assert epoch(numbered(50, 7, seed=3), 4) == epoch(numbered(50, 7, seed=3), 4)


def test_the_batch_size_does_not_change_the_order() -> None:
    assert [*chain(*epoch(numbered(50, 7), 2))] == [*chain(*epoch(numbered(50, 50), 2))]


def test_positions_of_an_image_stay_in_place() -> None:
    images: Array = np.arange(6 * 2 * 3 * 4).reshape(6, 2, 3, 4)
    for X, T, *_ in Batches(images, np.arange(6)[:, None], 4, seed=0).epoch(0):
        np.testing.assert_array_equal(X, np.moveaxis(images[T[0]], 0, -1))


def test_a_memory_mapped_file_gives_the_same_batches(tmp_path: Path) -> None:
    batches = numbered(100, 8)
    np.save(tmp_path / "x.npy", np.asfortranarray(batches.inputs))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert epoch(Batches(mapped, batches.targets, 8, seed=0), 5) == epoch(batches, 5)


@given(SIZES, st.integers(1, 5), st.booleans())
def test_ranks_share_each_batch(sizes: tuple[int, int], ranks: int, weighted: bool) -> None:
    samples, size = sizes
    whole = numbered(samples, size)
    if weighted:
        whole = replace(whole, weights=np.arange(samples) % 3.0)
    shares = [replace(whole, ranks=Pretended(rank, ranks)).epoch(1) for rank in range(ranks)]
    for batch, *parts in zip(whole.epoch(1), *shares, strict=True):
        own = [part for part in parts if not part.idle]
        np.testing.assert_array_equal(np.concatenate([p.X for p in own], axis=-1), batch.X)
        np.testing.assert_array_equal(np.concatenate([p.T for p in own], axis=-1), batch.T)
        if batch.total:
            assert sum(part.share for part in parts) == pytest.approx(1)
        assert len(own) == min(ranks, batch.size)
        for part in parts:
            assert (part.size, part.total) == (batch.size, batch.total)
            assert part.X.shape[-1] >= 1
            assert part.share == 0 or not part.idle


def test_ranks_draw_the_augmentation_of_the_whole_batch() -> None:
    images = np.random.default_rng(0).random((30, 1, 28, 28))
    augment = (Shift(), Rotate(), Elastic(), Erase(), Noise())
    whole = Batches(images, np.arange(30)[:, None], 13, 0, augment=augment)
    shares = [replace(whole, ranks=Pretended(rank, 3)).epoch(1) for rank in range(3)]
    for batch, *parts in zip(whole.epoch(1), *shares, strict=True):
        np.testing.assert_array_equal(np.concatenate([p.X for p in parts], axis=-1), batch.X)
