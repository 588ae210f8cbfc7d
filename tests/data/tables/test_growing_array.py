"""Tests of arrays that grow at their end."""

from __future__ import annotations

import numpy as np

from nnkit.data.tables.growing_array import GrowingArray


def test_what_was_appended_is_in_the_array() -> None:
    values = np.arange(10_500.0)
    array = GrowingArray(np.float64)
    array.append(values[:10])
    array.clear()
    for start in range(0, len(values), 1_000):
        array.append(values[start : start + 1_000])
    np.testing.assert_array_equal(array.finish(), values)
    assert len(GrowingArray(np.int32).finish()) == 0
