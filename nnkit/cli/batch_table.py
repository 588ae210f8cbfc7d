"""The results table of a batch, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnkit.cli.output import result_width, say, show_figure, show_seconds, table
from nnkit.experiments.groups import Group
from nnkit.experiments.reports import (
    best_group,
    comparable_groups,
    leading_metric,
    on_other_samples,
    rows_of,
)
from nnkit.runs.comparability import SAME_SAMPLES


def batch_table(
    groups: Sequence[Group], metrics: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """The table's headings and cells, columns left out from the right until it fits."""
    rows = rows_of(groups, metrics)
    axes = list(dict.fromkeys(key for row in rows for key in row))
    axes = axes[: axes.index("n")]
    shown = []
    for row in rows:
        line = {axis: _value(row.get(axis)) for axis in axes}
        line["n"] = str(row["n"]) if row["n"] == row["seeds"] else f"{row['n']} of {row['seeds']}"
        for metric in metrics:
            line[metric] = _mean(metric, row[metric], row[f"{metric} sd"])
        line["parameters"] = "" if row["parameters"] is None else f"{row['parameters']:,.0f}"
        line["time"] = "" if row["seconds"] is None else show_seconds(row["seconds"])
        if row["n"] < row["seeds"]:
            line["outcome"] = row["outcome"]
        shown.append(line)
    columns = list(dict.fromkeys(key for line in shown for key in line))
    while len(columns) > len(axes) + 2:
        cells = [[line.get(column, "") for column in columns] for line in shown]
        if max(map(len, table(columns, cells).splitlines())) <= result_width():
            break
        dispensable = [c for c in columns if c in ("parameters", "time") or c in metrics[2:]]
        if not dispensable:
            break
        columns.remove(dispensable[-1])
    return columns, [[line.get(column, "") for column in columns] for line in shown]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _mean(metric: str, mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return "–"
    shown = show_figure(metric, mean)
    if deviation is None:
        return shown
    return f"{shown.removesuffix(' %')} ± {show_figure(metric, deviation)}"


def say_best(groups: Sequence[Group], metrics: Sequence[str]) -> None:
    """Says which of several groups has the best mean of the leading metric.

    Groups that cannot be compared, because of other data or another loss, have a best one each.
    """
    metric = leading_metric(metrics)
    if metric is None or len(groups) < 2:
        return
    compared = comparable_groups(groups, metric)
    if len(compared) > 1:
        say(f"cells with other data or another loss cannot be compared by {metric}:")
    for same in compared:
        if (best := best_group(same, metric)) is not None:
            say(
                f"best {metric}: {best.name}, {_mean(metric, *(best.mean(metric) or (None, None)))}"
            )
        if others := on_other_samples(same, metric):
            names = "; ".join(group.name for group in others)
            say(f"evaluated on other samples than {same[0].name}: {names}; {SAME_SAMPLES}")
