"""Arguments and options shared by several commands, and the layout of help pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from nnkit.cli.output_files import check_output_file


def group(about: str) -> typer.Typer:
    """Creates a command with subcommands; help pages are plain text, the same in every Typer."""
    return typer.Typer(no_args_is_help=True, help=about, rich_markup_mode=None)


def argument(metavar: str, **settings: Any) -> Any:
    """Creates an argument that is explained in the command's docstring.

    It is hidden from the list of arguments, which shows Python types; the usage line shows it.

    Args:
        metavar: what stands for it.
        **settings: further settings of `typer.Argument`.
    """
    return typer.Argument(metavar=metavar, hidden=True, show_default=False, **settings)


def option(flags: str, metavar: str, about: str, **settings: Any) -> Any:
    """Creates an option with a value, whose help tells the default in words if there is one.

    Args:
        flags: its names, separated by spaces.
        metavar: what stands for the value.
        about: the help.
        **settings: further settings of `typer.Option`.
    """
    shown = {"show_default": False} | settings
    return typer.Option(*flags.split(), metavar=metavar, help=about, **shown)


def switch(flags: str, about: str) -> Any:
    """Creates an option without a value.

    Args:
        flags: its names, separated by spaces.
        about: the help.
    """
    return typer.Option(*flags.split(), help=about)


def file_option(flags: str, about: str, **settings: Any) -> Any:
    """Creates an option for an output file, which is checked before any work.

    Args:
        flags: its names, separated by spaces.
        about: the help.
        **settings: further settings of `typer.Option`.
    """
    return option(flags, "FILE", about, **{"callback": check_output_file} | settings)


def output_option(about: str, **settings: Any) -> Any:
    """Creates the option for the output file of a command, as `file_option` does."""
    return file_option("-o --output", about, **settings)


def _several(flag: str, metavar: str, what: str) -> Any:
    """Creates an option that may be given several times."""
    return option(flag, metavar, f"{what} (repeatable).")


def run_names(incomplete: str) -> list[str]:
    """The names of runs, with and without hash, for completion by the shell.

    Args:
        incomplete: what is typed so far. Where no run begins with it, the shell completes files.
    """
    folder = Path(os.environ.get("NNKIT_RUNS", "runs"))
    try:
        runs = [path.name for path in folder.iterdir() if (path / "config.yaml").is_file()]
    except OSError:
        return []
    names = sorted({*runs, *(name.rpartition("-")[0] for name in runs)})
    return [name for name in names if name and name.startswith(incomplete)]


ConfigArgument = Annotated[Path, argument("CONFIG")]
CheckpointArgument = Annotated[str, argument("CHECKPOINT", autocompletion=run_names)]
CheckpointOption = Annotated[
    str | None,
    option(
        "--checkpoint -c",
        "CHECKPOINT",
        "A checkpoint file, a run's folder, or a run's name.",
        autocompletion=run_names,
    ),
]
SetOption = Annotated[
    list[str] | None,
    _several("--set", "KEY=VALUE", "Override a setting, e.g. optimizer.lr=0.01"),
]
OwnSetOption = Annotated[
    list[str] | None,
    _several("--set", "KEY=VALUE", "Set a parameter of it, e.g. slope=0.2"),
]
SplitOption = Annotated[
    str, typer.Option("--split", metavar="SET", help="The set: train, validation or test.")
]
SampleOption = Annotated[
    int, typer.Option("--sample", min=0, metavar="I", help="Index of the sample.")
]
SamplesOption = Annotated[
    list[int] | None, _several("--sample", "I", "Index of a training sample, from 0")
]
RunsOption = Annotated[
    Path,
    typer.Option("--runs", metavar="FOLDER", envvar="NNKIT_RUNS", help="Folder of the runs."),
]
JsonOption = Annotated[bool, switch("--json", "Print one JSON object to standard output.")]
PictureOption = Annotated[
    Path | None, output_option("Write a .png or .svg picture (requires matplotlib).")
]
SheetOption = Annotated[Path | None, output_option("Write a .png picture.")]
FiltersOption = Annotated[Path, output_option("The .png file to write.", show_default=True)]
PageOption = Annotated[
    Path | None,
    output_option("Write a self-contained .html page, or .md, instead of printing."),
]
QuietOption = Annotated[bool, switch("--quiet -q", "Do not show progress.")]
