"""The `nnkit` program: its commands, and how every error becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer

from nnkit.cli import (
    config,
    data,
    evaluate,
    gradcheck,
    init,
    lr_find,
    predict,
    runs,
    show,
    trace,
    train,
)
from nnkit.cli.output import print_json, say, say_error
from nnkit.cli.startup import start_quickly
from nnkit.compiled import own_process
from nnkit.errors import NnkitError
from nnkit.version import __version__

app = typer.Typer(
    name="nnkit",
    no_args_is_help=True,
    help="Train neural networks from YAML, on NumPy alone.",
    epilog="A first run: nnkit init, then nnkit train config.yaml.\n\n"
    "Exit codes: 0 success, 1 unexpected failure, 2 wrong usage or config, 3 bad data or "
    "checkpoint, 4 expectation not met, 130/143 interrupted after saving.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.command("lr-find")(lr_find.lr_find)
app.command("gradcheck")(gradcheck.gradcheck)
app.add_typer(runs.app, name="runs")
app.add_typer(show.app, name="show")
app.command("trace")(trace.trace)
app.command("init")(init.init)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nnkit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train neural networks from YAML, on NumPy alone."""


def main() -> None:
    """Runs the program; NNKIT_DEBUG=1 lets tracebacks through."""
    warnings.showwarning = _say_warning
    own_process()
    start_quickly()
    try:
        app()
    except NnkitError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError as error:
        _fail(f"not enough memory: {error or 'nothing is left'}", 1)
    except OSError as error:
        if os.environ.get("NNKIT_DEBUG"):
            raise
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}", 1)
    except Exception as error:
        if os.environ.get("NNKIT_DEBUG"):
            raise
        _fail(
            f"unexpected {type(error).__name__}: {error}\n"
            "this is a fault in nnkit; NNKIT_DEBUG=1 shows where it happened",
            1,
        )


def _say_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    """A warning in one line, without the place in the code that issued it."""
    say(f"warning: {message}")


def _fail(message: str, code: int) -> None:
    if "--json" in sys.argv[1:]:
        print_json({"error": message, "exit_code": code})
    say_error(message)
    sys.exit(code)
