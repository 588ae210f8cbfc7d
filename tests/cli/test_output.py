"""Tables, figures, sizes and durations as a person reads them."""

from __future__ import annotations

import pytest

from nnkit.cli.output import show, show_bytes, show_figure, show_seconds, table


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
    assert show_figure("test.loss", 0.98765) == "0.9877"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1600, "1.6 kB"),
        (2.5e6, "2.5 MB"),
        (3e9, "3 GB"),
        (4e13, "4e+04 GB"),
    ],
)
def test_bytes(count: float, shown: str) -> None:
    assert show_bytes(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (12.34, "12.3 s"), (125, "2 min 5 s")]
)
def test_seconds(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown
