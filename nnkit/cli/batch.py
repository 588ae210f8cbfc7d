"""`nnkit batch`: many trainings from one file, as a table and with gates."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from nnkit.cli.batch_options import (
    BaselineOption,
    BatchArgument,
    DryRunOption,
    FailFastOption,
    JUnitOption,
    MaxFailuresOption,
    OnlyOption,
    RerunFailedOption,
    TablesOption,
)
from nnkit.cli.executors import (
    ExecutorKind,
    ExecutorOption,
    JobsOption,
    SchedulerOption,
    TimeLimitOption,
    check_executor,
    executor_of,
    starter_of,
)
from nnkit.cli.gates import exit_if_missed
from nnkit.cli.options import JsonOption, QuietOption, RunsOption
from nnkit.cli.output import print_json, say, show_bytes, show_seconds, table
from nnkit.cli.output_files import check_no_input, write_output

if TYPE_CHECKING:
    from nnkit.experiments.batch_file import Cell, LoadedBatch
    from nnkit.experiments.gates import GateVerdict
    from nnkit.experiments.groups import Group

SUMMARY = "GITHUB_STEP_SUMMARY"  # a file to which GitHub Actions adds Markdown

INTERRUPTED = 130  # the exit code if cells are left over, as after Ctrl-C


def batch(
    file: BatchArgument,
    jobs: JobsOption = None,
    kind: ExecutorOption = ExecutorKind.LOCAL,
    scheduler: SchedulerOption = None,
    only: OnlyOption = None,
    rerun_failed: RerunFailedOption = False,
    fail_fast: FailFastOption = False,
    max_failures: MaxFailuresOption = None,
    time_limit: TimeLimitOption = None,
    dry_run: DryRunOption = False,
    output: TablesOption = None,
    junit: JUnitOption = None,
    write_baseline: BaselineOption = None,
    runs: RunsOption = Path("runs"),
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train every cell of FILE, a batch of experiments.

    The results are printed as a table. Each cell is an ordinary run: finished cells are not trained
    again and interrupted ones are continued, so the same command can be repeated at any time. The
    exit code is 4 if a gate under expect: is not met, and 1 if a cell failed.
    """
    reports = ReportFiles(output or (), junit, write_baseline)
    check_executor(kind, scheduler)
    with starter_of(kind, trains=not dry_run) as start:  # before the imports, which take a while
        from nnkit.cli.batch_progress import batch_progress
        from nnkit.cli.interruption import Interruption
        from nnkit.experiments.batch import Limits, run_cells
        from nnkit.experiments.batch_file import load_batch
        from nnkit.experiments.checks import check_cells, forget_failures

        loaded = load_batch(file)
        cells = _chosen(loaded, only or ())
        sources = {repr(source): source for source in (cell.config.data.source for cell in cells)}
        files = {path for source in sources.values() for path in source.files()}
        check_no_input(reports.given, (file, *files))
        check_cells(loaded, cells)
        if dry_run:
            _dry_run(cells, as_json)
            return
        if rerun_failed:
            forget_failures(cells, runs)
        executor, _, threads = executor_of(start, scheduler, runs, files, jobs, len(cells))
        progress = batch_progress(cells, quiet=quiet)
        with Interruption() as interruption, executor, progress as listener:
            limits = Limits(
                failures=1 if fail_fast else max_failures,
                deadline=_deadline(time_limit),
                should_stop=interruption.requested,
            )
            results = run_cells(cells, executor, runs, threads, limits, listener)
    from nnkit.experiments.gates import verdicts
    from nnkit.experiments.groups import grouped

    groups = grouped(results)
    found = list(verdicts(groups, loaded.spec.expect))
    _report(loaded, groups, found, reports, as_json)
    _exit(groups, found, interruption.exit_code if interruption.requested() else 0)


def _chosen(loaded: LoadedBatch, only: Sequence[str]) -> list[Cell]:
    """The cells whose description contains one of the texts.

    Raises:
        UsageError: there is none.
    """
    from nnkit.errors import UsageError

    chosen = [cell for cell in loaded.cells if not only or any(text in cell.name for text in only)]
    if not chosen:
        name = loaded.cells[0].name
        raise UsageError(f"no cell contains {' or '.join(only)}; a cell is called '{name}'")
    return chosen


def _deadline(minutes: float | None) -> float | None:
    from time import time

    return None if minutes is None else time() + 60 * minutes


