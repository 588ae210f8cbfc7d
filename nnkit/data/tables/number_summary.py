"""Summaries of the numbers of a column: how many are distinct, and their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_COUNTED = 1_000_000  # rows among which distinct numbers are counted


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """A summary of the numbers of a column.

    Attributes:
        distinct: the number of distinct numbers, among the first `MOST_COUNTED` rows.
        low: the smallest number; NaN if there is none.
        high: the largest number.
        whole: whether those that were counted are whole numbers.
        consecutive: whether those are consecutive whole numbers, one in each row, in any order.
    """

    distinct: int
    low: float
    high: float
    whole: bool
    consecutive: bool

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
        return cls(count_distinct(found), low, high, whole, consecutive)


def sorted_numbers(values: Array) -> Array:
    """The values (n,) that are not NaN, in ascending order."""
    ordered = np.sort(values)  # NaN last
    return ordered[: len(ordered) - np.count_nonzero(np.isnan(ordered))]


def count_distinct(ordered: Array) -> int:
    """The number of distinct values among values in order, (n,)."""
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)
