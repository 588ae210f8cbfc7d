"""The best extensions of the outputs in a beam."""

from __future__ import annotations

import numpy as np

from nnkit.decoding.decoder import Array, totals_with

CHUNK = 1 << 19  # log-probabilities that are looked at together, which fit in the cache


def best_candidates(
    logs: Array, totals: Array, owners: Array, width: int
) -> tuple[Array, Array, Array, Array]:
    """The `width` extensions with the highest log-probabilities for each sentence.

    Equal ones are in the order of the columns, then of the symbols.

    Args:
        logs: log-probabilities of the next symbol of the outputs in K columns, (symbols, K); −∞ for
            symbols that are not permitted.
        totals: log-probabilities of the outputs so far, (K,).
        owners: the sentence of each column, (K,), increasing.
        width: the number of extensions, at most.

    Returns:
        The columns, the symbols, the log-probabilities in float64 and the ranks from 0 of the
        extensions, (candidates,) each, those of a sentence side by side, the best first.
    """
    columns, symbols = _best_of_columns(logs, width)
    extended = totals_with(logs, totals, symbols, columns)
    # Sorting is stable: equal ones stay in their order.
    order = np.lexsort((-extended, owners[columns]))
    sentences = owners[columns][order]
    ranks = np.arange(len(order)) - np.searchsorted(sentences, sentences)
    kept = order[ranks < width]
    return columns[kept], symbols[kept], extended[kept], ranks[ranks < width]


def _best_of_columns(logs: Array, width: int) -> tuple[Array, Array]:
    """The columns and the symbols of the `width` best of each column, and of those equal to them.

    None of the best of a sentence is below the width-th best of its column, or −∞.
    """
    rank = max(len(logs) - width, 0)
    least = np.finfo(logs.dtype).min
    size = max(1, CHUNK // len(logs))
    columns, symbols = [], []
    for start in range(0, logs.shape[1], size):
        by_column = np.ascontiguousarray(logs[:, start : start + size].T)
        thresholds = np.partition(by_column, rank, axis=1)[:, rank, None]
        found = np.flatnonzero(by_column >= np.maximum(thresholds, least))
        within, own = np.divmod(found, len(logs))
        columns.append(start + within)
        symbols.append(own)
    return np.concatenate(columns), np.concatenate(symbols)
