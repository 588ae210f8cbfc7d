"""Tests of arrays that grow at their end."""

from __future__ import annotations

import numpy as np

from nnkit.data.tables.growing_array import FIRST, GrowingArray


def test_what_was_appended_is_in_the_array() -> None:
    values = np.arange(3.0 * FIRST)
    array = GrowingArray(np.float64)
    array.append(values[:10])
    array.clear()
    for start in range(0, len(values), 1_000):
        array.append(values[start : start + 1_000])
    np.testing.assert_array_equal(array.finish(), values)
    assert len(GrowingArray(np.int32).finish()) == 0
