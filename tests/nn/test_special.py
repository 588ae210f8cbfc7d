"""Tests of the error function, against that of the standard library."""

from __future__ import annotations

from math import erf as exact

import numpy as np
import pytest

from nnkit.nn.special import erf


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-7), ("float64", 3e-14)])
def test_error_function(dtype: str, tolerance: float) -> None:
    X = np.linspace(-7, 7, 1001).astype(dtype)
    np.testing.assert_allclose(erf(X), [exact(x) for x in X], rtol=0, atol=tolerance)
