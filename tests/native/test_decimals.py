"""Tests of the conversion of decimals in C; what it gives is tested beside its equivalent."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.data.tables.decimals import decimals

pytestmark = pytest.mark.native


def test_nothing_is_read_outside_the_cells() -> None:
    text = b"-12.5" + b"9" * 40
    starts, ends = np.array([0, 1, 5, 45, 0]), np.array([5, 5, 45, 45, 0])
    values, valid = decimals(text, starts, ends, ".")
    assert valid.tolist() == [True, True, False, False, False]
    assert values[:2].tolist() == [-12.5, 12.5]


def test_cells_need_not_be_contiguous() -> None:
    bounds = np.array([[0, 1], [1, 2], [2, 3], [3, 4]], dtype=np.int32)
    values, valid = decimals(b"1234", bounds[::2, 0], bounds[::2, 1], ".")
    assert valid.all()
    assert values.tolist() == [1, 3]
