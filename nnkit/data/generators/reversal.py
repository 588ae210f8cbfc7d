"""Reversal of sequences of integers, with the draws of Joey NMT's generator."""

from __future__ import annotations

import numpy as np

Pair = tuple[str, str]

LONGER = 5  # integers by which sequences held out may be longer than those for training


def reversals(
    counts: tuple[int, ...], limits: tuple[int, ...], below: int, seed: int
) -> tuple[list[Pair], ...]:
    """Sets of sequences of integers, separated by spaces, and the same from back to front.

    The draws are those of scripts/generate_reverse_task.py of Joey NMT (Kreutzer, Bastings & Riezler
    2019), with a generator of their own instead of NumPy's global one.

    Args:
        counts: the number of sequences of each set, which are drawn one after the other.
        limits: the number of integers of the longest sequence of each set.
        below: the integers are smaller than this, and not negative.
        seed: seed of the draws, 42 in Joey NMT.
    """
    draws = np.random.RandomState(seed)  # noqa: NPY002 (the published draws)
    sets = []
    for count, limit in zip(counts, limits, strict=True):
        pairs: list[Pair] = []
        for _ in range(count):
            length = draws.randint(1, limit + 1, dtype=np.int64)
            integers = [str(i) for i in draws.randint(0, below, length, dtype=np.int64)]
            pairs.append((" ".join(integers), " ".join(reversed(integers))))
        sets.append(pairs)
    return tuple(sets)
