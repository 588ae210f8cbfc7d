"""Tests of the formatting of tables, metrics, sizes and durations."""

from __future__ import annotations

import pytest

from nnkit.cli.output import (
    show,
    show_bytes,
    show_count,
    show_figure,
    show_seconds,
    table,
    wrapped,
)


def test_a_table_puts_text_to_the_left_and_numbers_to_the_right() -> None:
    assert table(("name", "count"), [("a", 1), ("longer", 12_345)]) == (
        "name     count\na            1\nlonger  12,345"
    )


def test_a_table_without_rows_is_its_heading() -> None:
    assert table(("name", "count"), []) == "name  count"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (1e-9, "1e-09"),
        (True, "yes"),
        (False, "no"),
        (None, ""),
        ((28, 28), "28 × 28"),
        ("text", "text"),
    ],
)
def test_show(value: object, shown: str) -> None:
    assert show(value) == shown


def test_accuracies_are_in_percent() -> None:
    assert show_figure("test.accuracy", 0.98765) == "98.77 %"
    assert show_figure("top_2_accuracy", 1) == "100.00 %"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.2542, "0.2542"),
        (0.0130, "0.01300"),
        (1.0, "1.000"),
        (-0.33912, "-0.3391"),
        (1234.56, "1235"),
        (49954323169.28, "4.995e+10"),
        (1.2344e-7, "1.234e-07"),
        (0.0, "0"),
    ],
)
def test_other_figures_have_four_significant_digits(value: float, shown: str) -> None:
    assert show_figure("validation.loss", value) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (1, "1"),
        (10.0, "10"),
        (20_000, "20,000"),
        (2.5, "2.5"),
        (0.126, "0.13"),
        (1e6 / 3, "333,333.33"),
    ],
)
def test_counts(count: float, shown: str) -> None:
    assert show_count(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.7, "1 kB"),
        (1600, "1.6 kB"),
        (2.5e6, "2.5 MB"),
        (3e9, "3 GB"),
        (4e13, "40 TB"),
        (4e15, "4,000 TB"),
    ],
)
def test_bytes(count: float, shown: str) -> None:
    assert show_bytes(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.000123, "0.123 ms"),
        (0.04, "40 ms"),
        (0.0994, "99.4 ms"),
        (0.0996, "0.1 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 0 s"),
        (125, "2 min 5 s"),
        (7325, "2 h 2 min"),
    ],
)
def test_seconds(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


def test_lines_are_broken_between_words_only() -> None:
    text = "some words and a-rather-long-hyphenated-one/or/a/path"
    lines = wrapped(text, 20)
    assert lines == ["some words and", "  a-rather-long-hyphenated-one/or/a/path"]
    assert wrapped("one two three", 9, 2) == ["  one two", "    three"]
