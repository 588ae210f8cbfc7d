"""Confidence intervals, and tests of two models on the same samples, without SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import atan, comb, cos, exp, lgamma, log, pi, sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.metrics.intervals import LEVEL
from nnkit.random import generator

Array = NDArray[Any]
RESAMPLES = 2000
FLIPS = 9999
CHUNK = 1 << 22  # signs drawn at a time


def bootstrap_interval(
    measure: Callable[[Array, Array], float],
    targets: Array,
    outputs: Array,
    seed: int,
    level: float = LEVEL,
) -> tuple[float, float]:
    """The percentile bootstrap interval of a metric, from 2,000 resamples of the test set.

    Efron & Tibshirani 1993, An introduction to the bootstrap, § 13.3.

    Args:
        measure: the metric, a function of targets and outputs.
        targets: real targets, (n, outputs).
        outputs: predictions, (n, outputs).
        seed: seed of the resamples; the same resamples are drawn for every model.
        level: the level of confidence.
    """
    draws = generator(seed, "bootstrap").integers(len(targets), size=(RESAMPLES, len(targets)))
    values = [measure(targets[chosen], outputs[chosen]) for chosen in draws]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test of two classifiers.

    Only samples on which one of the two is right count. If the classifiers are equally good, each
    is right on half of them, by a binomial distribution (McNemar 1947, Note on the sampling error
    of the difference between correlated proportions or percentages; exact as in Dietterich 1998).

    Args:
        only_first: the number of samples on which only the first is right.
        only_second: the number of samples on which only the second is right.
    """
    few, trials = min(only_first, only_second), only_first + only_second
    term, tail = comb(trials, 0), 0
    for k in range(few + 1):
        tail += term
        term = term * (trials - k) // (k + 1)  # comb(trials, k + 1), without starting anew
    return min(1.0, 2 * tail / 2**trials)


def sign_flip(differences: Array, seed: int) -> float:
    """The two-sided p-value of the paired permutation test of a mean difference of 0.

    If two models are equally good, the sign of each difference is arbitrary: the mean is compared
    with those after flipping signs at random, 9,999 times (Fisher 1935, The design of experiments,
    § 21). The smallest p-value is 0.0001.

    Args:
        differences: the difference of the two models' errors on each sample, (n,).
        seed: seed of the flips.
    """
    observed, rng = abs(differences.sum()), generator(seed, "sign flips")
    threshold = observed - 1e-12 * np.abs(differences).sum()  # sums are rounded
    at_once = max(1, CHUNK // len(differences))
    reached = 0
    for start in range(0, FLIPS, at_once):
        shape = (min(at_once, FLIPS - start), len(differences))
        signs = rng.integers(0, 2, size=shape, dtype=np.int8) * 2.0 - 1.0
        reached += int(np.count_nonzero(np.abs(signs @ differences) >= threshold))
    return (1 + reached) / (1 + FLIPS)


def confidence_limits(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """The one-sided lower and upper confidence limits of a mean, mean ∓ t·s/√n (Student 1908)."""
    n = len(values)
    reach = t_quantile(confidence, n - 1) * stdev(values) / sqrt(n)
    return fmean(values) - reach, fmean(values) + reach


def t_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for a probability of more than a half.

    Args:
        probability: between 0.5 and 1.
        freedom: degrees of freedom, from 1.
    """
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if t_probability(middle, freedom) < probability else (low, middle)
        )
    return high


def t_probability(t: float, freedom: int) -> float:
    """P(T ≤ t) for t ≥ 0, by Simpson's rule over the angle: t = √ν·tan θ, dP = c·cos^(ν−1) θ dθ."""
    steps = 2000
    width = atan(t / sqrt(freedom)) / steps
    heights = [cos(i * width) ** (freedom - 1) for i in range(steps + 1)]
    area = (
        width / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2]))
    )
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(pi) / 2)
    return 0.5 + scale * area
