"""Operations of optimizers on flat vectors that are larger than the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Updates of vectors larger than the cache are memory-bound: all passes are done over one block,
# then over the next. Four vectors of this many float32 fill half of a 2 MB second-level cache.
BLOCK = 1 << 16


def blocks(*vectors: Array) -> Iterator[tuple[Array, ...]]:
    """Yields the vectors in parts that together fit into the cache; short vectors as a whole."""
    size = len(vectors[0])
    if size <= 2 * BLOCK:
        yield vectors
        return
    for start in range(0, size, BLOCK):
        yield tuple(vector[start : start + BLOCK] for vector in vectors)


def update_mean(mean: Array, value: Array, rate: float) -> None:
    """Updates a running mean in place: mean ← rate·mean + (1 − rate)·value."""
    np.multiply(mean, rate, out=mean)
    mean += (1 - rate) * value
