"""The best extensions of the outputs in a beam."""

from __future__ import annotations

import numpy as np

from nnkit.decoding.decoder import Array


def best_candidates(scores: Array, owners: Array, width: int) -> tuple[Array, Array, Array]:
    """The `width` extensions with the highest scores for each sentence.

    Equal scores are in the order of the columns, then of the symbols.

    Args:
        scores: scores of the outputs in K columns, extended by each symbol, (symbols, K); −∞ for
            those that are not permitted.
        owners: the sentence of each column, (K,), increasing.
        width: the number of extensions, at most.

    Returns:
        The columns, the symbols and the ranks from 0 of the extensions, (candidates,) each, those
        of a sentence side by side, the best first.
    """
    by_column = np.ascontiguousarray(scores.T)
    # None of the best is below the width-th best of its column, or −∞.
    rank = max(len(scores) - width, 0)
    thresholds = np.partition(by_column, rank, axis=1)[:, rank, None]
    found = np.flatnonzero(by_column >= np.maximum(thresholds, np.finfo(np.float64).min))
    columns, symbols = np.divmod(found, len(scores))
    # Sorting is stable: equal scores stay in their order.
    order = np.lexsort((-by_column.ravel()[found], owners[columns]))
    columns, symbols = columns[order], symbols[order]
    sentences = owners[columns]
    ranks = np.arange(len(found)) - np.searchsorted(sentences, sentences)
    kept = ranks < width
    return columns[kept], symbols[kept], ranks[kept]
