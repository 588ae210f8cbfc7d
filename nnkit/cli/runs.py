"""`nnkit runs`: what was trained, and how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.options import CheckpointArgument, JsonOption, RunsOption, group
from nnkit.cli.output import print_json, show_figure, show_seconds, table

if TYPE_CHECKING:
    from nnkit.runs.directory import RunDirectory

app = group("List and show runs.")


@app.command("list")
def list_all(runs: RunsOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List all runs, the most recently trained last."""
    from nnkit.runs.directory import list_runs

    found = []
    for run in list_runs(runs):
        summary = run.read_summary() or {}
        results = summary.get("results", {})
        judged = next((s for s in ("test", "validation", "train") if s in results), None)
        found.append(
            {
                "run": run.path.name,
                "state": run.state,
                "step": _steps(run),
                "seconds": summary.get("seconds"),
                "set": judged,
                "figures": results[judged] if judged else {},
            }
        )
    if as_json:
        print_json({"runs": found})
    elif not found:
        print(f"no runs in {runs}/")
    else:
        print(table(("run", "state", "steps", "time", "score"), [_row(entry) for entry in found]))


def _steps(run: RunDirectory) -> int:
    """How far the run came: by its last save, or where that can't be read its last evaluation."""
    from nnkit.errors import CheckpointError
    from nnkit.runs.checkpoint import read_checkpoint

    try:
        return int(read_checkpoint(run.last).header["progress"]["step"])
    except (CheckpointError, KeyError):
        records = run.read_metrics()
        return int(records[-1]["step"]) if records else 0


def _row(entry: dict[str, object]) -> tuple[object, ...]:
    figures = entry["figures"]
    assert isinstance(figures, dict)
    shown = next((name for name in ("accuracy", "r2", "loss") if name in figures), None)
    score = f"{entry['set']} {shown} {show_figure(shown, figures[shown])}" if shown else ""
    seconds = entry["seconds"]
    time = show_seconds(seconds) if isinstance(seconds, float) else ""
    return entry["run"], entry["state"], entry["step"], time, score


@app.command()
def show(
    name: CheckpointArgument, runs: RunsOption = Path("runs"), as_json: JsonOption = False
) -> None:
    """Show one run: its metrics over time, and its result.

    CHECKPOINT is a run's folder or name.
    """
    from nnkit.runs.directory import find_run

    run = find_run(name, runs)
    summary, records = run.read_summary(), run.read_metrics()
    if as_json:
        print_json({"run": str(run.path), "summary": summary, "metrics": records})
        return
    print(f"run    {run.path}")
    print(f"state  {run.state} at step {_steps(run):,}\n")
    if records:
        shown = records[:: max(1, len(records) // 20)]
        if shown[-1] is not records[-1]:
            shown.append(records[-1])
        print(table(tuple(records[0]), [tuple(record.values()) for record in shown]))
    if summary:
        print()
        for split, figures in summary["results"].items():
            values = "  ".join(f"{n} {show_figure(n, v)}" for n, v in figures.items())
            print(f"{split:10}  {values}")
