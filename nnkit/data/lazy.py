"""Samples preprocessed on access, because they or their float32 form take too much memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
IN_MEMORY = 1 << 29  # bytes; a smaller file is loaded, which makes training faster
NARROW = 2  # bytes per value; a network takes four


@dataclass(frozen=True)
class LazyArray:
    """A selection of samples of an array, to which functions are applied on access.

    Slices and index arrays index it like the array (n, *shape) that it represents.

    Attributes:
        source: the array of all samples, in memory or memory-mapped.
        indices: indices of the selected samples, in order, (n,).
        functions: functions from samples (m, *shape) to samples (m, *other shape), applied in
            order.
        in_place: equivalent of all functions that works in place on values already converted to
            the final type; None if there is none.
    """

    source: Array
    indices: Array
    functions: tuple[Callable[[Array], Array], ...] = ()
    in_place: Callable[[Array], None] | None = None

    def __getitem__(self, key: slice | Array) -> Array:
        X = np.asarray(self.source[self.indices[key]])
        for function in self.functions:
            X = function(X)
        return X

    def read(self, chosen: Array, out: Array) -> None:
        """Writes the samples at indices `chosen` into `out` (m, *shape)."""
        if self.in_place is None:
            out[...] = self[chosen]
            return
        # Faster than storing float32 values, which would need reading four times the bytes.
        out[...] = np.take(self.source, self.indices[chosen], axis=0)
        self.in_place(out)

    def __len__(self) -> int:
        return len(self.indices)

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def then(
        self, function: Callable[[Array], Array], in_place: Callable[[Array], None] | None = None
    ) -> LazyArray:
        """Returns a lazy array of the same samples with one more function."""
        return LazyArray(self.source, self.indices, (*self.functions, function), in_place)

    @cached_property
    def _sample(self) -> Array:
        return self[:1]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._sample.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._sample.dtype

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The memory taken by the samples, or by their indices if the samples are on disk."""
        if isinstance(self.source, np.memmap):
            return self.indices.nbytes
        return len(self) * prod(self.source.shape[1:]) * self.source.itemsize


def lazy(inputs: Array | LazyArray) -> LazyArray | None:
    """Converts inputs to a lazy array; returns None if they should be preprocessed all at once."""
    if isinstance(inputs, LazyArray):
        return inputs
    left_on_disk = isinstance(inputs, np.memmap)
    if inputs.nbytes > IN_MEMORY if left_on_disk else inputs.itemsize <= NARROW:
        return LazyArray(inputs, np.arange(len(inputs)))
    return None


def chosen(inputs: Array | LazyArray, indices: Array) -> Array | LazyArray:
    """The samples at the given indices: a copy, or a lazy array if `lazy` gives one."""
    found = lazy(inputs)
    if found is None:
        return np.asarray(inputs[indices])
    return LazyArray(found.source, found.indices[indices], found.functions)
