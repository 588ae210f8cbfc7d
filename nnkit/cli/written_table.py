"""The table of `nnkit eval` on the texts that a model writes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnkit.cli.output import show_figure, table

if TYPE_CHECKING:
    from nnkit.inference.trivial_baseline import TrivialBaseline
    from nnkit.inference.written_set import WrittenReport


def written_table(reports: Sequence[WrittenReport], baseline: TrivialBaseline | None = None) -> str:
    """The metrics of written texts, with a column for each decoding method and for a baseline.

    Args:
        reports: the report on each method, of the same sources.
        baseline: the metrics of the simplest model; None for no column.
    """
    sources = len(reports[0].written)
    columns = ["metric", *map(_method, reports)]
    rows = [[name, *(_with_interval(r, name) for r in reports)] for name in reports[0].figures]
    if baseline is not None:
        columns.append(baseline.model)
        for row in rows:
            row.append(show_figure(row[0], baseline.figures[row[0]]))
    if any(report.search_errors is not None for report in reports):
        rows.append(["search_errors", *map(_search_errors, reports)])
    title = f"written from {sources:,} different sources alone (95 % bootstrap intervals):"
    filled = [(*row, *[""] * (len(columns) - len(row))) for row in rows]
    return f"{title}\n{table(tuple(columns), filled)}"


def _with_interval(report: WrittenReport, name: str) -> str:
    low, high = (show_figure(name, bound) for bound in report.intervals[name])
    return f"{show_figure(name, report.figures[name])} ({low} to {high})"


def _search_errors(report: WrittenReport) -> str:
    return "" if report.search_errors is None else f"{100 * report.search_errors:.2f} %"


def _method(report: WrittenReport) -> str:
    """The decoding method with the settings that differ from their defaults."""
    changed = report.method.model_dump(exclude_defaults=True, exclude={"kind"}, mode="json")
    settings = ", ".join(f"{name} {value}" for name, value in changed.items())
    return f"{report.method.tag()}{f' ({settings})' if settings else ''}"
