"""Tests of the fast conversion of decimals: as float() converts them, to the last bit.

Where there are compiled kernels, NumPy has to give the same.
"""

from __future__ import annotations

from decimal import Decimal
from math import copysign, inf, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.tables.decimals import WINDOW, decimals, decimals_by_numpy
from nnkit.native.library import library

DIGITS = st.text("0123456789", max_size=13)
NUMBERS = st.builds(
    "{}{}{}{}".format, st.sampled_from(["", "-"]), DIGITS, st.sampled_from(["", "."]), DIGITS
)


def converted(texts: list[str], point: str = ".") -> tuple[list[float], list[bool]]:
    """Converts texts that stand one after another, each followed by a comma or semicolon."""
    ends = np.cumsum([len(text) + 1 for text in texts]) + WINDOW - 1
    starts = ends - [len(text) for text in texts]
    line = " " * WINDOW + ";".join(texts) + ";"
    values, valid = decimals(line.encode(), starts, ends, point)
    if library() is not None:
        same, also_valid = decimals_by_numpy(line.encode(), starts, ends, point)
        np.testing.assert_array_equal(valid, also_valid)
        np.testing.assert_array_equal(values[valid], same[valid])
    return values.tolist(), valid.tolist()


def expected(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@given(st.lists(NUMBERS | st.text("0123456789+-.eE:/x", max_size=25), min_size=1, max_size=8))
def test_what_is_converted_is_what_float_makes_of_it(texts: list[str]) -> None:
    for text, value, valid in zip(texts, *converted(texts), strict=True):
        if valid:
            assert (value, copysign(1, value)) == (float(text), copysign(1, float(text)))
        elif expected(text) is not None:  # exponents, signs of plus, and more than 15 digits
            digits = text.lstrip("+-").replace(".", "").lstrip("0")
            assert text[0] == "+" or "e" in text.lower() or len(text) > 24 or len(digits) > 15


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_of_seventeen_digits_are_read_to_the_last_bit(numbers: list[float]) -> None:
    for text in (list(map(repr, numbers)), [f"{number:.17g}" for number in numbers]):
        for number, value, valid in zip(numbers, *converted(text), strict=True):
            if valid:
                assert (value, copysign(1, value)) == (number, copysign(1, number))
            else:  # exponents
                assert not 1e-4 <= abs(number) < 1e16


@pytest.mark.parametrize("exponent", range(-10, 17))
def test_numbers_halfway_between_floats_are_left_to_float(exponent: int) -> None:
    powers = [2.0**exponent, 3 * 2.0**exponent, 2.0**exponent + 2.0 ** (exponent - 52)]
    halfway = [Decimal(p) + (Decimal(nextafter(p, inf)) - Decimal(p)) / 2 for p in powers]
    nearly = [half + Decimal(sign) / 10**17 for half in halfway for sign in (-1, 1)]
    texts = [f"{number:f}"[:24] for number in halfway + nearly]
    for text, value, valid in zip(texts, *converted(texts), strict=True):
        assert not valid or value == float(text)


def test_numbers_beyond_64_bits_are_left_to_float_without_a_warning() -> None:
    texts = ["18446744073709551615", "18446744073709551616", "-99999999999999999999", "1.5"]
    values, valid = converted(texts)
    assert (values[-1], valid) == (1.5, [False, False, False, True])


SHORT = ["0", "-0", "7.", ".5", "-.5", "12345678", "12345678.0123456"]
LONG = ["0.12573022155140562", "-12345678.1234567890", "123456789012345678", "0.000000000000001"]


@pytest.mark.parametrize("text", [*SHORT, *LONG])
def test_common_forms_need_no_other_way(text: str) -> None:
    (value,), (valid,) = converted([text])
    assert (valid, value) == (True, float(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "-.",
        "1.2.3",
        "1234567.9.123456789",
        "1.23456789./12345678",
        "1-2",
        "1/2",
        "--1",
        "nan",
        "1e5",
    ],
)
def test_what_is_not_decimal_is_not_valid(text: str) -> None:
    assert converted([text, "1"])[1] == [False, True]


def test_a_comma_is_a_decimal_mark_if_wanted_and_a_point_none() -> None:
    values, valid = converted(["1,5", "-2,25", "1.5", "123456789,5"], ",")
    assert valid == [True, True, False, True]
    assert [v for v, ok in zip(values, valid, strict=True) if ok] == [1.5, -2.25, 123456789.5]
