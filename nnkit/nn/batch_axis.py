"""The batch axis: last inside the network, first in the Python API and in files."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array


def batch_last(X: Array) -> Array:
    """Views X (N, *shape), the external layout, as (*shape, N), the internal layout."""
    return X.T if X.ndim == 2 else np.moveaxis(X, 0, -1)


def batch_first(Y: Array) -> Array:
    """Views Y (*shape, N), the internal layout, as (N, *shape), the external layout."""
    return Y.T if Y.ndim == 2 else np.moveaxis(Y, -1, 0)
