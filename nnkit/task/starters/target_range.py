"""Numbers to predict that span many orders of magnitude, for which `data.target: log` may do."""

from __future__ import annotations

import numpy as np

from nnkit.data.dataset import Array

WIDEST = 1e4  # ratio of the largest target to the smallest, from which logarithms are worth a try
SKEWED = 2.0  # skewness of targets of which the largest decide the fit …
EVEN = 0.5  # … and of their logarithms, if these have no such tail of their own


def wide_range(targets: Array) -> str | None:
    """Says what range targets span, if their logarithms are spread far more evenly than they are.

    Nothing more is concluded from it: of tables with such targets, `log` gave lower errors on some
    and useless predictions on others, because the exponential magnifies errors of large ones.

    Args:
        targets: real targets, (n, outputs).

    Returns:
        Such as `from 0.005 to 6654, over 6 orders of magnitude`; None if the targets of any output
        do not.
    """
    low, high = targets.min(axis=0), targets.max(axis=0)
    if not (low > 0).all() or not (high >= WIDEST * low).all():
        return None
    if not (_skewness(targets) > SKEWED).all() or (abs(_skewness(np.log(targets))) > EVEN).any():
        return None
    first, last = float(low.min()), float(high.max())
    orders = round(np.log10(last / first))
    return f"from {first:.4g} to {last:.4g}, over {orders} orders of magnitude"


def _skewness(values: Array) -> Array:
    """The skewness of each column of values (n, outputs), which are not constant."""
    standardized = (values - values.mean(axis=0)) / values.std(axis=0)
    skewness: Array = (standardized**3).mean(axis=0)
    return skewness
