"""Options of `nnkit predict` for pictures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnkit.cli.output_files import check_output_file

ProbabilitiesOption = Annotated[
    bool,
    typer.Option(
        "--probabilities", help="Also give the probability of each class or yes/no label."
    ),
]
AnswersOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Also write a CSV file with one row per picture or table row: path, row, line, "
        "text, confidence, note, error; then a column for each class or, if there are several, "
        "for each number or label. Of texts: path, line, source, rank, text, score.",
        show_default=False,
        callback=check_output_file,
    ),
]
AnnotateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT",
        help="Write a copy of the picture with boxes around the digits that were read; for "
        "several pictures, the folder for the copies.",
        show_default=False,
    ),
]
StagesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write a picture of each stage of reading to this folder.",
        show_default=False,
    ),
]
RejectOption = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        min=0,
        max=1,
        help="Print `?` for a symbol if its most likely digit has a probability below P "
        "(default 0.05).",
        show_default=False,
    ),
]
