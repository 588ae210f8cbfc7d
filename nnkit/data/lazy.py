"""Samples preprocessed on access, because they or their float32 form take too much memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
IN_MEMORY = 1 << 29  # bytes; a smaller file is loaded, which makes training faster
COPIED = 1 << 27  # bytes; a set of more samples in memory is a selection of them, not a copy
NARROW = 2  # bytes per value; a network takes four


class Store(Protocol):
    """Protocol of samples (n, *shape) that are read from files on access; no array holds them."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def itemsize(self) -> int: ...

    def __getitem__(self, indices: Array, /) -> Array:
        """Returns the samples at an array of indices."""

    def read(self, indices: Array, out: Array) -> None:
        """Writes the samples at indices (m,) into `out` (m, *shape), converted to its type."""

    def expect(self, indices: Array) -> None:
        """Announces the samples that are read next, so that they are loaded in the background.

        Samples that were announced earlier, and are not among these, are no longer kept.
        """


class Indices(Protocol):
    """Protocol of sample indices (n,): an array, or indices that are computed on access."""

    @property
    def nbytes(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any:
        """The indices at a slice or an array of positions."""


@dataclass(frozen=True, slots=True)
class AllIndices:
    """The indices 0 … n − 1, which take no memory.

    Attributes:
        count: n.
    """

    count: int

    @property
    def nbytes(self) -> int:
        return 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Any) -> Any:
        """Returns the indices at a slice, or any other indices themselves."""
        return np.arange(*key.indices(self.count)) if isinstance(key, slice) else key


@dataclass(frozen=True)
class Computed:
    """A store of samples that are computed from their indices.

    Attributes:
        count: the number of samples n.
        function: a function from indices (m,) to samples (m, *shape).
    """

    count: int
    function: Callable[[Array], Array]

    @cached_property
    def _sample(self) -> Array:
        return self.function(np.arange(1))

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, *self._sample.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._sample.dtype

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    def __getitem__(self, indices: Array) -> Array:
        return self.function(indices)

    def read(self, indices: Array, out: Array) -> None:
        out[...] = self.function(indices)

    def expect(self, indices: Array) -> None:
        """Does nothing, since nothing is loaded."""


@dataclass(frozen=True)
class LazyArray:
    """A selection of samples of an array, to which functions are applied on access.

    Slices and index arrays index it like the array (n, *shape) that it represents.

    Attributes:
        source: all samples, in memory, memory-mapped, or in files that are read on access.
        indices: indices of the selected samples, in order, (n,).
        functions: functions from samples (m, *shape) to samples (m, *other shape), applied in
            order.
        in_place: equivalent of all functions that works in place on values already converted to
            the final type; None if there is none.
    """

    source: Array | Store
    indices: Indices
    functions: tuple[Callable[[Array], Array], ...] = ()
    in_place: Callable[[Array], None] | None = None

    def __getitem__(self, key: slice | Array) -> Array:
        X = np.asarray(taken(self.source, self.indices[key]))
        for function in self.functions:
            X = function(X)
        return X

    def read(self, chosen: Array, out: Array) -> None:
        """Writes the samples at indices `chosen` into `out` (m, *shape)."""
        if self.in_place is None:
            out[...] = self[chosen]
            return
        # Faster than storing float32 values, which would need reading four times the bytes.
        if isinstance(self.source, np.ndarray):
            out[...] = taken(self.source, self.indices[chosen])
        else:
            self.source.read(self.indices[chosen], out)
        self.in_place(out)

    def expect(self, coming: Array) -> None:
        """Announces the indices of samples that are read next, as `Store.expect` does."""
        if not isinstance(self.source, np.ndarray):
            self.source.expect(self.indices[coming])

    def __len__(self) -> int:
        return len(self.indices)

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def then(
        self, function: Callable[[Array], Array], in_place: Callable[[Array], None] | None = None
    ) -> LazyArray:
        """Returns a lazy array of the same samples with one more function."""
        return LazyArray(self.source, self.indices, (*self.functions, function), in_place)

    def selected(self, indices: Indices) -> LazyArray:
        """Returns a lazy array of the samples at the given indices, in that order."""
        return replace(self, indices=self.indices[indices])

    @property
    def on_disk(self) -> bool:
        """Whether the samples are read from files on access."""
        return isinstance(self.source, np.memmap) or not isinstance(self.source, np.ndarray)

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
        if self.on_disk:
            return self.indices.nbytes
        return len(self) * prod(self.source.shape[1:]) * self.source.itemsize


def lazy(inputs: Array | LazyArray) -> LazyArray | None:
    """Converts inputs to a lazy array; returns None if they should be preprocessed all at once."""
    if isinstance(inputs, LazyArray):
        return inputs
    if isinstance(inputs, np.memmap):
        is_lazy = inputs.nbytes > IN_MEMORY
    else:
        is_lazy = inputs.itemsize <= NARROW or inputs.nbytes > COPIED
    if is_lazy:
        return LazyArray(inputs, np.arange(len(inputs)))
    return None


def chosen(inputs: Array | LazyArray, indices: Indices) -> Array | LazyArray:
    """The samples at the given indices: a copy, or a lazy array if `lazy` gives one."""
    found = lazy(inputs)
    return selected(inputs if found is None else found, indices)


def selected(X: Array | LazyArray, indices: Indices) -> Array | LazyArray:
    """The samples at the given indices: a copy of an array, or a lazy array of a lazy one."""
    return X.selected(indices) if isinstance(X, LazyArray) else np.asarray(X[indices[:]])


def mapped(function: Callable[[Array], Array], X: Array | LazyArray) -> Array | LazyArray:
    """Applies a function from samples to samples: to an array now, to a lazy array on access."""
    return X.then(function) if isinstance(X, LazyArray) else function(X)


def combined(
    function: Callable[[Array, Array], Array], A: Array | LazyArray, B: Array | LazyArray
) -> Array | LazyArray:
    """Applies a function to corresponding samples of two arrays, on access if either is lazy."""
    if isinstance(A, np.ndarray) and isinstance(B, np.ndarray):
        return function(A, B)
    pairs = Computed(len(A), lambda indices: function(A[indices], B[indices]))
    return LazyArray(pairs, AllIndices(len(A)))


def taken(X: Array | LazyArray | Store, indices: Array) -> Array:
    """The samples at an array of indices."""
    return np.take(X, indices, axis=0) if isinstance(X, np.ndarray) else X[indices]
