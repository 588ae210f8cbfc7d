"""Charts of a few curves: drawn in the terminal with braille dots, or by matplotlib to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby, pairwise
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from nnkit.bars import Bars
from nnkit.errors import UsageError
from nnkit.files import WriteFile, write_atomic
from nnkit.optional import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]
Style = Literal["line", "dashed", "dotted", "dash-dotted", "points"]

PICTURES = (".png", ".svg")
# Colours of the curves, in order, in the terminal and in pictures. The latter are by Okabe & Ito
# (2008), chosen to be distinguishable with colour blindness.
TERMINAL_COLOURS = ("cyan", "magenta", "yellow", "blue", "red", "bright_green", "white")
PICTURE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MOST_CURVES = len(PICTURE_COLOURS)
MARK_LINES = "│┆"
SAMPLES = {"line": "━━", "dashed": "╍╍", "dotted": "┄┄", "dash-dotted": "━╸", "points": "··"}
# Which of the dots of a curve are drawn, repeated along it; and matplotlib's name of the style.
PATTERNS = {
    "line": (1,),
    "dashed": (1, 1, 1, 1, 1, 1, 0, 0, 0),
    "dotted": (1, 0, 0),
    "dash-dotted": (1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0),
}
LINES = {"line": "-", "dashed": "--", "dotted": ":", "dash-dotted": "-."}


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y), each (n,), joined or not; where y is not finite, the curve has a gap.

    The style distinguishes curves where there is no colour.
    """

    name: str
    x: Array
    y: Array
    style: Style = "line"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A named position on the x axis."""

    name: str
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The contents of a chart.

    Attributes:
        title: title above the chart.
        x_label: label of the x axis, short because it is placed beside the ticks.
        curves: the curves, at most `MOST_CURVES`.
        y_label: label of the y axis, shown only in pictures.
        log_x: whether the x axis is logarithmic; x must then be positive.
        from_zero: whether the y axis begins at 0.
        marks: vertical lines, at most two.
        second_x: a second unit of x: its name, and its size in the first unit.
    """

    title: str
    x_label: str
    curves: tuple[Curve, ...]
    y_label: str = ""
    log_x: bool = False
    from_zero: bool = False
    marks: tuple[Annotation, ...] = ()
    second_x: tuple[str, float] | None = None

    def x_range(self) -> tuple[float, float]:
        """The range of x over all curves."""
        return _range(curve.x for curve in self.curves)

    def y_range(self) -> tuple[float, float]:
        """The range of y over all curves, with a margin above and below."""
        low, high = _range(curve.y for curve in self.curves)
        if self.from_zero:
            low = min(low, 0.0)
        space = 0.04 * (high - low) or abs(high) / 2 or 1.0
        return (low if self.from_zero and low == 0 else low - space), high + space


