"""`nnkit tune`: a search for the best settings, in spaces that the config contains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from nnkit.cli.options import (
    JsonOption,
    QuietOption,
    RunsOption,
    argument,
)
from nnkit.cli.output import (
    print_json,
    result_width,
    say,
    show_chart,
    show_figure,
    show_seconds,
    table,
    wrapped,
)
from nnkit.cli.output_files import write_output
from nnkit.cli.tune_options import (
    BestConfigOption,
    ChartOption,
    ShowOption,
    StorageOption,
    TakeOverOption,
    TrialsOption,
)

if TYPE_CHECKING:
    from nnkit.bars import Bars
    from nnkit.experiments.study import Study
    from nnkit.experiments.trial_record import TrialRecord
    from nnkit.experiments.tune_checks import CheckedTune
    from nnkit.experiments.worker_process import StartProcess

INTERRUPTED = 130  # the exit code if trials are left over, as after Ctrl-C
MOST_ROWS = 10  # trials in the table
LEAST_WIDTH = 20  # characters of the column of settings
STUDIES = "tune"  # the folder of studies in the folder of runs


def tune(
    file: Annotated[Path, argument("FILE")],
    trials: TrialsOption = None,
    jobs: JobsOption = None,
    kind: ExecutorOption = ExecutorKind.LOCAL,
    scheduler: SchedulerOption = None,
    time_limit: TimeLimitOption = None,
    show: ShowOption = False,
    chart: ChartOption = None,
    output: BestConfigOption = None,
    storage: StorageOption = None,
    take_over: TakeOverOption = False,
    runs: RunsOption = Path("runs"),
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search for the best settings in FILE, a config with spaces.

    A space stands where a value would, such as lr: {float: {low: 1e-4, high: 0.1, log: true}} or
    units: {choice: [16, 32]}; the section `search` names the metric, the number of trials, the
    sampler and the pruner. Each trial is an ordinary run. The same command continues a search that
    was interrupted, and several processes can share one. The best config is written as YAML for
    nnkit train. Requires optuna.
    """
    check_executor(kind, scheduler)
    with starter_of(kind, trains=not show) as start:  # before the imports, which take a while
        from nnkit.charts import picture_format
        from nnkit.experiments.search_settings import PURPOSE
        from nnkit.experiments.tune_checks import check_tune
        from nnkit.experiments.tune_file import load_tune
        from nnkit.optional import optional

        loaded = load_tune(file)
        optional("optuna", PURPOSE)
        if chart is not None:
            picture_format(chart)  # fail before the search rather than after it
        checked = check_tune(loaded)
        study = _open(checked, runs, storage, show)
        wanted = trials or loaded.trials
        code = 0
        if not show:
            how = TuneOptions(start, scheduler, jobs, time_limit, take_over, runs, quiet)
            code = _train(study, wanted, how)
    _report(study, output, chart, show, as_json)
    _exit(study, wanted, code, show)


