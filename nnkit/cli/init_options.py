"""Options of `nnkit init`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nnkit.cli.options import option


class TaskKind(StrEnum):
    """Kinds of predictions: classes or numbers of a table's rows, a time series, or texts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECAST = "forecast"
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
    option(
        "-o --output",
        "FILE",
        "The file to write (default: the name of DATA with .yaml, or config.yaml).",
    ),
]
TestDataOption = Annotated[
    Path | None,
    option("--test", "DATA", "Other data that is the test set (default: a part of DATA)."),
]
ValidationDataOption = Annotated[
    Path | None,
    option(
        "--validation", "DATA", "Other data that is the validation set (default: a part of DATA)."
    ),
]
LabelOption = Annotated[
    list[str] | None,
    option(
        "--label",
        "COLUMN",
        "The column to predict (default: the last); repeatable for several numbers, or "
        "several yes/no labels written as 1 and 0.",
    ),
]
TaskOption = Annotated[
    TaskKind | None,
    option(
        "--task",
        "TASK",
        "classification or regression of rows; forecast, of a time series with a row for each "
        "time; translation, tagging, text_classification or text_regression of texts, or "
        "language_model (default: by the data).",
    ),
]
DelimiterOption = Annotated[
    str | None,
    option(
        "--delimiter",
        "CHARACTER",
        "What separates cells: a character, tab or space (default: found out).",
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
    option("--missing", "WORD", "A cell that means a missing value (repeatable)."),
]
DecimalOption = Annotated[
    DecimalMark | None,
    option("--decimal", "MARK", "The decimal mark, . or , (default: found out)."),
]
UnitOption = Annotated[
    list[str] | None,
    option(
        "--unit",
        "UNIT",
        "What stands beside numbers and is no part of them, such as kg (repeatable; "
        "default: found out).",
    ),
]
