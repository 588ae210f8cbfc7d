"""An n-gram language model with interpolated Kneser–Ney smoothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
START = -1  # stands before the beginning of each sequence; it is never predicted
FALLBACK = 0.5  # the discount where it cannot be estimated


class NgramModel:
    """The probability of each symbol given the n − 1 before it, from counts c of n-grams.

    p(w | h) = max(c(hw) − D, 0) / c(h·) + D · N(h·) / c(h·) · p(w | h′), where N(h·) is the number
    of different symbols after h, and h′ is h without its first symbol. For the shorter n-grams
    c(hw) is instead the number of different symbols before hw (Kneser & Ney 1995), and after a
    context that does not occur p(w | h) = p(w | h′). Symbols alone are mixed with the uniform
    distribution in the same way, if some do not occur. The discount of each length is
    D = n₁ / (n₁ + 2 n₂), of the numbers of n-grams with count 1 and 2, or ½ if n₁ is 0 (Ney,
    Essen & Kneser 1994).

    Args:
        sequences: the training sequences of symbol numbers, each with its end symbol, if any.
        order: n, the length of the n-grams.
        symbols: the number of symbols that can be predicted.
    """

    def __init__(self, sequences: Iterable[Sequence[int]], order: int, symbols: int) -> None:
        self.order, self.symbols = order, symbols
        counts: Counter[tuple[int, ...]] = Counter()
        for sequence in sequences:
            padded = [START] * (order - 1) + list(sequence)
            counts.update(tuple(padded[i : i + order]) for i in range(len(sequence)))
        self._levels = [_Level(order, counts)]  # of the longest n-grams first
        for length in range(order - 1, 0, -1):
            counts = Counter(ngram[1:] for ngram in counts)
            self._levels.append(_Level(length, counts))
        if len(counts) == symbols:
            self._levels[-1].discount = 0.0

    def probability(self, context: Sequence[int], symbol: int) -> float:
        """The probability of a symbol after a context.

        Args:
            context: the symbols before, of which the last n − 1 count; with fewer, they are taken
                for the beginning of a sequence.
            symbol: the number of the symbol.
        """
        padded = [START] * (self.order - 1) + list(context)
        before = tuple(padded[len(padded) - self.order + 1 :])
        found = 1 / self.symbols
        for level in reversed(self._levels):
            length = level.length - 1
            found = level.interpolated(before[len(before) - length :], symbol, found)
        return found

    def log_probabilities(self, sequence: Sequence[int]) -> Array:
        """The natural logarithm of the probability of each symbol of a sequence, (length,)."""
        order = self.order
        values = [
            self.probability(sequence[max(i - order + 1, 0) : i], symbol)
            for i, symbol in enumerate(sequence)
        ]
        with np.errstate(divide="ignore"):
            return np.log(np.array(values, dtype=np.float64))


class _Level:
    """The counts of n-grams of one length."""

    def __init__(self, length: int, counts: Counter[tuple[int, ...]]) -> None:
        self.length, self.counts = length, counts
        self.totals: Counter[tuple[int, ...]] = Counter()  # c(h·)
        self.followers: Counter[tuple[int, ...]] = Counter()  # N(h·)
        for ngram, count in counts.items():
            self.totals[ngram[:-1]] += count
            self.followers[ngram[:-1]] += 1
        with_count = Counter(counts.values())
        once, twice = with_count[1], with_count[2]
        self.discount = once / (once + 2 * twice) if once else FALLBACK

    def interpolated(self, context: tuple[int, ...], symbol: int, shorter: float) -> float:
        """p(w | h), given p(w | h′)."""
        total = self.totals.get(context, 0)
        if not total:
            return shorter
        own = max(self.counts.get((*context, symbol), 0) - self.discount, 0.0)
        return (own + self.discount * self.followers[context] * shorter) / total
