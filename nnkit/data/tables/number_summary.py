"""Summaries of the numbers of a column: how many are distinct, and their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_COUNTED = 1_000_000  # rows among which distinct numbers are counted
# Numbers that often stand for a missing value: -9, 9, -99, 99, … and, beside decimals, 99.9, 999.9.
MARKERS = {sign * (10.0**digits - 1) for digits in range(1, 10) for sign in (-1, 1)} | {
    sign * number for number in (99.9, 999.9, 9999.9) for sign in (-1, 1)
}


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """A summary of the numbers of a column.

    Attributes:
        distinct: the number of distinct numbers, among the first `MOST_COUNTED` rows.
        low: the smallest number; NaN if there is none.
        high: the largest number.
        whole: whether those that were counted are whole numbers.
        consecutive: whether those are consecutive whole numbers, one in each row, in any order.
        marker: a number such as -999 that occurs several times and is farther from all others than
            these are from each other, so that it may mean a missing value; None if there is none.
        marked: how often it occurs.
    """

    distinct: int
    low: float
    high: float
    whole: bool
    consecutive: bool
    marker: float | None = None
    marked: int = 0

    @classmethod
    def of(cls, values: Array) -> NumberSummary:
        """Summarizes numbers (n,), NaN where one is missing."""
        counted = values[:MOST_COUNTED]
        found = sorted_numbers(counted)
        if not len(found):
            return cls(0, np.nan, np.nan, whole=True, consecutive=False)
        low, high = float(found[0]), float(found[-1])
        if len(values) > MOST_COUNTED:
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
        whole = bool((found == np.rint(found)).all())
        consecutive = whole and len(found) == len(counted) and bool((np.diff(found) == 1).all())
        marker, marked = _marker(found)
        return cls(count_distinct(found), low, high, whole, consecutive, marker, marked)


def _marker(ordered: Array) -> tuple[float | None, int]:
    """The number at an end of a range that may mean a missing value, and how often it occurs."""
    for number, others in (
        (ordered[0], ordered[np.searchsorted(ordered, ordered[0], side="right") :]),
        (ordered[-1], ordered[: np.searchsorted(ordered, ordered[-1], side="left")]),
    ):
        count = len(ordered) - len(others)
        if float(number) not in MARKERS or count < 2 or not len(others):
            continue
        gap = float(np.abs(others[[0, -1]] - number).min())
        if gap > others[-1] - others[0]:
            return float(number), count
    return None, 0


def sorted_numbers(values: Array) -> Array:
    """The values (n,) that are not NaN, in ascending order."""
    ordered = np.sort(values)  # NaN last
    return ordered[: len(ordered) - np.count_nonzero(np.isnan(ordered))]


def count_distinct(ordered: Array) -> int:
    """The number of distinct values among values in order, (n,)."""
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)
