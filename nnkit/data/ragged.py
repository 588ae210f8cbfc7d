"""Sequences of different lengths, stored one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths, such as texts as ids; indexed by slices and arrays.

    Attributes:
        values: the values of all sequences, one sequence after the other, (Σ lengths, …).
        starts: the place in `values` where each sequence begins, (n,). Sequences may overlap.
        lengths: the number of values of each sequence, (n,).
        fewest: the least number of positions to which they are padded.
    """

    values: Array
    starts: Array
    lengths: Array
    fewest: int = 0

    @classmethod
    def of(cls, values: Array, offsets: Array) -> Ragged:
        """Sequences that follow one another: each begins at an offset and ends at the next."""
        return cls(values, offsets[:-1], np.diff(offsets))

    @classmethod
    def joined(cls, sequences: Iterable[Array], dtype: Any = np.int32) -> Ragged:
        """Sequences given one by one."""
        parts = [np.asarray(sequence, dtype) for sequence in sequences]
        offsets = np.cumsum([0, *map(len, parts)])
        return cls.of(np.concatenate([np.empty(0, dtype), *parts]), offsets)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: slice | Array) -> Ragged:
        return replace(self, starts=self.starts[chosen], lengths=self.lengths[chosen])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.values.dtype

    @property
    def nbytes(self) -> int:
        """The memory that the sequences take."""
        return self.values.nbytes + self.starts.nbytes + self.lengths.nbytes

    @cached_property
    def size(self) -> int:
        """The number of values of all sequences together."""
        return int(np.add.reduce(self.lengths))

    def padded(self, dtype: Any = None) -> Array:
        """The sequences as columns (T, n), with 0 after the end of each."""
        longest = int(self.lengths.max(initial=self.fewest))
        steps = np.arange(longest)[:, None]
        inside = steps < self.lengths
        padded = np.zeros((longest, len(self)), self.dtype if dtype is None else dtype)
        padded[inside] = self.values[(steps + self.starts)[inside]]
        return padded

    def flat(self) -> Array:
        """The values of all sequences in order, (Σ lengths, …)."""
        firsts = np.cumsum(self.lengths) - self.lengths
        within = np.arange(self.size) - np.repeat(firsts, self.lengths)
        flat: Array = self.values[np.repeat(self.starts, self.lengths) + within]
        return flat

    def each(self) -> list[Array]:
        """The sequences one by one."""
        ends = self.starts + self.lengths
        return [self.values[a:b] for a, b in zip(self.starts, ends, strict=True)]
