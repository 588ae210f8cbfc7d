"""`nnkit train`: train the network of a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.gates import exit_if_missed, say_passed
from nnkit.cli.options import (
    ConfigArgument,
    JsonOption,
    QuietOption,
    RunsOption,
    SetOption,
    option,
    switch,
)
from nnkit.cli.output import (
    print_json,
    result_width,
    say,
    say_wrapped,
    show_bytes,
    show_figure,
    show_seconds,
    table,
)
from nnkit.cli.tables import results_table

if TYPE_CHECKING:
    from nnkit.experiments.gates import GateVerdict
    from nnkit.experiments.groups import Group
    from nnkit.task.config import Config
    from nnkit.training.run import Run


ResumeOption = Annotated[
    bool,
    switch(
        "--resume",
        "Continue this config's interrupted run, or a shorter run after raising epochs.",
    ),
]
RestartOption = Annotated[
    bool, switch("--restart", "Train again, replacing this config's earlier run.")
]
DryRunOption = Annotated[
    bool, switch("--dry-run", "Build, check and time one step; write nothing.")
]
FoldsOption = Annotated[
    int | None,
    option(
        "--folds",
        "K",
        "Cross-validate: train K times, testing on another K-th of the data each time.",
        min=2,
    ),
]


def train(
    config: ConfigArgument,
    overrides: SetOption = None,
    resume: ResumeOption = False,
    restart: RestartOption = False,
    dry_run: DryRunOption = False,
    folds: FoldsOption = None,
    runs: RunsOption = Path("runs"),
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the network that CONFIG, a YAML file, describes.

    All output is saved in runs/NAME-HASH: checkpoints, metrics.jsonl, summary.json. Ctrl-C finishes
    the current step, saves, and exits with 130; --resume continues from there to the same result,
    bit for bit, as an uninterrupted run. A finished run is not trained again: its result is shown.
    A gate over several seeds, under expect:, trains the config with each of them. --folds leaves a
    test set of the config out, and divides the other data into folds. With MPI, several processes
    share the work: mpiexec -n 4 nnkit train CONFIG.
    """
    from nnkit.cli.folds import report_folds, titled_folds
    from nnkit.cli.interruption import Interruption
    from nnkit.cli.processes import ranks_of_launcher, refuse_several
    from nnkit.cli.several_runs import Options, train_each

    _check_together(resume=resume, restart=restart, dry_run=dry_run, in_folds=folds is not None)
    if dry_run:
        refuse_several("train --dry-run")
        _dry_run(_load(config, overrides or ()), runs, as_json)
        return
    ranks = ranks_of_launcher()
    with ranks.ending_together(), Interruption(tell=ranks.is_first) as interruption:
        loaded = ranks.together(lambda: _load(config, overrides or ()))
        options = Options(runs, resume, restart, quiet, interruption.requested, ranks)
        titled = _titled_seeds(loaded) if folds is None else titled_folds(loaded, folds)
        trained: list[tuple[Config, Run]] = []
        for each in train_each(titled, options):
            trained.append(each)
            if folds is None and not (as_json or each[1].interrupted):
                _say_end(each[1])
        run = trained[-1][1]
        is_judged = folds is None and not run.interrupted
        found = ranks.on_first(lambda: _verdicts(trained) if is_judged else [])
        exit_code = max(ranks.gather(interruption.exit_code))
    if folds is not None:
        report_folds(loaded, folds, [run for _, run in trained], exit_code, as_json=as_json)
        return
    if as_json:
        print_json(_record(trained, found))
    elif run.interrupted:
        _render_interruption(run)
    else:
        _render_results(trained)
    if run.interrupted:
        raise typer.Exit(exit_code)
    say_passed(found)
    exit_if_missed(found)


def _check_together(*, resume: bool, restart: bool, dry_run: bool, in_folds: bool) -> None:
    """Checks that the options do not exclude each other.

    Raises:
        UsageError: they do.
    """
    from nnkit.errors import UsageError

    if resume and restart:
        raise UsageError("--resume and --restart exclude each other; use one of them")
    if dry_run and (resume or restart):
        raise UsageError("--dry-run cannot be combined with --resume or --restart")
    if dry_run and in_folds:
        raise UsageError("--dry-run cannot be combined with --folds")


