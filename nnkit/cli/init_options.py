"""Options of `nnkit init`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class TaskKind(StrEnum):
    """Kinds of predictions: classes or numbers of a table's rows, or of texts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    TRANSLATION = "translation"
    TAGGING = "tagging"
    TEXT_CLASSIFICATION = "text_classification"
    TEXT_REGRESSION = "text_regression"
    LANGUAGE_MODEL = "language_model"


class DecimalMark(StrEnum):
    """The decimal mark."""

    POINT = "."
    COMMA = ","


StarterOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write (default: the name of DATA with .yaml, or config.yaml).",
        show_default=False,
    ),
]
TestDataOption = Annotated[
    Path | None,
    typer.Option(
        "--test",
        metavar="DATA",
        help="Other data that is the test set (default: a part of DATA).",
        show_default=False,
    ),
]
ValidationDataOption = Annotated[
    Path | None,
    typer.Option(
        "--validation",
        metavar="DATA",
        help="Other data that is the validation set (default: a part of DATA).",
        show_default=False,
    ),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="COLUMN",
        help="The column to predict (default: the last); repeatable for several numbers, or "
        "several yes/no labels written as 1 and 0.",
        show_default=False,
    ),
]
TaskOption = Annotated[
    TaskKind | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="classification or regression of rows; translation, tagging, "
        "text_classification or text_regression of texts, or language_model (default: by the "
        "data).",
        show_default=False,
    ),
]
DelimiterOption = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="CHARACTER",
        help="What separates cells: a character, tab or space (default: found out).",
        show_default=False,
    ),
]
HeaderOption = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row names the columns (default: found out).",
        show_default=False,
    ),
]
MissingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--missing",
        metavar="WORD",
        help="A cell that means a missing value (repeatable).",
        show_default=False,
    ),
]
DecimalOption = Annotated[
    DecimalMark | None,
    typer.Option(
        "--decimal",
        metavar="MARK",
        help="The decimal mark, . or , (default: found out).",
        show_default=False,
    ),
]
UnitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        metavar="UNIT",
        help="What stands beside numbers and is no part of them, such as kg (repeatable; "
        "default: found out).",
        show_default=False,
    ),
]
