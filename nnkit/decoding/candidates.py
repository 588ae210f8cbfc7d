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
    # None of them is below the width-th best of its column.
    least = max(len(scores) - width, 0)
    thresholds = np.partition(scores, least, axis=0)[least]
    columns, symbols = np.nonzero(((scores >= thresholds) & (scores > -np.inf)).T)
    values = scores[symbols, columns]
    order = np.lexsort((-values, owners[columns]))  # which is stable
    columns, symbols = columns[order], symbols[order]
    sentences = owners[columns]
    firsts = np.searchsorted(sentences, sentences)
    ranks = np.arange(len(sentences)) - firsts
    kept = ranks < width
    return columns[kept], symbols[kept], ranks[kept]
