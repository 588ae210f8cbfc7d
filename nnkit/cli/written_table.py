"""The table of `nnkit eval` on the texts that a model writes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnkit.cli.output import show_figure, table

if TYPE_CHECKING:
    from nnkit.inference.written_set import WrittenReport


def written_table(reports: Sequence[WrittenReport]) -> str:
    """The metrics of written texts, with a column for each decoding method.

    Args:
        reports: the report on each method, of the same sources.
    """
    sources = len(reports[0].written)
    rows = [
        (name, *(_with_interval(report, name) for report in reports)) for name in reports[0].figures
    ]
    if any(report.search_errors is not None for report in reports):
        rows.append(("search_errors", *map(_search_errors, reports)))
    title = f"written from {sources:,} different sources alone (95 % bootstrap intervals):"
    return f"{title}\n{table(('metric', *map(_method, reports)), rows)}"


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
