"""Options of `nnkit tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nnkit.cli.options import file_option, option, output_option, switch

TrialsOption = Annotated[
    int | None,
    option(
        "--trials",
        "N",
        "Trials in total, with those trained before (default: that of FILE).",
        min=1,
    ),
]
ShowOption = Annotated[bool, switch("--show", "Show the trials so far, and train nothing.")]
ChartOption = Annotated[
    Path | None,
    file_option("--chart", "Draw history and importance as .png or .svg (requires matplotlib)."),
]
BestConfigOption = Annotated[
    Path | None,
    output_option("Write the best config here (default: best.yaml in the folder of the study)."),
]
StorageOption = Annotated[
    str | None,
    option(
        "--storage",
        "URL",
        "Optuna's storage of the study, such as a database, or the file of a journal.",
    ),
]
TakeOverOption = Annotated[
    bool, switch("--take-over", "Continue trials of other machines, if these are gone.")
]
