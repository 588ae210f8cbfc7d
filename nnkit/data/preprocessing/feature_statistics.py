"""Statistics of features, computed a part of the samples or of the features at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnkit.data.dataset import Array, chunks
from nnkit.data.lazy import LazyArray

FEATURES_AT_ONCE = 1 << 24  # values, for statistics that need all values of a feature at once


def overview(X: Array | LazyArray) -> tuple[Array, Array, Array, Array]:
    """The number of finite values of each feature, their sum, the minimum and the maximum.

    Missing values are ignored. The samples are read once.
    """
    shape = X.shape[1:]
    present, total = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    for part in chunks(X):
        own = part.sum(axis=0, dtype=np.float64)
        if np.isfinite(own).all():  # then every value is finite
            present += len(part)
            total += own
        else:
            present += np.isfinite(part).sum(axis=0)
            total += np.nansum(part, axis=0, dtype=np.float64)
        low, high = np.fmin(low, np.fmin.reduce(part)), np.fmax(high, np.fmax.reduce(part))
    return present, total, low, high


def sum_of_present(X: Array) -> Array:
    """The sum of each feature, ignoring missing values, in float64."""
    total: Array = X.sum(axis=0, dtype=np.float64)
    return np.asarray(np.nansum(X, axis=0, dtype=np.float64)) if np.isnan(total).any() else total


def features_of(X: Array | LazyArray, wanted: Array) -> Iterator[tuple[int, Array]]:
    """Yields the index and the values (n,), as float64, of each wanted feature.

    Few features are in memory at a time, and each time all samples are read.
    """
    at_once = max(1, FEATURES_AT_ONCE // len(X))
    for first in range(0, len(wanted), at_once):
        group = wanted[first : first + at_once]
        table = np.empty((len(group), len(X)))
        start = 0
        for part in chunks(X):
            table[:, start : start + len(part)] = part.reshape(len(part), -1)[:, group].T
            start += len(part)
        yield from zip(group.tolist(), table, strict=True)
