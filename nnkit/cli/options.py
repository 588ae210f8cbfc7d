"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting, as optimizer.lr=0.01; may be given several times.",
        show_default=False,
    ),
]
RunsOption = Annotated[
    Path,
    typer.Option("--runs", metavar="FOLDER", envvar="NNKIT_RUNS", help="Where runs are kept."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to standard output.")
]
PictureOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Draw a .png or .svg picture instead; needs the extra `plot`.",
        show_default=False,
    ),
]
