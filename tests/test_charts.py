"""Tests of charts, drawn as characters and in files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from nnkit.charts import (
    MOST_CURVES,
    PATTERNS,
    TERMINAL_COLOURS,
    Annotation,
    AxisScale,
    Chart,
    Curve,
    Style,
    in_terminal,
    picture_format,
    write_picture,
)
from nnkit.errors import UsageError

X = np.linspace(0.0, 10.0, 101)
LINE = Chart("a line", "x", (Curve("y", X, 2 * X),))
ALL = Chart(
    "everything",
    "lr",
    (
        Curve("points", 10 ** (X - 5), X, "points"),
        Curve("line", 10 ** (X - 5), 10 - X),
        Curve("dashes", 10 ** (X - 5), np.full(101, 5.0), "dashed"),
    ),
    log_x=True,
    marks=(Annotation("here", 1e-3), Annotation("there", 10.0)),
)


def lines(chart: Chart, width: int = 80, height: int = 22) -> list[str]:
    return in_terminal(chart, width, height).plain.split("\n")


@pytest.mark.parametrize("chart", [LINE, ALL], ids=["line", "all"])
@pytest.mark.parametrize("size", [(80, 22), (60, 14), (100, 40)])
def test_fits_where_it_is_drawn(chart: Chart, size: tuple[int, int]) -> None:
    drawn = lines(chart, *size)
    assert len(drawn) <= size[1]
    assert max(map(len, drawn)) <= size[0]


def dots(line: str) -> list[int]:
    """Returns the columns of a line that contain braille dots."""
    return [i for i, character in enumerate(line) if "\u2800" < character <= "\u28ff"]


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    reached = [max(found) for line in lines(LINE) if (found := dots(line))]
    assert reached == sorted(reached, reverse=True)
    assert (reached[0], reached[-1]) == (79, 5)


def test_the_numbers_stand_where_they_belong() -> None:
    drawn = lines(LINE)
    assert drawn[0] == "a line"
    assert drawn[-1].split() == ["x", "0", "2", "4", "6", "8", "10"]
    assert [line.split("┤")[0].strip() for line in drawn if "┤" in line] == ["20", "10", "0"]
    ticks = [i for i, character in enumerate(drawn[-2]) if character == "┬"]
    assert [drawn[-1].index(str(number)) for number in (0, 2, 4, 6, 8, 10)] == [
        *ticks[:5],
        ticks[5] - 1,
    ]


def test_styles_tell_curves_apart_without_colour() -> None:
    legend = lines(ALL)[1:3]
    assert legend == ["·· points   ━━ line   ╍╍ dashes", "│ here   ┆ there"]
    middle = [row for row in lines(ALL) if row.count("⠒") + row.count("⠤") + row.count("⠉") > 20]
    assert any(" " in row.strip() for row in middle)  # the dashes


@pytest.mark.parametrize("style", PATTERNS)
def test_a_style_leaves_out_its_share_of_the_dots(style: Style) -> None:
    def count(style: Style) -> int:
        drawn = "".join(lines(Chart("", "x", (Curve("y", X, X, style),))))
        return sum((ord(c) - 0x2800).bit_count() for c in drawn if "\u2800" < c <= "\u28ff")

    assert count(style) / count("line") == pytest.approx(np.mean(PATTERNS[style]), abs=0.03)


def test_as_many_curves_as_there_are_colours() -> None:
    chart = Chart("", "x", tuple(Curve(str(i), X, i * X) for i in range(MOST_CURVES)))
    drawn = in_terminal(chart)
    assert {str(span.style) for span in drawn.spans} >= set(TERMINAL_COLOURS)
    assert len(TERMINAL_COLOURS) == MOST_CURVES


def test_what_is_no_number_is_a_gap() -> None:
    y = np.where((X > 4) & (X < 6), np.nan, 1.0)
    (row,) = filter(None, map(dots, lines(Chart("", "x", (Curve("y", X, y),)))))
    assert max(np.diff(row)) > 10


@pytest.mark.parametrize("y", [np.zeros(101), np.full(101, 3.0), np.full(101, np.nan)])
def test_a_flat_or_empty_curve_is_drawn_too(y: np.ndarray) -> None:
    assert lines(Chart("flat", "x", (Curve("y", X, y),)))


def test_a_second_unit_below() -> None:
    chart = Chart("", "step", (Curve("lr", X * 100, X),), second_x=("epoch", 100.0))
    assert lines(chart)[-2].split()[:2] == ["step", "0"]
    assert lines(chart)[-1].split() == ["epoch", "0", "2", "4", "6", "8", "10"]


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0.0, 10.0, False, [0, 2, 4, 6, 8, 10]),
        (-5.0, 5.0, False, [-4, -2, 0, 2, 4]),
        (0.0, 0.002, False, [0, 0.0005, 0.001, 0.0015, 0.002]),
        (1e-7, 10.0, True, [1e-7, 1e-5, 1e-3, 1e-1, 10]),
        (3.0, 40.0, True, [10]),
    ],
)
def test_ticks_are_round(low: float, high: float, log: bool, expected: list[float]) -> None:
    np.testing.assert_allclose(AxisScale(low, high, 100, log).ticks(5), expected, atol=1e-12)


def test_colours_only_on_a_terminal() -> None:
    plain, coloured = Console(force_terminal=False), Console(force_terminal=True)
    for console, expected in ((plain, False), (coloured, True)):
        with console.capture() as captured:
            console.print(in_terminal(ALL))
        assert ("\x1b" in captured.get()) is expected


class TestPictures:
    @pytest.mark.parametrize("chart", [LINE, ALL], ids=["line", "all"])
    def test_png(self, chart: Chart, tmp_path: Path) -> None:
        write_picture(chart, tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert min(pixels.shape[:2]) > 500
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10

    def test_svg_the_same_each_time(self, tmp_path: Path) -> None:
        for name in ("a.svg", "b.svg"):
            write_picture(ALL, tmp_path / name)
        first = (tmp_path / "a.svg").read_bytes()
        assert b"<svg" in first
        assert first == (tmp_path / "b.svg").read_bytes()

    def test_points_at_the_edges_are_whole(self, tmp_path: Path) -> None:
        x = np.arange(3.0)
        write_picture(Chart("", "x", (Curve("y", x, x, "points"),)), tmp_path / "a.svg")
        assert "<g clip-path" not in (tmp_path / "a.svg").read_text(encoding="utf-8")

    def test_no_other_kind(self) -> None:
        with pytest.raises(
            UsageError, match=r"a\.gif: the name of a picture must end in \.png or \.svg"
        ):
            picture_format(Path("a.gif"))

    def test_without_matplotlib_it_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(UsageError, match="drawing a picture needs matplotlib: pip install mat"):
            picture_format(Path("a.png"))