def _dry_run(cells: Sequence[Cell], as_json: bool) -> None:
    """Lists the cells with the predicted time and memory of each."""
    from nnkit.experiments.checks import predicted

    rows = predicted(cells)
    total = sum(row["seconds"] for row in rows)
    if as_json:
        print_json({"cells": rows, "seconds": total})
        return
    print(
        table(
            ("cell", "seed", "steps", "parameters", "time", "memory"),
            [
                (
                    row["cell"],
                    row["seed"],
                    row["steps"],
                    row["parameters"],
                    show_seconds(row["seconds"]),
                    show_bytes(row["memory"]),
                )
                for row in rows
            ],
        )
    )
    count = len(rows)
    say(
        f"{count:,} {'cell' if count == 1 else 'cells'}, about {show_seconds(total)} of training "
        "one after the other; starting and saving come on top"
    )
    say("nothing was trained")


class ReportFiles(NamedTuple):
    """The files that a batch writes besides its runs.

    Attributes:
        tables: the table of results, as .csv, .json or .md.
        junit: runs and gates as JUnit XML.
        baseline: the final metrics, for gates.
    """

    tables: Sequence[Path]
    junit: Path | None
    baseline: Path | None

    @property
    def given(self) -> list[Path]:
        """The files that are wanted."""
        return [path for path in (*self.tables, self.junit, self.baseline) if path is not None]


def _report(
    loaded: LoadedBatch,
    groups: Sequence[Group],
    found: Sequence[GateVerdict],
    files: ReportFiles,
    as_json: bool,
) -> None:
    """Prints the results, and writes them to files."""
    from nnkit.cli.batch_table import batch_table, say_best
    from nnkit.experiments.reports import as_data, chosen_metrics

    _write_reports(loaded, groups, found, files)
    if as_json:
        print_json(as_data(groups, found))
        return
    metrics = chosen_metrics(groups)
    print(table(*batch_table(groups, metrics)), flush=True)
    say_best(groups, metrics)
    for path in files.given:
        say(f"wrote {path}")


def _write_reports(
    loaded: LoadedBatch,
    groups: Sequence[Group],
    found: Sequence[GateVerdict],
    files: ReportFiles,
) -> None:
    """Writes the results to files, and to the summary of a job of GitHub Actions."""
    from nnkit.cli.batch_table import batch_table
    from nnkit.experiments.baselines import baseline_of
    from nnkit.experiments.reports import (
        as_csv,
        as_data,
        as_junit,
        as_markdown,
        chosen_metrics,
        rows_of,
    )
    from nnkit.files import append
    from nnkit.text import as_json as text_of

    metrics = chosen_metrics(groups)
    markdown = _markdown(loaded, as_markdown(*batch_table(groups, metrics)), found)
    writers: Mapping[str, Callable[[], str]] = {
        ".csv": lambda: as_csv(rows_of(groups, metrics)),
        ".json": lambda: text_of(as_data(groups, found), indent=2) + "\n",
        ".md": lambda: markdown,
    }
    for path in files.tables:
        write_output(path, writers[path.suffix]())
    if files.junit is not None:
        write_output(files.junit, as_junit(loaded.path.stem, groups, found))
    if files.baseline is not None:
        write_output(files.baseline, text_of(baseline_of(groups), indent=2) + "\n")
    if summary := os.environ.get(SUMMARY):
        append(Path(summary), markdown)


def _markdown(loaded: LoadedBatch, text: str, found: Sequence[GateVerdict]) -> str:
    missed = [verdict for verdict in found if not verdict.passed]
    lines = [f"## {loaded.path.stem}\n", text]
    if found:
        passed = len(found) - len(missed)
        lines.append(f"{passed} of {len(found)} gates passed.\n")
        lines += [f"- {verdict.cell}: {verdict.message}" for verdict in missed]
    return "\n".join(lines) + "\n"


def _exit(groups: Sequence[Group], found: Sequence[GateVerdict], signal_code: int) -> None:
    """Says what went wrong, and exits with the code for it."""
    from nnkit.experiments.job import FAILED

    endings = [result.ending for group in groups for result in group.results]
    for group in groups:
        for result in group.results:
            if result.ending.outcome in FAILED:
                why = result.ending.error.splitlines()[0]
                say(f"error: {result.cell.name} {result.ending.outcome}: {why}")
    left = sum(ending.is_left_over for ending in endings)
    if left:
        say(f"{left:,} of {len(endings):,} cells are not finished; the same command continues them")
    if signal_code:
        raise typer.Exit(signal_code)
    if any(ending.outcome in FAILED for ending in endings):
        raise typer.Exit(1)
    if left:
        raise typer.Exit(INTERRUPTED)
    exit_if_missed(found)
