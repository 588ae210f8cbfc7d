"""Confidence intervals of metrics."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from nnkit.metrics.metric import Array, Metric
from nnkit.metrics.sample_counts import C
from nnkit.random import generator

LEVEL = 0.95  # of confidence
RESAMPLES = 1000
SEED = 0  # of the draws whose interval is reported


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


def bootstrap_values(metric: Metric[C], counts: C, seed: int, resamples: int = RESAMPLES) -> Array:
    """The values of a metric on resampled data, (resamples,).

    Each resample draws as many samples as there are, with replacement, and sums their counts: Koehn
    2004, Statistical significance tests for machine translation evaluation, § 3. The same samples
    are drawn for every metric and every model, so that the differences of the values of two models
    on one set compare them (§ 4, paired bootstrap).

    Args:
        metric: a metric of sums over samples, such as `bleu`.
        counts: its counts over a set of n samples.
        seed: the seed of the draws.
        resamples: how often the set is resampled.
    """
    n, rng = len(counts.rows), generator(seed, "bootstrap")
    values = np.empty(resamples)
    for i in range(resamples):
        drawn = np.bincount(rng.integers(n, size=n), minlength=n) if n else np.empty(0)
        values[i] = metric.of(counts.weighted(counts.weights * drawn))
    return values


def percentile_interval(values: Array, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of bootstrap values, (resamples,).

    Efron & Tibshirani 1993, An introduction to the bootstrap, § 13.3.
    """
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(metric: Metric[C], counts: C) -> tuple[float, float]:
    """The percentile interval of a metric by resampling samples, as evaluations report it.

    Args:
        metric: a metric of sums over samples, such as `bleu`.
        counts: its counts over a set.
    """
    return percentile_interval(bootstrap_values(metric, counts, SEED))
