"""Gates over seeds: the confidence limit is Student's, and covers as often as it says."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nnkit.errors import DataError
from nnkit.experiments.gates import (
    Gate,
    baseline_verdict,
    confidence_limits,
    mean_verdict,
    read_baseline,
    t_quantile,
)
from nnkit.random import generator

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


def gate(**settings: Any) -> Gate:
    return Gate.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "values", "passed", "words"),
    [
        ({"min": 0.9, "seeds": 3}, [0.95, 0.96, 0.97], True, "at least 0.943"),
        ({"min": 0.95, "seeds": 3}, [0.95, 0.96, 0.97], False, "expected 0.95"),
        ({"min": 0.9, "seeds": 4}, [0.95, 0.96, 0.97], False, "only 3 of the 4 seeds"),
        ({"max": 0.1, "seeds": 2}, [0.01, 0.02], True, "at most 0.0465"),
        ({"max": 0.04, "seeds": 2}, [0.01, 0.02], False, "too high"),
        ({"min": 0.9, "seeds": 2}, [0.9, 0.9], True, "± 0 over 2 seeds"),
    ],
)
def test_a_mean_is_bounded_with_confidence(
    settings: dict[str, Any], values: list[float], passed: bool, words: str
) -> None:
    found, message = mean_verdict("test.accuracy", gate(**settings), values)
    assert found == passed
    assert words in message


@pytest.mark.parametrize(
    ("name", "now", "passed", "words"),
    [
        ("test.accuracy", {1: 0.90, 2: 0.92}, True, "worse by 0 over 2 seeds"),
        ("test.accuracy", {1: 0.91, 2: 0.93}, True, "better by 0.01 over 2 seeds"),
        ("test.accuracy", {1: 0.89, 2: 0.92, 3: 0.1}, True, "worse by 0.005 over 2 seeds"),
        ("test.accuracy", {1: 0.88, 2: 0.90}, False, "by 0.02 over 2 seeds, more than the margin"),
        ("test.loss", {1: 0.93}, False, "by 0.03 over 1 seed, more"),
        ("test.accuracy", {7: 0.99}, False, "has no such cell and seed"),
    ],
)
def test_a_baseline_is_compared_seed_by_seed(
    name: str, now: dict[int, float], passed: bool, words: str
) -> None:
    bound = gate(no_worse_than="baseline.json", margin=0.01)
    found, message = baseline_verdict(name, bound, now, {1: 0.90, 2: 0.92})
    assert found == passed
    assert words in message


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"cells": 3}', '{"cells": {"a": {"x": 1}}}']
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(
        DataError, match=r"baseline\.json: (the baseline cannot be read|not a baseline)"
    ):
        read_baseline(path)
