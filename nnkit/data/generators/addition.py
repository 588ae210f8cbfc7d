"""Addition of decimal numbers, written as text."""

from __future__ import annotations

import numpy as np

from nnkit.random import generator

Pair = tuple[str, str]


def additions(count: int, digits: int, seed: int, *, is_reversed: bool) -> list[Pair]:
    """Sums such as `12+345` and their results, in the manner of Keras's example addition_rnn.

    A number has 1 to `digits` digits, each number of digits equally often, leading zeros included.
    No sum occurs twice, nor with its terms exchanged.

    Args:
        count: the number of sums.
        digits: the largest number of digits.
        seed: seed of the draws.
        is_reversed: whether the question is written from back to front (Zaremba & Sutskever 2014).
    """
    draws = generator(seed, "addition")
    terms: dict[tuple[int, int], tuple[int, int]] = {}
    while len(terms) < count:
        limits = 10 ** draws.integers(1, digits + 1, (count, 2))
        for first, second in draws.integers(0, limits).tolist():
            terms.setdefault((min(first, second), max(first, second)), (first, second))
    sums = [(f"{a}+{b}", str(a + b)) for a, b in list(terms.values())[:count]]
    return [(question[::-1], answer) for question, answer in sums] if is_reversed else sums


def distinct_sums(digits: int) -> int:
    """The number of sums of two numbers of at most so many digits, terms in either order."""
    numbers = 10**digits
    return numbers * (numbers + 1) // 2
