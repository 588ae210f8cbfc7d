"""Intervals and tests: as SciPy computes them, and as often right as they claim."""

from __future__ import annotations

from math import isclose, sqrt

import numpy as np
import pytest
from scipy import stats

from nnkit.experiments.significance import (
    Array,
    bootstrap_interval,
    confidence_limits,
    mcnemar,
    sign_flip,
    t_quantile,
)
from nnkit.metrics import METRICS
from nnkit.metrics.intervals import wilson_interval
from nnkit.random import generator


@pytest.mark.parametrize(
    ("first", "second"),
    [(0, 0), (0, 1), (5, 0), (0, 6), (3, 12), (12, 3), (7, 7), (8, 7), (100, 140), (2000, 2200)],
)
def test_mcnemar_as_scipy_computes_the_binomial_test(first: int, second: int) -> None:
    expected = 1.0
    if first + second:
        expected = stats.binomtest(first, first + second, 0.5).pvalue
    assert isclose(mcnemar(first, second), expected, rel_tol=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_fewer_than_six_differing_samples_are_no_evidence() -> None:
    assert mcnemar(5, 0) > 0.05 > mcnemar(6, 0)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("samples", [8, 60])
def test_sign_flips_as_scipy_permutes_them(samples: int, shift: float) -> None:
    differences = generator(0, "differences").normal(shift, size=samples)
    expected = stats.permutation_test(
        (differences, np.zeros(samples)),
        lambda a, b: float(np.mean(a - b)),
        permutation_type="samples",
        vectorized=False,
        n_resamples=9999,
        random_state=np.random.default_rng(1),
    ).pvalue
    found = sign_flip(differences, seed=0)
    assert found == pytest.approx(expected, abs=0.02)
    assert sign_flip(-differences, seed=0) == found


def test_sign_flips_of_no_difference_are_no_evidence() -> None:
    assert sign_flip(np.zeros(50), seed=0) == 1
    assert sign_flip(np.ones(50), seed=0) == 1e-4  # the smallest there is


def test_a_large_test_set_is_flipped_in_parts() -> None:
    differences = generator(0, "many").normal(size=3000)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert sign_flip(differences, seed=0) == pytest.approx(expected, abs=0.02)


def test_the_bootstrap_as_scipy_draws_it() -> None:
    rng = generator(0, "predictions")
    targets = rng.normal(size=(80, 1))
    outputs = targets + rng.normal(scale=0.5, size=(80, 1))

    def r2(targets: Array, outputs: Array) -> float:
        return METRICS["r2"](targets[:, None], outputs[:, None])

    expected = stats.bootstrap(
        (targets[:, 0], outputs[:, 0]),
        r2,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    found = bootstrap_interval(METRICS["r2"], targets, outputs, seed=0)
    np.testing.assert_allclose(found, (expected.low, expected.high), atol=0.02)
    assert found == bootstrap_interval(METRICS["r2"], targets, outputs, seed=0)
    assert found != bootstrap_interval(METRICS["r2"], targets, outputs, seed=1)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = generator(0, "coverage")
    held = 0
    for successes in rng.binomial(100, 0.9, size=2000):
        low, high = wilson_interval(int(successes), 100)
        held += low <= 0.9 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.02)


PROBABILITIES = (0.6, 0.9, 0.95, 0.99, 0.999)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 200])
def test_quantiles_are_those_of_scipy(freedom: int) -> None:
    found = [t_quantile(p, freedom) for p in PROBABILITIES]
    np.testing.assert_allclose(found, stats.t.ppf(PROBABILITIES, freedom), rtol=1e-6)


@pytest.mark.parametrize(("seeds", "confidence"), [(3, 0.95), (5, 0.95), (10, 0.9)])
def test_a_limit_covers_the_true_mean_as_often_as_it_says(seeds: int, confidence: float) -> None:
    """By simulation; the binomial deviation of the share of 20,000 is a quarter of a percent."""
    repeats = 20_000
    runs = generator(0, "coverage").normal(0.97, 0.01, (repeats, seeds))
    reach = t_quantile(confidence, seeds - 1) * runs.std(axis=1, ddof=1) / sqrt(seeds)
    covered = np.mean(runs.mean(axis=1) - reach <= 0.97)
    assert abs(covered - confidence) < 4 * sqrt(confidence * (1 - confidence) / repeats)
    low, high = confidence_limits(list(runs[0]), confidence)
    assert low == pytest.approx(runs[0].mean() - reach[0], rel=1e-9)
    assert high == pytest.approx(runs[0].mean() + reach[0], rel=1e-9)
