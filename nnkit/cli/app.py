"""The `nnkit` program: its commands, and the conversion of errors to messages and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer

from nnkit.cli import (
    batch,
    config,
    data,
    evaluate,
    gradcheck,
    init,
    ladder,
    lr_find,
    predict,
    runs,
    runs_best,
    runs_compare,
    runs_prune,
    show,
    trace,
    train,
    tune,
)
from nnkit.cli.output import print_json, say, say_error
from nnkit.cli.processes import refuse_several, silence_others
from nnkit.cli.streams import output_failure, reader_left, set_up
from nnkit.errors import NnkitError
from nnkit.startup import set_up_process
from nnkit.version import __version__

app = typer.Typer(
    name="nnkit",
    no_args_is_help=True,
    help="Train neural networks from YAML, on NumPy and its own kernels in C.",
    epilog="A first run: nnkit init, then nnkit train config.yaml.\n\n"
    "Exit codes: 0 success, 1 unexpected failure, 2 wrong usage or config, 3 bad data or "
    "checkpoint, 4 expectation not met, 130/143 interrupted after saving.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("batch")(batch.batch)
app.command("tune")(tune.tune)
app.command("eval")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.command("lr-find")(lr_find.lr_find)
app.command("ladder")(ladder.ladder)
app.command("gradcheck")(gradcheck.gradcheck)
app.add_typer(runs.app, name="runs")
runs.app.command("compare")(runs_compare.compare)
runs.app.command("best")(runs_best.best)
runs.app.command("prune")(runs_prune.prune)
app.add_typer(show.app, name="show")
app.command("trace")(trace.trace)
app.command("init")(init.init)


def _print_version(wanted: bool) -> None:
    if wanted:
        from nnkit.native.library import kernels

        typer.echo(f"nnkit {__version__} (kernels: {kernels()})")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback does it)
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train neural networks from YAML, on NumPy and its own kernels in C."""
    command = context.invoked_subcommand
    if command not in (None, "train"):
        refuse_several(command)


def main() -> None:
    """Runs the program; with NNKIT_DEBUG=1 tracebacks are shown.

    A reader that closes the pipe early, as `head` does, is no error: the exit code is unchanged.
    """
    warnings.showwarning = _say_warning
    set_up_process()
    set_up()
    silence_others()
    code = _run()
    failure = output_failure()
    if failure is not None and not reader_left(failure):
        say_error(f"standard output: {failure.strerror}")
        code = code or 1
    sys.exit(code)


def _run() -> int:
    """Runs the command and returns its exit code; errors are printed without a traceback."""
    debugging = bool(os.environ.get("NNKIT_DEBUG"))
    try:
        app(prog_name="nnkit")  # also as `python -m nnkit`
    except SystemExit as ended:
        return int(ended.code or 0)
    except NnkitError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except MemoryError as error:
        return _failed(f"out of memory: {error or 'none is left'}", 1)
    except OSError as error:
        if debugging:
            raise
        place = f"{error.filename}: " if error.filename else ""
        return _failed(f"{place}{error.strerror or error}", 1)
    except Exception as error:
        if debugging:
            raise
        return _failed(
            f"unexpected {type(error).__name__}: {error}\n"
            "this is a bug in nnkit; set NNKIT_DEBUG=1 to see the traceback",
            1,
        )
    return 0


def _say_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    """Prints a warning on one line, without the location in the code."""
    say(f"warning: {message}")


def _failed(message: str, code: int) -> int:
    if "--json" in sys.argv[1:]:
        print_json({"error": message, "exit_code": code})
    say_error(message)
    return code
