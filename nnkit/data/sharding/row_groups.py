"""Row groups in memory: those in use and those that are needed next, loaded in the background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock, Thread
from typing import Any

import numpy as np

from nnkit.data.lazy import Array
from nnkit.data.sharding.shard import Field, Shard
from nnkit.errors import NnkitError

RECENT = 2  # row groups that are kept although they were not announced, for reading in sequence


@dataclass(slots=True)
class _Loaded:
    """The fields of a row group that have been read so far, and the rows with a target."""

    fields: dict[Field, Array] = field(default_factory=dict)
    rows: Array | None = None
    lock: Lock = field(default_factory=Lock)


class RowGroups:
    """The row groups of several shards, numbered consecutively; few of them are in memory.

    Rows without a target are not among the samples. Any number of threads may read.

    Attributes:
        shards: the shards, in order; all have the same fields.
        sizes: the number of samples in each row group, (groups,).
        starts: the index of the first sample of each row group, and the number of samples,
            (groups + 1,).
        shard_of: the number of each row group's shard, (groups,).
    """

    def __init__(self, shards: Sequence[Shard], without_target: Array | None = None) -> None:
        """Numbers the row groups.

        Args:
            shards: the shards, in order; all have the same fields.
            without_target: the number of rows without a target in each row group, (groups,).
        """
        self.shards = tuple(shards)
        rows: Array = np.concatenate([shard.row_groups for shard in shards])
        self.sizes = rows if without_target is None else rows - without_target
        self._is_whole = self.sizes == rows
        self.starts: Array = np.concatenate([[0], np.cumsum(self.sizes)])
        self._first_row: Array = np.concatenate([[0], np.cumsum(rows)])
        counts = [len(shard.row_groups) for shard in shards]
        self.shard_of: Array = np.repeat(np.arange(len(shards)), counts)
        self._first_group: Array = np.cumsum([0, *counts])
        self._loaded: dict[int, _Loaded] = {}  # the most recently used last
        self._announced: frozenset[int] = frozenset()
        self._lock = Lock()

    def __len__(self) -> int:
        """The number of samples."""
        return int(self.starts[-1])

    def read(self, group: int, field: Field) -> Array:
        """The samples of a row group, (rows, *shape), from memory if they are there.

        Raises:
            DataError: the file is damaged or has changed.
        """
        return self._field(self._recent(group), group, field)

    def expect(self, groups: Iterable[int], field: Field) -> None:
        """Keeps these row groups in memory instead of earlier ones, and starts to load a field."""
        wanted = list(groups)
        announced = frozenset(wanted)
        with self._lock:
            self._announced = announced
            self._forget()
            for group in wanted:
                self._loaded.setdefault(group, _Loaded())
            missing = [g for g in wanted if field not in self._loaded[g].fields]
        if missing:
            Thread(target=self._load, args=(missing, field, announced), daemon=True).start()

    def locate(self, sample: int) -> tuple[Shard, int]:
        """The shard of a sample, and its row there, both counted from 0."""
        group = int(np.searchsorted(self.starts, sample, side="right")) - 1
        number = int(self.shard_of[group])
        row = sample - int(self.starts[group])
        if not self._is_whole[group]:
            row = int(self._rows(group)[row])
        first = self._first_row[group] - self._first_row[self._first_group[number]]
        return self.shards[number], int(first) + row

    def by_group(self, indices: Array) -> Iterator[tuple[int, Array | slice]]:
        """Divides samples by row group.

        Args:
            indices: the indices of the samples, (m,).

        Yields:
            The number of each row group among them, and the positions in `indices` of its samples.
        """
        return divided(np.searchsorted(self.starts, indices, side="right") - 1)

    def _load(self, groups: Sequence[int], field: Field, announced: frozenset[int]) -> None:
        """Loads row groups in the background; errors are left to whoever reads them.

        After a later announcement it ends, because another thread loads what is still missing.
        """
        for group in groups:
            loaded = self._loaded.get(group)
            if self._announced is not announced:
                return
            if loaded is not None:
                with suppress(NnkitError):
                    self._field(loaded, group, field)

    def _recent(self, group: int) -> _Loaded:
        """Returns what has been read of a row group, now the most recently used."""
        with self._lock:
            loaded = self._loaded.pop(group, None) or _Loaded()
            self._loaded[group] = loaded
            self._forget()
        return loaded

    def _field(self, loaded: _Loaded, group: int, field: Field) -> Array:
        with loaded.lock:
            found = loaded.fields.get(field)
            if found is None:
                rows = None if self._is_whole[group] else self._with_target(loaded, group)
                found = loaded.fields[field] = self._shard(group).read(
                    field, self._number(group), rows
                )
            return found

    def _rows(self, group: int) -> Array:
        """The rows of a row group that have a target."""
        loaded = self._recent(group)
        with loaded.lock:
            return self._with_target(loaded, group)

    def _with_target(self, loaded: _Loaded, group: int) -> Array:
        """The rows of a row group that have a target; the caller holds the lock."""
        if loaded.rows is None:
            absent = self._shard(group).without_target(self._number(group))
            loaded.rows = np.flatnonzero(~absent)
        return loaded.rows

    def _shard(self, group: int) -> Shard:
        return self.shards[self.shard_of[group]]

    def _number(self, group: int) -> int:
        """The number of a row group within its shard."""
        return group - int(self._first_group[self.shard_of[group]])

    def _forget(self) -> None:
        """Drops all row groups except for those announced and the most recent ones."""
        others = [group for group in self._loaded if group not in self._announced]
        for group in others[:-RECENT]:
            del self._loaded[group]


def divided(numbers: Array) -> Iterator[tuple[int, Array | slice]]:
    """Yields each distinct number with the positions at which it occurs, a slice if they ascend.

    Args:
        numbers: any whole numbers, (m,).
    """
    if not len(numbers):
        return
    steps = np.diff(numbers)
    if (steps >= 0).all():
        cuts = np.flatnonzero(steps) + 1
        for first, end in pairwise([0, *cuts.tolist(), len(numbers)]):
            yield int(numbers[first]), slice(first, end)
        return
    order = np.argsort(numbers, kind="stable")
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    for positions in np.split(order, cuts):
        yield int(numbers[positions[0]]), positions


@dataclass(frozen=True)
class ShardedArray:
    """A field of all samples in shards, (n, *shape); a `Store`.

    Attributes:
        groups: the row groups.
        field: the field.
    """

    groups: RowGroups
    field: Field

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.groups), *self.groups.shards[0].fields[self.field].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.groups.shards[0].fields[self.field].dtype

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    def __getitem__(self, indices: Array) -> Array:
        out = np.empty((len(indices), *self.shape[1:]), self.dtype)
        self.read(indices, out)
        return out

    def read(self, indices: Array, out: Array) -> None:
        for group, at in self.groups.by_group(indices):
            rows = self.groups.read(group, self.field)
            local = indices[at] - self.groups.starts[group]
            if isinstance(at, slice) and out.dtype == rows.dtype:
                # With mode="clip", take() writes directly into `out`; every index is in range.
                np.take(rows, local, axis=0, out=out[at], mode="clip")
            else:
                out[at] = np.take(rows, local, axis=0)

    def expect(self, indices: Array) -> None:
        numbers = np.searchsorted(self.groups.starts, indices, side="right") - 1
        _, first = np.unique(numbers, return_index=True)
        # In the order in which they are needed first.
        self.groups.expect(numbers[np.sort(first)].tolist(), self.field)
