"""Arrays aligned to cache lines, which speeds up vector instructions and matrix products."""

from __future__ import annotations

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