def _load(config: Path, overrides: Sequence[str]) -> Config:
    """Reads the config, and the baselines of its gates, so that a mistake is known beforehand."""
    import nnkit
    from nnkit.experiments.baselines import check_baselines

    loaded = nnkit.load_config(config, overrides)
    check_baselines(loaded.expect)
    return loaded


def _titled_seeds(config: Config) -> dict[str, Config]:
    """The config with each seed that its gates need, by the line that announces it."""
    from nnkit.experiments.seeds import over_seeds

    every = over_seeds(config)
    return {f"seed {each.seed}, {i} of {len(every)}": each for i, each in enumerate(every, 1)}


def _verdicts(trained: Sequence[tuple[Config, Run]]) -> list[GateVerdict]:
    from nnkit.experiments.gates import verdicts
    from nnkit.experiments.seeds import group_of

    return list(verdicts([group_of(trained)], {}))


def _record(trained: Sequence[tuple[Config, Run]], found: Sequence[GateVerdict]) -> dict[str, Any]:
    """The first run, all runs by seed, and the verdicts of the gates, as plain data."""
    run = trained[0][1]
    return {
        "run": str(run.directory),
        "already_finished": run.already_finished,
        "interrupted": trained[-1][1].interrupted,
        **run.summary,
        "runs": {str(config.seed): str(run.directory) for config, run in trained},
        "gates": [verdict.record() for verdict in found],
        "missed": [f"{v.run or v.cell}: {v.message}" for v in found if not v.passed],
    }


def _render_interruption(run: Run) -> None:
    say(
        f"saved at step {run.summary['step']:,} of {run.summary['steps']:,}; "
        "repeat the command with --resume to continue"
    )


def _say_end(run: Run) -> None:
    """Says how training ended."""
    summary = run.summary
    early = ", stopped early" if summary["step"] < summary["steps"] else ""
    steps, seconds = f"{summary['step']:,} steps", show_seconds(summary["seconds"])
    if run.already_finished:
        say(f"{run.directory} is already finished: {steps} in {seconds}{early}")
        say("nothing was trained; use --restart to train it again")
    else:
        say(f"trained {steps} in {seconds} ({summary['samples_per_second']:,} samples/s){early}")


def _render_results(trained: Sequence[tuple[Config, Run]]) -> None:
    """Prints the results of one run, or of a config with several seeds, and their warnings."""
    from nnkit.experiments.seeds import group_of

    run = trained[-1][1]
    if len(trained) > 1:
        _render_seeds(group_of(trained))
    else:
        print(results_table(run.summary, result_width()), flush=True)
        if not run.already_finished:
            say(f"run: {run.directory}")
    for _, each in trained:
        _say_threshold(each.summary)
        say_wrapped(*each.summary.get("warnings", ()))


def _say_threshold(summary: Mapping[str, Any]) -> None:
    """Says which decision threshold was chosen, and what it gains."""
    if (chosen := summary.get("threshold")) is not None:
        name = chosen["maximize"]
        reached, default = (show_figure(name, chosen[key]) for key in ("reached", "default"))
        say_wrapped(
            f"decision threshold {chosen['value']:.4g}: validation.{name} {reached}, instead of "
            f"{default} at the usual one"
        )


def _render_seeds(group: Group) -> None:
    from nnkit.cli.batch_table import batch_table
    from nnkit.experiments.reports import chosen_metrics

    print(table(*batch_table([group], chosen_metrics([group]))), flush=True)


def _dry_run(config: Any, runs: Path, as_json: bool) -> None:
    import nnkit
    from nnkit.cli.layers import layer_table

    result = nnkit.dry_run(config, runs)
    if as_json:
        print_json(result)
        return
    print(layer_table(result["layers"]))
    memory = result["memory"]
    sets = ", ".join(f"{count:,} {name}" for name, count in result["samples"].items())
    print(f"parameters  {result['parameters']:,}")
    parts = ", ".join(f"{name} {show_bytes(size)}" for name, size in memory.items())
    print(f"memory      {show_bytes(sum(memory.values()))} ({parts})")
    print(f"samples     {sets}")
    print(f"steps       {result['steps']:,} of {result['batch_size']} samples")
    loss, seconds = show_figure("loss", result["loss"]), show_seconds(result["seconds"])
    print(f"one step    loss {loss}, {seconds}")
    say("nothing was written")
