"""The unfinished outputs of a beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from nnkit.decoding.decoder import Array


@dataclass(slots=True)
class LiveOutputs:
    """The unfinished outputs; those of a sentence are side by side, the likeliest first.

    Attributes:
        owners: their sentences, (K,).
        totals: their log-probabilities, (K,).
        history: their symbols, (t, K).
        attention: the sums of their attention over the steps, (positions, K); None without any.
    """

    owners: Array
    totals: Array
    history: Array
    attention: Array | None = None

    @classmethod
    def at_start(cls, sentences: int) -> Self:
        """An empty output for each sentence."""
        history = np.empty((0, sentences), dtype=np.int64)
        return cls(np.arange(sentences), np.zeros(sentences), history)

    @property
    def length(self) -> int:
        """The number of symbols of each output."""
        return len(self.history)

    def attend(self, attention: Array | None) -> None:
        """Adds the attention of a step, (positions, K)."""
        if attention is not None:
            before = 0.0 if self.attention is None else self.attention
            self.attention = before + attention.astype(np.float64)

    def select(self, columns: Array) -> Self:
        """The outputs of the given columns, in their order."""
        attention = None if self.attention is None else self.attention[:, columns]
        owners, totals = self.owners[columns], self.totals[columns]
        return type(self)(owners, totals, self.history[:, columns], attention)

    def extended(self, columns: Array, symbols: Array, totals: Array) -> Self:
        """The outputs of the given columns with another symbol each, and their new totals."""
        longer = self.select(columns)
        longer.totals, longer.history = totals, np.vstack([longer.history, symbols])
        return longer
