"""Confidence intervals of metrics."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95  # of confidence


def wilson_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The score interval of a proportion, such as an accuracy.

    Wilson 1927, Probable inference, the law of succession, and statistical inference. Unlike the
    normal interval it is within 0 … 1 and has a width even if all trials succeed.

    Args:
        successes: the number of successes.
        trials: the number of trials, at least 1.
        level: the level of confidence.
    """
    z, share = NormalDist().inv_cdf((1 + level) / 2), successes / trials
    middle = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == trials else (middle + half) / scale
    return low, high
