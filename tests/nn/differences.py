"""Central differences, to check derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnkit.nn.params import Array

STEP = 1e-5


def central_differences(function: Callable[[], float], X: Array) -> Array:
    """Approximates dE/dX, where `function` computes E from X in float64."""
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
    """Asserts a relative error below 1e-6; for small entries, relative to the largest entry."""
    np.testing.assert_allclose(
        analytic, numeric, rtol=1e-6, atol=1e-6 * float(np.abs(numeric).max(initial=0))
    )


def assert_gradient_along_lines(
    function: Callable[[], float], X: Array, gradient: Array, rng: np.random.Generator
) -> None:
    """Asserts that the gradient agrees along two random directions, with relative error 1e-6."""
    start = X.copy()
    for _ in range(2):
        direction = rng.standard_normal(X.shape)
        X[...] = start + STEP * direction
        above = function()
        X[...] = start - STEP * direction
        below = function()
        X[...] = start
        numeric, analytic = (above - below) / (2 * STEP), float(np.vdot(gradient, direction))
        scale = float(np.linalg.norm(gradient))
        assert abs(analytic - numeric) <= 1e-6 * scale + 1e-10, (analytic, numeric)
