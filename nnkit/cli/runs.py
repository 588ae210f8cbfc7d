"""`nnkit runs list` and `show`: list runs and show their results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnkit.cli.checkpoints import chosen_run
from nnkit.cli.options import CheckpointArgument, JsonOption, RunsOption, group
from nnkit.cli.output import (
    print_json,
    result_width,
    show,
    show_figure,
    show_seconds,
    table,
    wrapped,
)
from nnkit.cli.tables import EvaluationTable, results_table

if TYPE_CHECKING:
    from nnkit.runs.directory import RunDirectory

app = group("List, show, compare and remove runs.")

LAYOUTS = (
    ("run", "state", "steps", "time", "score"),
    ("run", "state", "steps", "score"),
    ("run", "state", "score"),
)


@app.command("list")
def list_all(runs: RunsOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List all runs, the most recently trained last.

    Below runs of the same name stand the settings in which they differ.
    """
    from nnkit.runs.directory import list_runs

    found = list_runs(runs)
    settings = _differing_settings(found)
    entries = [_entry(run, settings.get(run.path, {})) for run in found]
    if as_json:
        print_json({"runs": entries})
    elif not entries:
        print(f"no runs in {runs}/")
    else:
        print("\n".join(_listed(entries, result_width())))


def _differing_settings(runs: Iterable[RunDirectory]) -> dict[Path, dict[str, Any]]:
    """The settings in which runs of the same name differ, for each such run."""
    from nnkit.runs.differences import differences, identity

    by_name = defaultdict(list)
    for run in runs:
        by_name[run.name].append(run)
    found: dict[Path, dict[str, Any]] = {}
    for same in by_name.values():
        if len(same) > 1:
            differing = differences([identity(run) for run in same])
            found.update(zip((run.path for run in same), differing, strict=True))
    return found


def _entry(run: RunDirectory, settings: Mapping[str, Any]) -> dict[str, Any]:
    summary = run.read_summary() or {}
    results = summary.get("results", {})
    split = next((s for s in ("test", "validation", "train") if s in results), None)
    return {
        "run": run.path.name,
        "state": run.state,
        "step": steps_of(run, summary),
        "seconds": summary.get("seconds"),
        "set": split,
        "figures": results[split] if split else {},
        "settings": settings,
    }


def steps_of(run: RunDirectory, summary: Mapping[str, Any]) -> int:
    """Steps completed by a run: from its end, its last checkpoint or its last evaluation.

    The first of these that can be read counts.
    """
    from nnkit.errors import CheckpointError
    from nnkit.runs.header import read_header

    ended = summary or run.read_ending()
    if "step" in ended:
        return int(ended["step"])
    try:
        return int(read_header(run.last)["progress"]["step"])
    except (CheckpointError, KeyError):
        records = run.read_metrics()
        return int(records[-1]["step"]) if records else 0


def _listed(entries: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """A table with the settings below each run; columns that do not fit are left out."""
    settings = [entry["settings"] for entry in entries]
    return listing([_row(entry) for entry in entries], settings, LAYOUTS, width)


def listing(
    rows: Sequence[Mapping[str, object]],
    settings: Sequence[Mapping[str, Any]],
    layouts: Sequence[Sequence[str]],
    width: int,
) -> list[str]:
    """A table of runs with the settings below each.

    Args:
        rows: the cells of each run, by column.
        settings: the settings of each run.
        layouts: the columns to show; the first choice that fits, otherwise the last.
        width: width of the terminal.
    """
    from nnkit.runs.differences import brief

    for columns in layouts:
        lines = table(columns, [[row[name] for name in columns] for row in rows]).splitlines()
        if max(map(len, lines)) <= width:
            break
    shown = lines[:1]
    for line, own in zip(lines[1:], settings, strict=True):
        text = " ".join(f"{path}={brief(value)}" for path, value in own.items())
        shown += [line, *wrapped(text, width, 2)]
    return shown


def _row(entry: Mapping[str, Any]) -> dict[str, object]:
    figures, seconds = entry["figures"], entry["seconds"]
    name = next((name for name in ("accuracy", "r2", "loss") if name in figures), None)
    return {
        "run": entry["run"],
        "state": entry["state"],
        "steps": entry["step"],
        "time": "" if seconds is None else show_seconds(seconds),
        "score": f"{entry['set']} {name} {show_figure(name, figures[name])}" if name else "",
    }


@app.command("show")
def show_one(
    name: CheckpointArgument, runs: RunsOption = Path("runs"), as_json: JsonOption = False
) -> None:
    """Show one run: its metrics over time, and its result.

    CHECKPOINT is a run's folder or name.
    """
    run = chosen_run(name, runs)
    summary, records = run.read_summary(), run.read_metrics()
    if as_json:
        print_json({"run": str(run.path), "summary": summary, "metrics": records})
        return
    print(f"run    {run.path}")
    print(f"state  {run.state} at step {steps_of(run, summary or {}):,}")
    if records:
        print(
            "\n" + "\n".join(_course(records, (summary or {}).get("monitor", ""), result_width()))
        )
    if summary:
        print(f"\n{results_table(summary, result_width())}")


def _course(records: Sequence[Mapping[str, Any]], monitor: str, width: int) -> list[str]:
    """The table of evaluations, reduced to about 20."""
    shown = [*records[: -1 : max(1, len(records) // 20)], records[-1]]
    whole = all(float(record["epoch"]).is_integer() for record in records)
    rows = [
        {
            "epoch": f"{record['epoch']:,.{0 if whole else 2}f}",
            "step": f"{record['step']:,}",
            "lr": show(float(record["lr"])),
        }
        for record in shown
    ]
    widths = {name: max(len(row[name]) for row in rows) for name in rows[0]}
    figures = [name for name in records[0] if "." in name]
    table = EvaluationTable(figures, widths, monitor, width)
    cells = zip(rows, shown, strict=True)
    return [*table.heading, *(table.row(counts, record) for counts, record in cells)]
