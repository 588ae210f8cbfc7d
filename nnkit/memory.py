"""Memory of arrays: aligned to cache lines for vector instructions, and used again and again."""

from __future__ import annotations

from collections import defaultdict
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes; NumPy guarantees only 16, which slows a product of 30 × 10 × 784 by a third


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An uninitialized C-ordered array whose memory begins on a cache line.

    A cache line behind it belongs to it too, so that vectors may read beyond its end.
    """
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + 2 * LINE, dtype=np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """A C-ordered array of zeros whose memory begins on a cache line."""
    array = aligned_empty(shape, dtype)
    array.fill(0)
    return array


class ReusedMemory:
    """Makes uninitialized arrays, in memory of earlier ones that are no longer in use.

    The system clears new memory before a program gets it, which takes a good part of the time of
    reading a file into it. Memory is kept until this object and all its arrays are gone.
    """

    def __init__(self) -> None:
        self._free: defaultdict[int, list[NDArray[Any]]] = defaultdict(list)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array as `aligned_empty` makes it; any number of threads may ask for one."""
        size = prod(shape) * dtype.itemsize
        length = 1 << (size - 1).bit_length()  # few lengths, so that most arrays find memory
        free = self._free[length]
        try:
            memory = free.pop()
        except IndexError:
            memory = aligned_empty((length,), np.dtype(np.uint8))
        lent = np.asarray(_Lent(memory, free))
        return lent[:size].view(dtype).reshape(shape)


class _Lent:
    """Memory whose arrays keep this object alive; it returns to the free memory with the last."""

    def __init__(self, memory: NDArray[Any], free: list[NDArray[Any]]) -> None:
        self.__array_interface__ = memory.__array_interface__
        self._memory, self._free = memory, free

    def __del__(self) -> None:
        self._free.append(self._memory)