def _open(checked: CheckedTune, runs: Path, storage: str | None, show: bool) -> Study:
    """Opens the study, or creates it, and says which it is.

    Raises:
        CheckpointError: its trials are to be shown, but there are none.
    """
    from nnkit.errors import CheckpointError
    from nnkit.experiments.study import JOURNAL, Study
    from nnkit.experiments.tune_reports import counts

    folder = runs / STUDIES / checked.study
    nothing = CheckpointError(f"{folder}: no trials yet; train some without --show")
    if show and storage is None and not (folder / JOURNAL).is_file():
        raise nothing
    others = sorted(folder.parent.glob(f"{checked.file.name}-{8 * '[0-9a-f]'}"))
    study = Study(checked, folder, storage)
    records = study.records()
    if show and not records:
        raise nothing
    if records:
        say(f"study {folder}, {counts(records)}")
    elif others and folder not in others:
        say(f"study {folder}, a new one: its spaces, settings or data differ from {others[-1]}")
    else:
        say(f"study {folder}")
    return study


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options of `nnkit tune` that say where and how long trials are trained."""

    start: StartProcess
    scheduler: str | None
    jobs: int | None
    time_limit: float | None
    take_over: bool
    runs: Path
    quiet: bool


def _train(study: Study, trials: int, how: TuneOptions) -> int:
    """Trains trials; returns the exit code for a signal, 0 without one."""
    from time import time

    from nnkit.cli.interruption import Interruption
    from nnkit.cli.tune_progress import tune_progress
    from nnkit.experiments.batch import Limits
    from nnkit.experiments.tuning import Tuner

    files = study.checked.files
    executor, at_a_time, threads = executor_of(
        how.start, how.scheduler, how.runs, files, how.jobs, trials
    )
    progress = tune_progress(study, trials, quiet=how.quiet)
    with Interruption() as interruption, executor, progress as listener:
        limits = Limits(
            deadline=None if how.time_limit is None else time() + 60 * how.time_limit,
            should_stop=interruption.requested,
        )
        tuner = Tuner(study, executor, how.runs, threads, listener, take_over=how.take_over)
        tuner.run(trials, at_a_time, limits)
    return interruption.exit_code if interruption.requested() else 0


def _report(
    study: Study, output: Path | None, chart: Path | None, show: bool, as_json: bool
) -> None:
    """Prints the results, and writes the best config and the chart."""
    from nnkit.charts import write_picture
    from nnkit.experiments.tune_reports import (
        BEST,
        history_chart,
        importance_bars,
        tune_data,
        write_best,
    )
    from nnkit.files import write_atomic

    ranked = study.ranked()
    config = output or (None if show else study.folder / BEST)
    if ranked and config is not None:
        write_best(study, ranked[0], config, write_output if output else write_atomic)
    bars, history = importance_bars(study), history_chart(study)
    if chart is not None and history is not None:
        write_picture(history, chart, bars, write_output)
    if as_json:
        print_json(tune_data(study, bars, config if ranked else None))
        return
    if ranked:
        print("\n".join(_table(study, ranked[:MOST_ROWS], result_width())), flush=True)
    if show and history is not None:
        print(flush=True)
        show_chart(history)
    if ranked:
        _print_importance(bars)
    _say_best(study, ranked)
    if ranked and config is not None:
        say(f"wrote {config}")
    if chart is not None:
        say(f"wrote {chart}" if history is not None else f"{chart}: no trial to draw")


def _table(study: Study, records: list[TrialRecord], width: int) -> list[str]:
    """The best trials as lines; settings that do not fit are continued on the next line."""
    metric = study.metric
    figures = table(
        ("trial", metric, "time"),
        [
            (record.number, show_figure(metric, record.value or 0.0), show_time(record.seconds))
            for record in records
        ],
    ).splitlines()
    margin = max(map(len, figures)) + 2
    settings = ["settings", *(study.checked.file.shown(record.params) for record in records)]
    lines = []
    for figure, text in zip(figures, settings, strict=True):
        first, *rest = wrapped(text, max(LEAST_WIDTH, width - margin), hang=0)
        lines += [f"{figure:{margin}}{first}", *(f"{'':{margin}}{line}" for line in rest)]
    return lines


def show_time(seconds: float | None) -> str:
    """A duration, "" if it is not known."""
    return "" if seconds is None else show_seconds(seconds)


def _print_importance(bars: Bars | None) -> None:
    from nnkit.experiments.tune_reports import FEWEST_FOR_IMPORTANCE

    if bars is None:
        say(f"importance of settings: needs at least {FEWEST_FOR_IMPORTANCE} finished trials")
    elif len(bars.names) > 1:
        print(f"\n{bars.title}\n{bars.in_terminal(min(result_width(), 80))}", flush=True)


def _say_best(study: Study, ranked: list[TrialRecord]) -> None:
    """Names the best trial with its test metrics, and whether it is worth anything."""
    from nnkit.experiments.tune_reports import counts
    from nnkit.runs.directory import RunDirectory

    say(counts(study.records()))
    if not ranked:
        return
    best = ranked[0]
    shown = [study.metric, *(name for name in best.metrics if name.startswith("test."))]
    figures = ", ".join(f"{name} {show_figure(name, best.metrics[name])}" for name in shown)
    say(f"best: trial {best.number}, {figures}; {best.run}")
    for warning in RunDirectory(Path(best.run)).read_ending().get("warnings", ()):
        say(f"warning: {warning}")


def _exit(study: Study, trials: int, code: int, show: bool) -> None:
    """Says what is left, and exits with the code for it."""
    if show:
        return
    records = study.records()
    left = trials - sum(record.has_ended for record in records)
    others = [record for record in records if record.state == "running"]
    if code or left > len(others):
        say(f"{left:,} of {trials:,} trials are not finished; the same command continues them")
        raise typer.Exit(code or INTERRUPTED)
    if others:
        owners = ", ".join(sorted({record.owner for record in others}))
        say(f"{len(others):,} trials are running in other processes: {owners}")
    best = study.best()
    if best is None:
        for record in records:
            say(f"error: trial {record.number}: {record.error.splitlines()[0]}")
        raise typer.Exit(1)
    for missed in best.missed:
        say(f"error: {best.run}: {missed}")
    if best.missed:
        raise typer.Exit(4)
