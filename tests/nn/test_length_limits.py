"""Tests of the lengths of sequences that networks take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn.form import Form
from nnkit.nn.length_limits import LengthLimits, find_limits
from tests.nn.examples import model_of


@given(st.integers(1, 500), st.integers(0, 5000) | st.none())
def test_limits_are_found(fewest: int, more: int | None) -> None:
    most = None if more is None else fewest + more
    found = find_limits(lambda n: fewest <= n and (most is None or n <= most))
    assert found == (fewest, most)


@pytest.mark.parametrize(
    ("layers", "limits"),
    [
        (["global_avg_pool"], (1, None)),
        ([{"conv": {"filters": 2, "kernel": 3}}, {"max_pool": 4}, "global_avg_pool"], (6, None)),
        ([{"positional_encoding": {"method": "learned", "length": 9}}, "global_avg_pool"], (1, 9)),
    ],
    ids=["any", "windows", "learned encoding"],
)
def test_limits_of_layers(layers: list[Any], limits: tuple[int, int | None]) -> None:
    assert model_of([*layers, {"dense": 2}], Form(3, (None,))).length_limits == limits


def test_a_fixed_size_has_no_limits() -> None:
    assert model_of([{"dense": 2}], Form(3)).length_limits == LengthLimits()
