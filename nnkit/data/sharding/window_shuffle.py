"""The shuffle of data in shards: of the shards, and of samples within a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nnkit.data.lazy import Array, Indices, LazyArray
from nnkit.data.ordering import Ordering, Share
from nnkit.data.sharding.row_groups import divided
from nnkit.random import generator

REMEMBERED = 1 << 20  # drawn or shuffled indices that are kept instead of being drawn again


@dataclass(frozen=True)
class WindowShuffle(Ordering):
    """Shuffles the shards, then the samples within each window of the resulting sequence.

    The window after the one being read is known, so it can be loaded beforehand; no other part of
    the data needs to be in memory. Held-out sets are drawn from every row group, in proportion to
    its size.

    Attributes:
        starts: the index of the first sample of each row group in the undivided data, and the
            number of samples, (groups + 1,).
        shard_of: the number of each row group's shard, ascending, (groups,).
        sizes: the number of this set's samples in each row group, (groups,).
        window: the number of samples that are shuffled together.
    """

    starts: Array
    shard_of: Array
    sizes: Array
    window: int

    def epoch(self, samples: int, seed: int, epoch: int) -> Indices:
        in_shard = np.bincount(self.shard_of, weights=self.sizes).astype(np.int64)
        order = generator(seed, "shuffle/shards", epoch).permutation(len(in_shard))
        first = (np.cumsum(in_shard) - in_shard)[order]
        return _Windows(first, np.cumsum(in_shard[order]), self.window, seed, epoch)

    def divide(
        self, counts: Mapping[str, int], samples: int, seed: int, strata: Array | LazyArray | None
    ) -> dict[str, Share]:
        shares: dict[str, Share] = {}
        low = np.zeros_like(self.sizes)
        for name, count in counts.items():
            high = low + _in_proportion(count, self.sizes - low)
            shares[name] = self._share(low, high, seed)
            low = high
        return {**shares, "train": self._share(low, self.sizes, seed)}

    def _share(self, low: Array, high: Array, seed: int) -> Share:
        ordering = WindowShuffle(self.starts, self.shard_of, high - low, self.window)
        return Share(DrawnRows(self.starts, low, high, seed), ordering)


def _in_proportion(count: int, sizes: Array) -> Array:
    """Distributes a count over groups in proportion to their sizes, as evenly as possible."""
    ends = np.cumsum(sizes)
    return np.diff(ends * count // ends[-1], prepend=0)


@dataclass(frozen=True)
class DrawnRows:
    """The indices of samples drawn at random from each row group, ascending.

    Each row group is shuffled by a random stream of its own; the set is a range of the result. The
    rows of a group are drawn when they are needed, so the memory does not grow with the data.

    Attributes:
        starts: the index of the first sample of each row group, and the number of samples,
            (groups + 1,).
        low: the first position of the range in each shuffled row group, (groups,).
        high: the position after the last, (groups,).
        seed: seed of the draw.
    """

    starts: Array
    low: Array
    high: Array
    seed: int
    _drawn: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def ends(self) -> Array:
        """The position in the set after each row group's last sample, (groups,)."""
        return np.cumsum(self.high - self.low)

    @property
    def nbytes(self) -> int:
        """The memory that is always taken."""
        return self.low.nbytes + self.high.nbytes

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, key: Any) -> Array:
        positions = np.arange(*key.indices(len(self))) if isinstance(key, slice) else key
        found = np.empty(len(positions), dtype=np.int64)
        for group, at in divided(np.searchsorted(self.ends, positions, side="right")):
            rows = self._rows(group)
            found[at] = rows[positions[at] - (self.ends[group] - len(rows))] + self.starts[group]
        return found

    @cached_property
    def _most_remembered(self) -> int:
        return max(2, REMEMBERED // int(np.diff(self.starts).max()))

    def _rows(self, group: int) -> Array:
        """The drawn rows of a row group, ascending."""
        rows = self._drawn.get(group)
        if rows is None:
            count = int(self.starts[group + 1] - self.starts[group])
            shuffled = generator(self.seed, "split/row group", group).permutation(count)
            rows = np.sort(shuffled[self.low[group] : self.high[group]])
            if len(self._drawn) >= self._most_remembered:
                self._drawn.clear()
            self._drawn[group] = rows
        return rows


@dataclass(frozen=True)
class _Windows:
    """The order of an epoch, computed a window at a time.

    Attributes:
        first: the index of the first sample of each shard, in the order of the epoch, (shards,).
        ends: the position after each shard's last sample before windows are shuffled, (shards,).
        window: the number of samples that are shuffled together.
        seed: seed of the shuffle.
        epoch: number of the epoch.
    """

    first: Array
    ends: Array
    window: int
    seed: int
    epoch: int
    _computed: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def nbytes(self) -> int:
        return self.first.nbytes + self.ends.nbytes

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, key: slice | Array) -> Array:
        positions = np.arange(*key.indices(len(self))) if isinstance(key, slice) else key
        found = np.empty(len(positions), dtype=np.int64)
        for number, at in divided(positions // self.window):
            found[at] = self._window(number)[positions[at] - number * self.window]
        return found

    def _window(self, number: int) -> Array:
        """The sample indices of a window, in order."""
        indices = self._computed.get(number)
        if indices is None:
            start = number * self.window
            size = min(self.window, len(self) - start)
            shuffled = generator(self.seed, "shuffle/window", self.epoch, number).permutation(size)
            positions = start + shuffled
            shard = np.searchsorted(self.ends, positions, side="right")
            sizes = np.diff(self.ends, prepend=0)
            indices = positions - (self.ends - sizes)[shard] + self.first[shard]
            if len(self._computed) >= max(3, REMEMBERED // self.window):
                self._computed.clear()
            self._computed[number] = indices
        return indices
