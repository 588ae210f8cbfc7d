"""Tables of metrics that fit the terminal's width, with numbers aligned at the decimal point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nnkit.cli.output import show_figure

GAP = "  "
WIDEST = len("-4.995e+10")  # width of a number with four significant digits
SPEED = "samples"  # the cells say "per second"
BEST = "★"
LINE = 10  # maximal width of a heading line, in characters; a longer word is not broken


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: key of the column's cells in a row.
        heading: lines of the heading, from top to bottom.
        width: width in characters.
        point: number of characters before the decimal point; None right-aligns cells.
        group: common heading above neighbouring columns of the same group.
    """

    name: str
    heading: tuple[str, ...]
    width: int
    point: int | None = None
    group: str = ""

    def head(self, text: str) -> str:
        """Pads a line of the heading."""
        return text.rjust(self.width) if self.point is None else text.ljust(self.width)

    def cell(self, text: str) -> str:
        """Pads a cell; one too wide to be aligned is shifted left as needed."""
        if self.point is None:
            return text.rjust(self.width)
        shift = min(self.point - _before_point(text), self.width - len(text))
        return (" " * shift + text).ljust(self.width)


def plain_column(name: str, width: int = 0) -> TableColumn:
    """Creates a column of counts."""
    return TableColumn(name, (name,), max(len(name), width))


def figure_column(figure: str) -> TableColumn:
    """Creates a column for a metric such as `accuracy` or `validation.accuracy`."""
    group, _, metric = figure.rpartition(".")
    heading = tuple(_heading(metric))
    point = 3 if metric.endswith("accuracy") else 2
    return TableColumn(figure, heading, max(WIDEST, *map(len, heading)), point, group)


def fitting(
    columns: Sequence[TableColumn], width: int, dispensable: Iterable[str]
) -> list[TableColumn]:
    """The columns that fit; those named last in `dispensable` are kept longest."""
    kept = list(columns)
    for name in dispensable:
        if _width(kept) <= width:
            break
        kept = [column for column in kept if column.name != name]
    return kept


def heading_lines(columns: Sequence[TableColumn]) -> list[str]:
    """The lines above a table's rows."""
    height = max(len(column.heading) for column in columns)
    padded = [("",) * (height - len(c.heading)) + c.heading for c in columns]
    lines = [
        _joined(column.head(lines[i]) for column, lines in zip(columns, padded, strict=True))
        for i in range(height)
    ]
    if any(column.group for column in columns):
        lines.insert(0, _groups(columns))
    return lines


def row_line(columns: Sequence[TableColumn], cells: Mapping[str, str]) -> str:
    """Formats a row of a table, padded to its width; missing cells are blank."""
    return GAP.join(column.cell(cells.get(column.name, "")) for column in columns)


class EvaluationTable:
    """The table of a run's evaluations, with as many columns as fit.

    Args:
        figures: metrics such as `validation.loss`.
        counts: columns before the metrics, with the widths of their cells.
        monitor: the metric that is never left out.
        width: width of the terminal.

    Attributes:
        heading: the lines above the rows.
        left_out: metrics that do not fit.
    """

    def __init__(
        self, figures: Sequence[str], counts: Mapping[str, int], monitor: str, width: int
    ) -> None:
        columns = [
            *(plain_column(name, cells) for name, cells in counts.items()),
            *map(figure_column, figures),
            plain_column(SPEED, len("10,000,000/s")),
        ]
        others = [name for name in reversed(figures) if name != monitor]
        dispensable = [SPEED, *reversed(list(counts)[1:]), *others]
        self._columns = fitting(columns, width - len(f" {BEST}"), dispensable)
        shown = {column.name for column in self._columns}
        self.heading = heading_lines(self._columns)
        self.left_out = [name for name in figures if name not in shown]

    def row(self, counts: Mapping[str, str], record: Mapping[str, Any], mark: str = "") -> str:
        """Formats a row of the table.

        Args:
            counts: the cells of the columns before the metrics.
            record: the evaluation, as in metrics.jsonl.
            mark: text at the end of the row.
        """
        cells = {name: show_figure(name, value) for name, value in record.items()}
        cells |= {SPEED: f"{record['samples_per_second']:,}/s", **counts}
        return f"{row_line(self._columns, cells)} {mark}".rstrip()


def results_table(summary: Mapping[str, Any], width: int) -> str:
    """The final metrics of a run: a row per set, in several blocks if they are too wide.

    Args:
        summary: the summary of a finished run.
        width: width of the terminal.
    """
    results, samples = summary["results"], summary["samples"]
    cells = {
        name: {
            "samples": f"{samples[name]:,}",
            **{figure: show_figure(figure, value) for figure, value in figures.items()},
        }
        for name, figures in results.items()
    }
    names = list(dict.fromkeys(figure for figures in results.values() for figure in figures))
    counts = plain_column("samples", max(len(shown["samples"]) for shown in cells.values()))
    columns = [
        counts,
        *(fitted_column(name, [row.get(name, "") for row in cells.values()]) for name in names),
    ]
    side = max(map(len, results))
    blocks = []
    for block in blocks_of(columns, width - side - len(GAP)):
        lines = [("", line) for line in heading_lines(block)]
        lines += [(name, row_line(block, found)) for name, found in cells.items()]
        blocks.append("\n".join(f"{name:{side}}{GAP}{line}".rstrip() for name, line in lines))
    return "\n\n".join(blocks)


def fitted_column(figure: str, cells: Sequence[str]) -> TableColumn:
    """Creates a column just wide enough for its cells."""
    head = tuple(_heading(figure))
    point = max(map(_before_point, cells))
    ends = [point - _before_point(cell) + len(cell) for cell in cells]
    return TableColumn(figure, head, max(*ends, *map(len, head)), point)


def blocks_of(columns: Sequence[TableColumn], width: int) -> Iterator[list[TableColumn]]:
    """Yields groups of successive columns, each with as many as fit the width."""
    block: list[TableColumn] = []
    for column in columns:
        if block and _width([*block, column]) > width:
            yield block
            block = []
        block.append(column)
    yield block


def _groups(columns: Sequence[TableColumn]) -> str:
    """The line of group names, each above the first of its columns."""
    parts = []
    for group, members in groupby(columns, lambda column: column.group):
        parts.append(group.ljust(_width(list(members))))
    return _joined(parts)


def _heading(metric: str) -> Iterator[str]:
    """Breaks a metric's name into lines at underscores."""
    line = ""
    for word in metric.split("_"):
        if line and len(line) + 1 + len(word) > LINE:
            yield line
            line = word
        else:
            line = f"{line}_{word}" if line else word
    yield line


def _width(columns: Sequence[TableColumn]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _joined(cells: Iterable[str]) -> str:
    return GAP.join(cells).rstrip()


def _before_point(text: str) -> int:
    return len(text.partition(".")[0])