def _range(values: Iterator[Array]) -> tuple[float, float]:
    every = np.concatenate(list(values))
    every = every[np.isfinite(every)]
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class AxisScale:
    """The scale of an axis with `size` positions, from `low` at the first to `high` at the last."""

    low: float
    high: float
    size: int
    log: bool = False

    def place(self, values: Array | float) -> Array:
        """Converts values to integer positions, 0 to size − 1, or beyond if out of range."""
        low, high, values = self.low, self.high, np.asarray(values, dtype=np.float64)
        if self.log:
            low, high, values = log10(low), log10(high), np.log10(values)
        share = (values - low) / ((high - low) or 1.0)
        return np.rint(share * (self.size - 1)).astype(np.int64)

    def ticks(self, count: int) -> list[float]:
        """About `count` round values: multiples of 1, 2 or 5 · 10ⁿ, or powers of 10."""
        if self.log:
            first, last = ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9)
            every = max(1, ceil((last - first + 1) / max(count, 1)))
            return [10.0**power for power in range(first, last + 1, every)]
        rough = ((self.high - self.low) or 1.0) / max(count, 1)
        power = 10.0 ** floor(log10(rough))
        step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def in_terminal(chart: Chart, width: int = 80, height: int = 22) -> Text:
    """Draws the chart as lines of text, at most `width` wide and `height` high.

    A cell of the terminal is a braille character of 2 × 4 dots, in the colour of the curve drawn
    there last.
    """
    x_axes = [(chart.x_label, 1.0), *([chart.second_x] if chart.second_x else [])]
    legend = _legend(chart)
    rows = max(4, height - 2 - len(legend) - len(x_axes))
    y_scale = AxisScale(*chart.y_range(), 4 * rows)
    y_ticks = {rows - 1 - int(y_scale.place(y)) // 4: _number(y) for y in y_scale.ticks(rows // 4)}
    margin = max(map(len, [*y_ticks.values(), *(name for name, _ in x_axes)])) + 1
    columns = max(16, width - margin - 1)
    x_scale = AxisScale(*chart.x_range(), 2 * columns, chart.log_x)
    text = Text(f"{chart.title}\n", style="bold") if chart.title else Text()
    text = Text.assemble(text, *(part for line in legend for part in (line, "\n")))
    cells, styles = _cells(chart, x_scale, y_scale)
    for row in range(rows):
        label = y_ticks.get(row)
        text.append(f"{label or '':>{margin}}{'┤' if label else '│'}")
        _append_row(text, cells[row], styles[row])
    x_ticks = x_scale.ticks(max(2, columns // 12))
    below = [" "] * columns
    for x in x_ticks:
        below[int(x_scale.place(x)) // 2] = "┬"
    text.append(" " * margin + "└" + "".join(below).replace(" ", "─") + "\n")
    for name, unit in x_axes:
        scale = AxisScale(x_scale.low / unit, x_scale.high / unit, 2 * columns, chart.log_x)
        text.append(f"{name:>{margin}} {_tick_labels(scale, columns)}\n", style="")
    text.rstrip()
    return text


def _legend(chart: Chart) -> list[Text]:
    """The legend: a line for the curves, if there are several, and one for the marks."""
    lines = []
    if len(chart.curves) > 1:
        named = [
            (f"{SAMPLES[curve.style]} {curve.name}   ", TERMINAL_COLOURS[i])
            for i, curve in enumerate(chart.curves)
        ]
        lines.append(Text.assemble(*named))
    if chart.marks:
        named = [
            (f"{line} {mark.name}   ", "green")
            for line, mark in zip(MARK_LINES, chart.marks, strict=False)
        ]
        lines.append(Text.assemble(*named))
    for line in lines:
        line.rstrip()
    return lines


def _cells(chart: Chart, x_scale: AxisScale, y_scale: AxisScale) -> tuple[Array, Array]:
    """The characters and styles of the chart's cells, each (rows, columns)."""
    rows, columns = y_scale.size // 4, x_scale.size // 2
    cells = np.full((rows, columns), " ", dtype="<U1")
    styles = np.full((rows, columns), "", dtype="<U16")
    if y_scale.low < 0 < y_scale.high:
        row = rows - 1 - int(y_scale.place(0.0)) // 4
        cells[row], styles[row] = "╌", "bright_black"
    if not x_scale.log and x_scale.low < 0 < x_scale.high:
        column = int(x_scale.place(0.0)) // 2
        cells[:, column], styles[:, column] = "╎", "bright_black"
    for line, mark in zip(MARK_LINES, chart.marks, strict=False):
        column = int(x_scale.place(mark.x)) // 2
        cells[:, column], styles[:, column] = line, "green"
    dots = np.zeros((rows, columns), dtype=np.int64)
    for i, curve in enumerate(chart.curves):
        across, up = _dots(curve, x_scale, y_scale)
        down = y_scale.size - 1 - up
        np.bitwise_or.at(dots, (down // 4, across // 2), BRAILLE[down % 4, across % 2])
        styles[down // 4, across // 2] = TERMINAL_COLOURS[i]
    filled = dots > 0
    cells[filled] = [chr(0x2800 + pattern) for pattern in dots[filled]]
    return cells, styles


# The bit of each dot in a braille character (Unicode block 2800), by row from the top and column.
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def _dots(curve: Curve, x_scale: AxisScale, y_scale: AxisScale) -> tuple[Array, Array]:
    """The positions of a curve's dots: from the left, and from the bottom."""
    real = np.isfinite(curve.x) & np.isfinite(curve.y)
    if x_scale.log:
        real &= curve.x > 0
    across = x_scale.place(np.where(real, curve.x, x_scale.low))
    up = y_scale.place(np.where(real, curve.y, y_scale.low))
    if curve.style == "points":
        return across[real], up[real]
    path: list[tuple[Array, Array]] = [(across[real][:1], up[real][:1])]
    for a, b in pairwise(range(len(real))):
        if real[a] and real[b]:
            count = max(abs(across[b] - across[a]), abs(up[b] - up[a])) + 1
            line = (np.linspace(p[a], p[b], count)[1:] for p in (across, up))
            path.append(tuple(np.rint(part).astype(np.int64) for part in line))  # type: ignore[arg-type]
    across, up = (np.concatenate(parts) for parts in zip(*path, strict=True))
    drawn = np.resize(PATTERNS[curve.style], len(across)).astype(bool)
    return across[drawn], up[drawn]


def _append_row(text: Text, cells: Array, styles: Array) -> None:
    for style, run in groupby(zip(cells, styles, strict=True), key=lambda cell: cell[1]):
        text.append("".join(character for character, _ in run), style=style or None)
    text.rstrip()
    text.append("\n")


def _tick_labels(scale: AxisScale, columns: int) -> str:
    """The numbers below an axis, centred on their positions, as many as fit."""
    line, free = [" "] * columns, 0
    for value in scale.ticks(max(2, columns // 12)):
        label = _number(value)
        centred = int(scale.place(value)) // 2 - len(label) // 2
        start = min(max(0, centred), columns - len(label))
        if start >= free:
            line[start : start + len(label)] = label
            free = start + len(label) + 1
    return "".join(line).rstrip()


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−") if value else "0"


def picture_format(path: Path) -> str:
    """The picture format given by a file's suffix, `png` or `svg`; also checks for matplotlib.

    Raises:
        UsageError: the suffix is another one, or matplotlib is not installed.
    """
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"{path}: the name of a picture must end in {' or '.join(PICTURES)}")
    optional("matplotlib.figure", "drawing a picture")
    return path.suffix.lower().removeprefix(".")


def write_picture(
    chart: Chart, path: Path, bars: Bars | None = None, write: WriteFile = write_atomic
) -> None:
    """Draws the chart to a .png or .svg file.

    Args:
        chart: the chart.
        path: the file.
        bars: a bar chart below it.
        write: writes a file.

    Raises:
        UsageError: the suffix is another one, or matplotlib is not installed.
        OSError: the file cannot be written.
    """
    kind = picture_format(path)
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    below = 0.0 if bars is None else 0.8 + 0.3 * len(bars.names)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(7, 4.2 + below), layout=layout)
    if bars is None:
        _draw(chart, figure.add_subplot())
    else:
        upper, lower = figure.subplots(2, height_ratios=(4.2, below))
        _draw(chart, upper)
        bars.draw(lower)
    content = BytesIO()
    # Without date, version and random ids, equal charts give equal bytes.
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "nnkit"}):
        figure.savefig(content, format=kind, dpi=160, metadata=metadata)
    write(path, content.getvalue())


def _draw(chart: Chart, axes: Axes) -> None:
    if chart.log_x:
        axes.set_xscale("log")
    low, high = chart.y_range()
    if low < 0 < high:
        axes.axhline(0, color="0.75", linewidth=0.8)
    for curve, colour in zip(chart.curves, PICTURE_COLOURS, strict=False):
        if curve.style == "points":
            # Points at the edges are whole; `y_range` contains all of them.
            looks: dict[str, Any] = {"alpha": 0.5, "zorder": 1, "clip_on": False}
            axes.plot(curve.x, curve.y, ".", color=colour, label=curve.name, **looks)
        else:
            line = LINES[curve.style]
            axes.plot(curve.x, curve.y, line, color=colour, linewidth=2, label=curve.name)
    for mark, line in zip(chart.marks, ("-", ":"), strict=False):
        axes.axvline(mark.x, color="0.35", linestyle=line, linewidth=1.2, label=mark.name)
    axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
    axes.set(xlim=chart.x_range(), ylim=(low, high))
    if chart.second_x is not None:
        name, unit = chart.second_x
        second = axes.secondary_xaxis("top", functions=_conversions(unit))
        second.set_xlabel(name)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.curves) + len(chart.marks) > 1:
        axes.legend(frameon=False)


def _conversions(unit: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The functions that convert x to a unit `unit` times as large, and back."""
    return lambda x: x / unit, lambda x: x * unit
