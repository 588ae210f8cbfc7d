"""Gates over seeds and gates with a baseline."""

from __future__ import annotations

from typing import Any

import pytest

from nnkit.experiments.gates import baseline_verdict, mean_verdict
from nnkit.task.gate import Gate


def gate(**settings: Any) -> Gate:
    return Gate.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "values", "passed", "words"),
    [
        ({"min": 0.9, "seeds": 3}, [0.95, 0.96, 0.97], True, "at least 0.943"),
        ({"min": 0.95, "seeds": 3}, [0.95, 0.96, 0.97], False, "expected 0.95"),
        ({"min": 0.9, "seeds": 4}, [0.95, 0.96, 0.97], False, "needs 4 seeds, but only 3 have"),
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
        ("test.accuracy", {1: 0.90, 2: 0.92}, True, "is that of the baseline over 2 seeds"),
        (
            "test.accuracy",
            {1: 0.91, 2: 0.93},
            True,
            "better than the baseline by 0.01 over 2 seeds",
        ),
        (
            "test.accuracy",
            {1: 0.89, 2: 0.92, 3: 0.1},
            True,
            "worse than the baseline by 0.005 over 2",
        ),
        (
            "test.accuracy",
            {1: 0.90, 2: 0.90},
            True,
            "by 0.01 over 2",
        ),  # the margin, but for rounding
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
