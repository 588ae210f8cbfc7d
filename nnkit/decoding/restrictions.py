"""Which symbols may come next: limits of length, forced prefixes, repetitions and exclusions."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnkit.decoding.decoder import Array, OutputSymbols, Sentences
from nnkit.decoding.method import Decoding, Finish
from nnkit.errors import SettingError

FREE = -1  # in place of a symbol, where a prefix has ended
FINISHES: tuple[Finish, ...] = ("end", "stop", "length")  # by their codes
GOES_ON, END, STOP, LENGTH = -1, 0, 1, 2


class Restrictions:
    """The restrictions of a method, for the sentences of a batch.

    Of several that apply to a position, the first of these counts: the forced prefix, the maximal
    length, exclusions, the minimal length and blocked n-grams.

    Attributes:
        end: the number of the end symbol, or None.
        maximum: the maximal length of each output, (n,).
    """

    def __init__(self, method: Decoding, sentences: Sentences, symbols: OutputSymbols) -> None:
        self.end = symbols.end
        self._excluded = _excluded(method, symbols)
        self._stops = np.zeros(symbols.count, dtype=bool)
        self._stops[symbols.numbered("stop", method.stop)] = True
        self._block = method.block_ngrams
        prefixes = sentences.prefixes or [()] * len(sentences)
        self._prefix_lengths = np.array([len(prefix) for prefix in prefixes], dtype=np.int64)
        self._prefixes = np.full((int(self._prefix_lengths.max(initial=0)), len(prefixes)), FREE)
        for i, prefix in enumerate(prefixes):
            self._prefixes[: len(prefix), i] = prefix
        least = np.maximum(self._prefix_lengths, 0 if symbols.end is not None else 1)
        self.maximum = np.maximum(method.max_length.lengths(sentences.source_lengths), least)
        minimum = method.min_length.lengths(sentences.source_lengths)
        self._minimum = np.minimum(minimum, self.maximum)
        # Before the first and after the second of these lengths there is nothing to look up.
        self._longest_minimum = int(self._minimum.max(initial=0))
        self._shortest_maximum = int(self.maximum.min(initial=1 << 31))

    def apply(self, scores: Array, history: Array, owners: Array) -> None:
        """Set the scores of symbols that may not come next to −∞.

        Args:
            scores: finite scores of all symbols, such as log-probabilities, (symbols, K),
                overwritten.
            history: the symbols so far, (t, K).
            owners: the sentence of each column, (K,).
        """
        t = len(history)
        forced = self._forced(t, owners)
        columns = np.flatnonzero(forced != FREE)
        kept = scores[forced[columns], columns]
        scores[self._excluded] = -np.inf
        if self._block is not None or t < self._longest_minimum:
            self._apply_where_symbols_remain(scores, history, owners)
        if len(columns):
            scores[:, columns] = -np.inf
            scores[forced[columns], columns] = kept

    def _forced(self, t: int, owners: Array) -> Array:
        """The only symbol that may come at position t, or `FREE`, (K,)."""
        forced = np.full(len(owners), FREE)
        if self.end is not None and t >= self._shortest_maximum:
            forced[t >= self.maximum[owners]] = self.end
        if t < len(self._prefixes):
            prefix = self._prefixes[t, owners]
            forced = np.where(prefix == FREE, forced, prefix)
        return forced

    def _apply_where_symbols_remain(self, scores: Array, history: Array, owners: Array) -> None:
        before, t = scores.copy(), len(history)
        if self.end is not None:
            scores[self.end, t < self._minimum[owners]] = -np.inf
        scores[np.ix_(self._stops, t + 1 < self._minimum[owners])] = -np.inf
        if self._block is not None:
            scores[repeated(history, self._block)] = -np.inf
        nothing = np.isneginf(scores.max(axis=0))
        scores[:, nothing] = before[:, nothing]

    def finishes(self, symbols: Array, length: int, owners: Array) -> Array:
        """Why outputs end with their last symbols: an index of `FINISHES`, or `GOES_ON`, (K,).

        Args:
            symbols: the last symbol of each output, (K,).
            length: the number of its symbols, with the last one.
            owners: the sentence of each output, (K,).
        """
        codes = np.full(len(symbols), GOES_ON, dtype=np.int8)
        if self.end is None:
            codes[length >= self.maximum[owners]] = LENGTH
        else:
            ended = symbols == self.end
            codes[ended] = np.where(length > self.maximum[owners[ended]], LENGTH, END)
        codes[self._stops[symbols] & (length > self._prefix_lengths[owners])] = STOP
        return codes

    def output(self, symbols: Array) -> tuple[int, ...]:
        """The output of a sequence of symbols, (length,), without the end symbol."""
        produced = symbols.tolist()
        return tuple(produced[:-1] if produced and produced[-1] == self.end else produced)


def _excluded(method: Decoding, symbols: OutputSymbols) -> Array:
    """The numbers of the symbols that are excluded everywhere."""
    excluded = {*symbols.never, *symbols.numbered("exclude", method.exclude)}
    if symbols.unknown is not None and not method.unknown:
        excluded.add(symbols.unknown)
    if len(excluded) >= symbols.count:
        raise SettingError(("decoding", "exclude"), "no symbol of the model is left; exclude fewer")
    return np.array(sorted(excluded), dtype=np.int64)


def repeated(history: Array, n: int) -> tuple[Array, Array]:
    """Symbols that would complete an n-gram that a column contains already, and their columns.

    Args:
        history: the symbols so far, (t, K).
        n: the length of the n-grams.
    """
    if len(history) < n:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    ngrams = sliding_window_view(history, n, axis=0)  # (t − n + 1, K, n)
    begun = history[len(history) - n + 1 :].T  # (K, n − 1)
    places, columns = np.nonzero((ngrams[:, :, :-1] == begun).all(axis=2))
    return ngrams[places, columns, -1], columns
