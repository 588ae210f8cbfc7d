"""Central differences, against which derivatives are held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnkit.nn.params import Array

STEP = 1e-5


def central_differences(function: Callable[[], float], X: Array) -> Array:
    """dE/dX, where `function` computes E from X in float64."""
    slope = np.empty(X.shape)
    for index in np.ndindex(X.shape):
        start = X[index]
        X[index] = start + STEP
        above = function()
        X[index] = start - STEP
        below = function()
        X[index] = start
        slope[index] = (above - below) / (2 * STEP)
    return slope


def assert_close(analytic: Array, numeric: Array) -> None:
    """Relative error below 1e-6, of the largest entry where entries are small."""
    np.testing.assert_allclose(
        analytic, numeric, rtol=1e-6, atol=1e-6 * float(np.abs(numeric).max(initial=0))
    )
