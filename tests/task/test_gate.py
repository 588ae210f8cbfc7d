"""Gates: what can be written under `expect:`, and which gates need several runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nnkit.task.gate import Gate, impossible_bounds, seeds_needed


def gate(**settings: Any) -> Gate:
    return Gate.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "set min, max or no_worse_than"),
        ({"min": 2, "max": 1}, "min must not exceed max"),
        ({"no_worse_than": "b.json", "seeds": 3}, "seeds has no effect without min or max"),
        ({"min": 0.9, "confidence": 0.9}, "confidence has no effect without seeds"),
        ({"min": 0.9, "margin": 0.1}, "margin has no effect without no_worse_than"),
        ({"min": 0.9, "seeds": 1}, "greater than or equal to 2"),
        ({"min": 0.9, "seeds": 3, "confidence": 95}, "less than 1"),
        ({"no_worse_than": "b.json", "margin": -1}, "greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        gate(**settings)


def test_only_bounds_without_seeds_are_met_by_a_single_run() -> None:
    assert gate(min=0.9).bounds_each_run
    assert not gate(min=0.9, seeds=3).bounds_each_run
    assert not gate(no_worse_than="b.json").bounds_each_run


def test_the_largest_number_of_seeds_is_needed() -> None:
    one, three, five = {"a": gate(min=0)}, {"a": gate(min=0, seeds=3)}, {"b": gate(max=1, seeds=5)}
    assert (seeds_needed(), seeds_needed(one), seeds_needed(one, three)) == (1, 1, 3)
    assert seeds_needed(three | five) == 5


def test_bounds_that_no_run_can_meet_or_miss() -> None:
    expect = {
        "test.accuracy": gate(min=97),
        "test.mcc": gate(min=-2),
        "test.loss": gate(max=97),
        "seconds": gate(max=97),
    }
    found = {error.path: error.message for error in impossible_bounds(expect)}
    assert found == {
        ("expect", "test.accuracy", "min"): "accuracy is at most 1; write 0.97",
        ("expect", "test.mcc", "min"): "mcc is at least -1",
    }
