"""Padding: the positions of a batch after the end of each of its sequences."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array


def is_padding(positions: int, lengths: Array) -> Array:
    """Whether a position is after the end of a sequence, (positions, N), for lengths (N,)."""
    padding: Array = np.arange(positions)[:, None] >= lengths
    return padding


def clear_padding(X: Array, lengths: Array) -> None:
    """Sets X (…, positions, N) to 0 after the end of each sequence."""
    np.copyto(X, 0, where=is_padding(X.shape[-2], lengths))
