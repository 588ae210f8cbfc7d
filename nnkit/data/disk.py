"""Samples too many for memory: left in their mapped file, read and prepared as they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
IN_MEMORY = 1 << 29  # bytes; a smaller file is read once and then trained on faster


@dataclass(frozen=True)
class DiskArray:
    """Chosen samples of a memory-mapped array, each passed through functions when it is read.

    It is indexed by slices and index arrays like the array (n, *shape) that it stands for.

    Attributes:
        source: the memory-mapped array, samples first.
        indices: which samples, in order (n,).
        functions: from samples (m, *shape) to samples (m, *another shape), applied in order.
    """

    source: Array
    indices: Array
    functions: tuple[Callable[[Array], Array], ...] = ()

    def __getitem__(self, key: slice | Array) -> Array:
        X = np.asarray(self.source[self.indices[key]])
        for function in self.functions:
            X = function(X)
        return X

    def __len__(self) -> int:
        return len(self.indices)

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def then(self, function: Callable[[Array], Array]) -> DiskArray:
        """The same samples, passed through one more function."""
        return DiskArray(self.source, self.indices, (*self.functions, function))

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
        """What it takes in memory: its indices."""
        return self.indices.nbytes


def left_on_disk(inputs: Array | DiskArray) -> DiskArray | None:
    """The inputs as samples on disk, or None where they are, or fit, in memory."""
    if isinstance(inputs, DiskArray):
        return inputs
    if isinstance(inputs, np.memmap) and inputs.nbytes > IN_MEMORY:
        return DiskArray(inputs, np.arange(len(inputs)))
    return None


def chosen(inputs: Array | DiskArray, indices: Array) -> Array | DiskArray:
    """Those samples, in memory or left on disk."""
    on_disk = left_on_disk(inputs)
    if on_disk is None:
        return inputs[indices]
    return DiskArray(on_disk.source, on_disk.indices[indices], on_disk.functions)
