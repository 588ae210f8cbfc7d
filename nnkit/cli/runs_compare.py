"""`nnkit runs compare`: settings, final metrics and learning curves of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.checkpoints import chosen_run
from nnkit.cli.options import JsonOption, PictureOption, RunsOption, argument, run_names
from nnkit.cli.output import (
    print_json,
    result_width,
    say,
    show,
    show_chart,
    show_figure,
    show_seconds,
)
from nnkit.cli.output_files import write_output
from nnkit.cli.runs import listing, steps_of
from nnkit.cli.tables import GAP, TableColumn, fitted_column, heading_lines, row_line

if TYPE_CHECKING:
    from nnkit.inspection.comparison import ComparedRun, RunComparison

LAYOUTS = (
    ("", "run", "state", "steps", "time", "parameters"),
    ("", "run", "state", "steps"),
    ("", "run", "state"),
)


def compare(
    names: Annotated[list[str], argument("RUN", autocompletion=run_names)],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="The metric to draw, such as validation.accuracy; default: the monitored one.",
        ),
    ] = None,
    output: PictureOption = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Compare runs: their settings, final metrics and learning curves.

    Each RUN is a run's folder or name; they are lettered A, B and so on. Final metrics stand side
    by side, with the difference to A, which for accuracies is in percentage points. The chart
    shows one metric during training, over epochs.
    """
    from nnkit.charts import picture_format, write_picture
    from nnkit.inspection.comparison import compare_runs, draw_learning_curves
    from nnkit.metrics import check_figure

    if metric is not None:
        check_figure(metric)
    if output is not None:
        picture_format(output)  # fail before the comparison rather than after it
    comparison = compare_runs([chosen_run(name, runs) for name in names], metric)
    if as_json:
        print_json(_record(comparison))
    else:
        print("\n".join(_report(comparison, result_width())))
    for remark in comparison.remarks:
        say(remark)
    if comparison.metric is None:
        return
    if output is not None:
        write_picture(draw_learning_curves(comparison, named=True), output, write=write_output)
        say(f"wrote {output}")
    elif not as_json:
        print()
        show_chart(draw_learning_curves(comparison))


def _record(comparison: RunComparison) -> dict[str, Any]:
    first = comparison.runs[0].results
    return {
        "metric": comparison.metric,
        "runs": [
            {
                "run": str(one.run.path),
                "state": one.run.state,
                "step": steps_of(one.run, one.summary),
                "seconds": one.summary.get("seconds"),
                "parameters": one.summary.get("parameters"),
                "settings": one.settings,
                "results": one.results,
                "differences": {
                    name: value - first[name]
                    for name, value in one.results.items()
                    if name in first
                },
                "curve": [] if comparison.metric is None else one.points(comparison.metric),
            }
            for one in comparison.runs
        ],
    }


def _report(comparison: RunComparison, width: int) -> list[str]:
    """The table of runs with the settings below each, then the table of final metrics."""
    rows = [
        {
            "": one.letter,
            "run": one.run.path.name,
            "state": one.run.state,
            "steps": steps_of(one.run, one.summary),
            "time": show_seconds(one.summary["seconds"]) if one.summary else "",
            "parameters": show(one.summary.get("parameters")),
        }
        for one in comparison.runs
    ]
    lines = listing(rows, [one.settings for one in comparison.runs], LAYOUTS, width)
    if not any(one.settings for one in comparison.runs):
        lines.append("the runs do not differ in their settings")
    return lines + _metrics(comparison.runs, width)


def _metrics(runs: Sequence[ComparedRun], width: int) -> list[str]:
    """The final metrics: a column for each run, and for its difference to the first.

    What does not fit beside the first run follows in further tables.
    """
    names = list(dict.fromkeys(name for one in runs for name in one.results))
    if not names:
        return []
    side = max(map(len, names))
    first, *others = runs
    base = _column(first.letter, [_shown(first, name) for name in names])
    lines: list[str] = []
    block: list[tuple[TableColumn, list[str]]] = [base]
    for one in others:
        pair = [_column(one.letter, [_shown(one, name) for name in names])]
        if first.results:
            cells = [_difference(one, first, name) for name in names]
            pair.append(_column(f"{one.letter} − {first.letter}", cells))
        wide = side + sum(len(GAP) + column.width for column, _ in [*block, *pair])
        if wide > width and len(block) > 1:
            lines += _block(names, block)
            block = [base]
        block += pair
    return lines + _block(names, block)


def _column(heading: str, cells: list[str]) -> tuple[TableColumn, list[str]]:
    return fitted_column(heading, cells), cells


def _block(names: Sequence[str], columns: Sequence[tuple[TableColumn, list[str]]]) -> list[str]:
    side = max(map(len, names))
    heads = [column for column, _ in columns]
    lines = ["", *(f"{'':{side}}{GAP}{line}".rstrip() for line in heading_lines(heads))]
    for i, name in enumerate(names):
        cells = {column.name: shown[i] for column, shown in columns}
        lines.append(f"{name:{side}}{GAP}{row_line(heads, cells)}".rstrip())
    return lines


def _shown(one: ComparedRun, name: str) -> str:
    return show_figure(name, one.results[name]) if name in one.results else ""


def _difference(one: ComparedRun, first: ComparedRun, name: str) -> str:
    """The difference of a metric to the first run, with its sign."""
    if name not in one.results or name not in first.results:
        return ""
    difference = one.results[name] - first.results[name]
    sign = "−" if difference < 0 else "+"
    if name.endswith("accuracy"):
        return f"{sign}{100 * abs(difference):.2f} pp"
    return f"{sign}{show_figure(name, abs(difference))}" if difference else "0"
