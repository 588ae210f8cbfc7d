"""Tests of confidence intervals: as SciPy computes them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nnkit.metrics.intervals import wilson_interval


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("successes", "trials"),
    [(0, 1), (1, 1), (0, 30), (30, 30), (28, 30), (347, 359), (9847, 10000)],
)
def test_wilson_as_scipy_computes_it(successes: int, trials: int, level: float) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = wilson_interval(successes, trials, level)
    np.testing.assert_allclose(found, (expected.low, expected.high), rtol=1e-12, atol=1e-15)
