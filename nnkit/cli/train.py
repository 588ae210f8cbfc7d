"""`nnkit train`: train the network of a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.options import ConfigArgument, JsonOption, RunsOption, SetOption
from nnkit.cli.output import (
    print_json,
    result_width,
    say,
    show_bytes,
    show_figure,
    show_seconds,
)
from nnkit.cli.tables import results_table

if TYPE_CHECKING:
    from nnkit.training.run import Run


def train(
    config: ConfigArgument,
    overrides: SetOption = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue this config's interrupted run, if there is one."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Train again, replacing this config's earlier run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build, check and time one step; write nothing.")
    ] = False,
    runs: RunsOption = Path("runs"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train the network that CONFIG, a YAML file, describes.

    All output is saved in runs/NAME-HASH: checkpoints, metrics.jsonl, summary.json. Ctrl-C finishes
    the current step, saves, and exits with 130; --resume continues from there to the same result,
    bit for bit, as an uninterrupted run. A finished run is not trained again: its result is shown.
    With MPI, several processes share the work: mpiexec -n 4 nnkit train CONFIG.
    """
    import nnkit
    from nnkit.cli.interruption import Interruption
    from nnkit.cli.processes import ranks_of_launcher, refuse_several
    from nnkit.cli.progress import progress_listener
    from nnkit.errors import GateError, UsageError

    if resume and restart:
        raise UsageError("--resume and --restart exclude each other; use one of them")
    if dry_run and (resume or restart):
        raise UsageError("--dry-run cannot be combined with --resume or --restart")
    if dry_run:
        refuse_several("train --dry-run")
        _dry_run(nnkit.load_config(config, overrides or ()), runs, as_json)
        return
    missed: GateError | None = None
    ranks = ranks_of_launcher()
    with ranks.ending_together(), Interruption(tell=ranks.is_first) as interruption:
        loaded = ranks.together(lambda: nnkit.load_config(config, overrides or ()))
        try:
            run = nnkit.train(
                loaded,
                runs=runs,
                resume=resume,
                restart=restart,
                listeners=[progress_listener(quiet=quiet)],
                should_stop=interruption.requested,
                ranks=ranks,
            )
        except GateError as error:
            missed, run = error, error.run
        exit_code = max(ranks.gather(interruption.exit_code))
    if as_json:
        print_json(
            {
                "run": str(run.directory),
                "already_finished": run.already_finished,
                "interrupted": run.interrupted,
                **run.summary,
                "missed": str(missed).splitlines() if missed else [],
            }
        )
    elif run.interrupted:
        _render_interruption(run)
    else:
        _render(run)
    if missed is not None:
        for line in str(missed).splitlines():
            say(f"error: {line}")
        raise typer.Exit(missed.exit_code)
    if run.interrupted:
        raise typer.Exit(exit_code)


def _render_interruption(run: Run) -> None:
    say(
        f"saved at step {run.summary['step']:,} of {run.summary['steps']:,}; "
        "repeat the command with --resume to continue"
    )


def _render(run: Run) -> None:
    summary = run.summary
    early = ", stopped early" if summary["outcome"] == "stopped early" else ""
    steps, seconds = f"{summary['step']:,} steps", show_seconds(summary["seconds"])
    if run.already_finished:
        say(f"{run.directory} is already finished: {steps} in {seconds}{early}")
        say("nothing was trained; use --restart to train it again")
    else:
        say(f"trained {steps} in {seconds} ({summary['samples_per_second']:,} samples/s){early}")
    print(results_table(summary, result_width()), flush=True)
    if not run.already_finished:
        say(f"run: {run.directory}")


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
