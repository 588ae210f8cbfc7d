"""Row groups: which are in memory, when they are read, and by whom."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import numpy as np
import pytest

from nnkit.data.batches import Batches
from nnkit.data.dataset import Array
from nnkit.data.lazy import AllIndices, LazyArray
from nnkit.data.sharding.row_groups import RECENT, RowGroups, ShardedArray, divided
from nnkit.data.sharding.shard import Field, FieldType, Shard
from nnkit.data.sharding.window_shuffle import WindowShuffle
from nnkit.errors import DataError


class Counting(Shard):
    """A shard in which each sample is its own index, and which counts how often it is read."""

    def __init__(self, first: int, sizes: tuple[int, ...]) -> None:
        self.name, self.row_groups = f"from {first}", sizes
        kind = FieldType((2,), np.dtype(np.int32))
        self.fields = {"inputs": kind, "targets": kind}
        self.first, self.reads = first, Counter[tuple[str, int]]()

    def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
        self.reads[field, group] += 1
        start = self.first + sum(self.row_groups[:group])
        numbers = np.arange(start, start + self.row_groups[group], dtype=np.int32)
        return np.column_stack([numbers, -numbers])[slice(None) if rows is None else rows]

    def place(self, field: Field) -> str:
        return self.name


def groups_of(*shards: tuple[int, ...]) -> RowGroups:
    firsts = np.cumsum([0, *map(sum, shards)])
    return RowGroups([Counting(int(f), sizes) for f, sizes in zip(firsts, shards, strict=False)])


def reads(groups: RowGroups) -> int:
    return sum(s.reads.total() for s in groups.shards if isinstance(s, Counting))


def held(groups: RowGroups) -> int:
    """The number of row groups in memory."""
    return sum(bool(loaded.fields) for loaded in groups._loaded.values())


def settled(groups: RowGroups, count: int) -> None:
    """Waits until the background has read so many row groups."""
    end = monotonic() + 30
    while reads(groups) < count and monotonic() < end:
        sleep(0.001)


def test_samples_are_found_wherever_they_are() -> None:
    groups = groups_of((3, 4), (5,), (1, 1, 6))
    array = ShardedArray(groups, "inputs")
    assert array.shape == (20, 2)
    for indices in ([0], [19, 0, 7, 7, 3], [4, 5, 6], list(range(20)), []):
        chosen = np.array(indices, dtype=np.int64)
        np.testing.assert_array_equal(array[chosen][:, 0], chosen)
        out = np.zeros((len(chosen), 2), np.float64)
        array.read(chosen, out)
        np.testing.assert_array_equal(out, np.column_stack([chosen, -chosen]))


@pytest.mark.parametrize(("sample", "shard", "row"), [(0, 0, 0), (6, 0, 6), (7, 1, 0), (19, 2, 7)])
def test_a_sample_is_located(sample: int, shard: int, row: int) -> None:
    groups = groups_of((3, 4), (5,), (1, 1, 6))
    assert groups.locate(sample) == (groups.shards[shard], row)


def test_reading_in_sequence_reads_every_row_group_once_and_keeps_few() -> None:
    groups = groups_of(*[(4, 4)] * 20)
    array = ShardedArray(groups, "inputs")
    for start in range(0, 160, 3):
        array[np.arange(start, min(start + 3, 160))]
        assert held(groups) <= RECENT + 1
    assert reads(groups) == 40


def test_what_is_expected_is_read_beforehand_and_once() -> None:
    groups = groups_of(*[(4, 4)] * 20)
    array = ShardedArray(groups, "inputs")
    array.expect(np.arange(80, 120)[::-1])
    settled(groups, 10)
    assert reads(groups) == 10
    for _ in range(5):
        array[np.random.default_rng(0).permutation(40) + 80]
    assert reads(groups) == 10
    array.expect(np.arange(0, 8))
    settled(groups, 12)
    assert reads(groups) == 12
    assert held(groups) <= 2 + RECENT


@pytest.mark.parametrize("window", [10, 64, 1000])
def test_an_epoch_reads_every_row_group_once_and_keeps_two_windows(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnkit.data.batches.GATHERED", 1)  # a batch at a time
    monkeypatch.setattr("nnkit.data.batches.AHEAD", 1)
    shards = [(8, 8, 5)] * 10
    groups = groups_of(*shards)
    inputs, targets = (
        LazyArray(ShardedArray(groups, field), AllIndices(len(groups)))
        for field in ("inputs", "targets")
    )
    assert inputs.shape == targets.shape == (210, 2)  # reads the first sample
    for shard in groups.shards:
        assert isinstance(shard, Counting)
        shard.reads.clear()
    groups._loaded.clear()
    ordering = WindowShuffle(groups.starts, groups.shard_of, groups.sizes, window)
    batches = Batches(inputs, targets, 7, seed=0, ordering=ordering)
    found = []
    for X, T, *_ in batches.epoch(0):
        np.testing.assert_array_equal(X, T)
        found += X[0].tolist()
        # A batch may be in two windows; the next is there too, and row groups in parts.
        samples = sum(groups.sizes[group] for group in groups._announced)
        assert samples <= 3 * window + 2 * 8
    assert sorted(found) == list(range(210))
    counts = Counter(
        {
            (shard.name, *key): times
            for shard in groups.shards
            if isinstance(shard, Counting)
            for key, times in shard.reads.items()
        }
    )
    assert set(counts.values()) == {1}
    assert len(counts) == 60


def test_an_error_in_the_background_is_raised_where_the_samples_are_used() -> None:
    class Broken(Counting):
        def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
            super().read(field, group, rows)
            raise DataError("broken")

    groups = RowGroups([Broken(0, (4,))])
    array = ShardedArray(groups, "inputs")
    array.expect(np.arange(4))
    settled(groups, 1)
    with pytest.raises(DataError, match="broken"):
        array[np.arange(2)]


def test_several_threads_read_the_same() -> None:
    groups = groups_of(*[(4, 4)] * 10)
    array = ShardedArray(groups, "inputs")

    def consume(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            chosen = rng.integers(0, 80, 9)
            if seed % 2:
                array.expect(chosen)
            if (array[chosen][:, 0] != chosen).any():
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(consume, range(8)))


@pytest.mark.parametrize("numbers", [[], [3], [2, 2, 2], [2, 1, 2], [0, 1, 1, 0, 5]])
def test_positions_are_divided_by_number(numbers: list[int]) -> None:
    array = np.array(numbers, dtype=np.int64)
    found = {n: np.arange(len(array))[at].tolist() for n, at in divided(array)}
    assert found == {n: [i for i, m in enumerate(numbers) if m == n] for n in set(numbers)}
