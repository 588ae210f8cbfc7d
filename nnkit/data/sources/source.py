"""The base class of data sources."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from nnkit.config.spec import PATH_SETTINGS, Component
from nnkit.data.dataset import Array, Column, Dataset, class_targets
from nnkit.errors import DataError, UsageError


class Source(Component):
    """The data source."""

    @property
    def has_digits(self) -> bool:
        """Whether its samples are images of digits, so that models read numbers in pictures."""
        return False

    @abstractmethod
    def load(self) -> Dataset:
        """Reads the data.

        Raises:
            DataError: the data is missing, damaged or empty; the message gives the location.
        """

    def files(self) -> list[Path]:
        """The files that the data is read from, those in folders included; missing ones too."""
        found: list[Path] = []
        for name, value in self:
            if name in PATH_SETTINGS and isinstance(value, str):
                path = Path(value)
                within = sorted(path.rglob("*")) if path.is_dir() else [path]
                found += [file for file in within if not file.is_dir() and file.name[0] != "."]
        return found

    def moved(self, place: Path) -> Self:
        """Returns a copy of the source whose `path` is another file or folder.

        Raises:
            UsageError: the source has no path.
        """
        if "path" not in type(self).model_fields:
            raise UsageError(f"the config of '{self.tag()}' data contains no path")
        return self.model_copy(update={"path": str(place.resolve())})

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        """Reads a picture as a raw input (*shape), in the same way as the source's own pictures.

        Raises:
            DataError: the file is not a readable picture, or the source has no pictures.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not pictures")

    def read_table(self, path: Path, columns: Sequence[Column]) -> Array:
        """Reads a table as raw inputs (n, columns), in the same way as the source's own table.

        Args:
            path: the file.
            columns: the columns of the table that the model was trained on, matched by name.

        Raises:
            DataError: the table does not exist, a column is missing, or the source has no tables.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not CSV")


def targets_of(labels: Array, place: str) -> tuple[Array, tuple[str, ...] | None]:
    """Converts an array of labels to targets and, if they are classes, class names.

    One integer per sample is a class, from 0 to the largest; anything else is a real target.

    Raises:
        DataError: an integer is negative or too large to be a class.
    """
    if labels.dtype.kind in "bui" and labels.size == len(labels):
        count = int(labels.max()) + 1
        if count > max(1000, len(labels)):
            raise DataError(
                f"{place}: the label {count - 1} is too large for a class number; "
                "store targets that are not classes as floating-point numbers"
            )
        numbers = class_targets(labels, count, place)
        return numbers, tuple(map(str, range(max(count, 2))))
    return np.asarray(labels, dtype=np.float64).reshape(len(labels), -1), None


def existing(path: str, what: str) -> Path:
    """Returns the path if it exists.

    Raises:
        DataError: it does not exist.
    """
    found = Path(path)
    if not found.exists():
        raise DataError(f"{path}: no such {what}")
    return found
