"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _several(flag: str, metavar: str, what: str) -> Any:
    """An option that may be given several times."""
    return typer.Option(
        flag, metavar=metavar, help=f"{what}; may be given several times.", show_default=False
    )


def _output(what: str, *, show_default: bool = False) -> Any:
    """The option that names the file to write."""
    return typer.Option("-o", "--output", metavar="FILE", help=what, show_default=show_default)


ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The config, a YAML file.", show_default=False)
]
CheckpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A checkpoint file, a run's folder, or a run's name.",
        show_default=False,
    ),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        "-c",
        metavar="CHECKPOINT",
        help="A checkpoint file, a run's folder, or a run's name; by default the network of digits "
        "that comes with nnkit.",
    ),
]
SetOption = Annotated[
    list[str] | None, _several("--set", "KEY=VALUE", "Override a setting, as optimizer.lr=0.01")
]
OwnSetOption = Annotated[
    list[str] | None, _several("--set", "KEY=VALUE", "One of its settings, as slope=0.2")
]
SampleOption = Annotated[
    int, typer.Option("--sample", min=0, metavar="I", help="Which sample, from 0.")
]
SamplesOption = Annotated[
    list[int] | None, _several("--sample", "I", "A training sample by its number, from 0")
]
RunsOption = Annotated[
    Path,
    typer.Option("--runs", metavar="FOLDER", envvar="NNKIT_RUNS", help="Where runs are kept."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to standard output.")
]
PictureOption = Annotated[
    Path | None, _output("Draw a .png or .svg picture instead; needs matplotlib.")
]
SheetOption = Annotated[Path | None, _output("Draw a .png picture instead.")]
FiltersOption = Annotated[Path, _output("The .png that is drawn.", show_default=True)]
PageOption = Annotated[
    Path | None,
    _output("Write a page that needs nothing beside itself, .html, or .md, instead."),
]
