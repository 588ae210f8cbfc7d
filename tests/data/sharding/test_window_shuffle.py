"""The shuffle of shards: random access to any position, and held-out sets of every row group."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.dataset import Array
from nnkit.data.sharding.window_shuffle import WindowShuffle

# For each shard, the sizes of its row groups.
SHARDS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=6)


def shuffle_of(shards: list[list[int]], window: int) -> WindowShuffle:
    sizes = np.concatenate(shards)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return WindowShuffle(
        starts, np.repeat(np.arange(len(shards)), list(map(len, shards))), sizes, window
    )


def order(shuffle: WindowShuffle, epoch: int = 0, seed: int = 0) -> Array:
    return np.array(shuffle.epoch(int(shuffle.starts[-1]), seed, epoch)[:])


@given(SHARDS, st.integers(1, 100), st.integers(0, 5))
def test_an_epoch_is_a_permutation(shards: list[list[int]], window: int, epoch: int) -> None:
    found = order(shuffle_of(shards, window), epoch)
    assert sorted(found.tolist()) == list(range(sum(map(sum, shards))))


@given(SHARDS, st.integers(1, 100), st.data())
def test_any_part_is_computed_without_the_rest(
    shards: list[list[int]], window: int, data: st.DataObject
) -> None:
    shuffle = shuffle_of(shards, window)
    whole = order(shuffle, 3)
    first, last = sorted(data.draw(st.integers(0, len(whole))) for _ in range(2))
    fresh = shuffle_of(shards, window).epoch(len(whole), 0, 3)
    np.testing.assert_array_equal(fresh[first:last], whole[first:last])
    positions = np.arange(len(whole))[::-1]
    np.testing.assert_array_equal(fresh[positions], whole[positions])


@given(SHARDS, st.integers(1, 100))
def test_samples_stay_within_their_window_of_shuffled_shards(
    shards: list[list[int]], window: int
) -> None:
    """Without the shuffle within windows, every shard is read from its beginning to its end."""
    totals = list(map(sum, shards))
    found = order(shuffle_of(shards, window))
    unshuffled = order(shuffle_of(shards, 1))
    for first in range(0, len(found), window):
        part = slice(first, first + window)
        assert sorted(found[part].tolist()) == sorted(unshuffled[part].tolist())
    breaks = [a for a, b in pairwise(unshuffled.tolist()) if b != a + 1]
    assert {a + 1 for a in breaks} <= set(np.cumsum(totals).tolist())


def test_seed_and_epoch_key_the_order() -> None:
    shuffle = shuffle_of([[20], [20], [20]], 16)
    orders = {str(order(shuffle, epoch, seed)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_every_order_of_shards_and_every_place_in_a_window_occurs() -> None:
    shuffle = shuffle_of([[2], [2], [2]], 1)
    assert len({str(order(shuffle, epoch)[::2]) for epoch in range(60)}) == 6
    shuffle = shuffle_of([[4]], 4)
    assert {int(order(shuffle, epoch)[0]) for epoch in range(40)} == {0, 1, 2, 3}


@given(SHARDS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_sets_divide_the_samples(
    shards: list[list[int]], validation: int, test: int, seed: int
) -> None:
    shuffle, samples = shuffle_of(shards, 8), sum(map(sum, shards))
    counts = {"validation": validation, "test": test}
    if validation + test >= samples:
        return
    shares = shuffle.divide(counts, samples, seed, None)
    assert list(shares) == ["validation", "test", "train"]
    assert [len(share.indices) for share in shares.values()] == [
        validation,
        test,
        samples - validation - test,
    ]
    parts = [np.array(share.indices[:]) for share in shares.values()]
    assert all((np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(samples))


@pytest.mark.parametrize("count", [10, 99, 100, 1000])
def test_every_row_group_gives_its_share(count: int) -> None:
    shuffle = shuffle_of([[100, 100, 50], [400, 300, 50], [1000]], 8)
    held_out = shuffle.divide({"validation": count}, 2000, 0, None)["validation"]
    in_group = np.histogram(held_out.indices[:], bins=shuffle.starts)[0]
    assert np.abs(in_group - shuffle.sizes * count / 2000).max() < 1


def test_a_few_samples_of_many_small_row_groups_come_from_all_over() -> None:
    shuffle = shuffle_of([[1]] * 1000, 8)
    held_out = shuffle.divide({"test": 10}, 1000, 0, None)["test"].indices[:]
    assert np.histogram(held_out, bins=10, range=(0, 1000))[0].tolist() == [1] * 10


def test_the_draw_is_keyed_by_the_seed_and_uniform_within_a_row_group() -> None:
    shuffle = shuffle_of([[10], [10]], 8)
    drawn = [shuffle.divide({"test": 4}, 20, seed, None)["test"].indices[:] for seed in range(200)]
    assert len({str(part) for part in drawn}) > 150
    occurs = np.bincount(np.concatenate(drawn), minlength=20)
    assert (np.abs(occurs - 40) < 25).all()
    again = shuffle.divide({"test": 4}, 20, 7, None)["test"].indices
    np.testing.assert_array_equal(again[:], drawn[7])
    np.testing.assert_array_equal(again[np.array([3, 0])], drawn[7][[3, 0]])


def test_the_shuffle_of_a_divided_set_covers_that_set() -> None:
    shuffle = shuffle_of([[30, 5], [40], [1]], 8)
    for share in shuffle.divide({"validation": 20}, 76, 0, None).values():
        count = len(share.indices)
        assert sorted(share.ordering.epoch(count, 0, 0)[:].tolist()) == list(range(count))
