"""Starter configs: the text that `nnkit init` writes."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np

from nnkit.config.yaml import dump_yaml
from nnkit.data.dataset import Dataset
from nnkit.data.sources.csv import Csv
from nnkit.errors import DataError
from nnkit.text import legible


def starter_for_mnist() -> str:
    """A commented config for handwritten digits."""
    return _template("mnist")


FEWEST_TO_SPLIT = 20  # rows; with fewer, a tenth of them is too small a validation set


def starter_for_csv(path: Path, label: str | None, folder: Path) -> str:
    """A commented config for a table; task, classes, text columns and missing values are detected.

    Args:
        path: the CSV file.
        label: the column to predict; None for the last.
        folder: the folder of the config, to which the path of the table is made relative.

    Raises:
        DataError: the file is missing or not valid CSV, or its name is not UTF-8.
    """
    place = os.path.relpath(str(path), str(folder))
    if legible(place) != place:
        raise DataError(
            f"{path}: its name is not UTF-8, so a config cannot contain it; rename it first"
        )
    source = Csv(path=str(path), label=-1 if label is None else label)
    dataset = source.load()
    inputs = dataset.samples.inputs
    split = "{validation: 0.1, test: 0.2}  # for monitoring, and for the final evaluation"
    regularization = "{l2: 0.0001, early_stopping: 20}"
    if len(inputs) < FEWEST_TO_SPLIT:
        split = "{validation: 0, test: 0}  # too few rows to hold out"
        regularization = "{l2: 0.0001}"
    return _template("csv").format(
        split=split,
        regularization=regularization,
        path=_scalar(place),
        label=_scalar(dataset.label),
        inputs=_count(len(dataset.columns), "input"),
        rows=_count(len(inputs), "row"),
        task=f"{len(dataset.classes)} classes" if dataset.classes else "a number",
        steps=", ".join(suitable_steps(dataset)),
        outputs=len(dataset.classes) if dataset.classes else 1,
        loss="cross_entropy" if dataset.classes else "squared_error",
    )


def suitable_steps(dataset: Dataset) -> list[str]:
    """The preprocessing steps that a table needs: for missing values, words and scales."""
    return [
        *(["impute"] if np.isnan(dataset.samples.inputs).any() else []),
        *(["one_hot"] if any(column.categories for column in dataset.columns) else []),
        "standardize",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _scalar(text: str) -> str:
    return dump_yaml(text).removesuffix("...\n").strip()


def _template(name: str) -> str:
    return (files("nnkit.task") / "templates" / f"{name}.yaml").read_text(encoding="utf-8")
