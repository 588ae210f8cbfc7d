"""Tests of the summary of a column of numbers."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from nnkit.data.tables import number_summary
from nnkit.data.tables.number_summary import NumberSummary


@pytest.mark.parametrize(
    ("values", "summary"),
    [
        ([2.5, nan, -1, 2.5], NumberSummary(2, -1, 2.5, whole=False, consecutive=False)),
        ([3, 4, 5], NumberSummary(3, 3, 5, whole=True, consecutive=True)),
        ([3, nan, 4], NumberSummary(2, 3, 4, whole=True, consecutive=False)),
        ([5, 4, 3], NumberSummary(3, 3, 5, whole=True, consecutive=True)),
    ],
)
def test_a_summary(values: list[float], summary: NumberSummary) -> None:
    assert NumberSummary.of(np.array(values)) == summary


@pytest.mark.parametrize(
    ("values", "marker", "marked"),
    [
        ([-999, 3.5, 4, -999, nan, 9], -999, 2),
        ([999, 999, 999, 1, 2], 999, 3),
        ([-999, 3.5, 4, 9], None, 0),  # once
        ([-999, -999, -500, 4], None, 0),  # others are as far from each other
        ([-998, -998, 3.5, 4], None, 0),
        ([-999, -999], None, 0),
        ([1, 2, 2, 9, 9], 9, 2),
        ([1, 5, 2, 9, 9], None, 0),
        ([13.1, 99.9, 12.5, 99.9], 99.9, 2),
    ],
)
def test_a_number_that_may_mean_a_missing_value(
    values: list[float], marker: float | None, marked: int
) -> None:
    summary = NumberSummary.of(np.array(values))
    assert (summary.marker, summary.marked) == (marker, marked)


def test_the_range_is_that_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_summary, "MOST_COUNTED", 3)
    summary = NumberSummary.of(np.array([1, 1, 2, nan, 9, -4]))
    assert (summary.distinct, summary.low, summary.high) == (2, -4, 9)


def test_a_column_without_numbers_has_no_range() -> None:
    summary = NumberSummary.of(np.array([nan, nan]))
    assert summary.distinct == 0
    assert np.isnan(summary.low)
