"""The base class of data sources."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from nnkit.config.spec import Component
from nnkit.data.dataset import Array, Column, Dataset, class_targets
from nnkit.errors import DataError, UsageError


class Source(Component):
    """Where the data is read from."""

    @abstractmethod
    def load(self) -> Dataset:
        """Reads the data.

        Raises:
            DataError: missing, damaged, or nothing to train on; says where and what.
        """

    def moved(self, place: Path) -> Self:
        """The same data in another place: the file or folder that `path` named.

        Raises:
            UsageError: the source names no place.
        """
        if "path" not in type(self).model_fields:
            raise UsageError(f"the config of '{self.tag()}' data contains no path")
        return self.model_copy(update={"path": str(place.resolve())})

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        """Reads a picture as one raw input (*shape), as the source reads its own pictures.

        Raises:
            DataError: not a readable picture, or the source has no pictures.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not pictures")

    def read_table(self, path: Path, columns: Sequence[Column]) -> Array:
        """Reads a table's rows as raw inputs (n, columns), as the source reads its own table.

        Args:
            path: the file.
            columns: those of the table that the model was trained on, found by name.

        Raises:
            DataError: no such table, a column is missing, or the source has no tables.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not CSV")


def targets_of(labels: Array, place: str) -> tuple[Array, tuple[str, ...] | None]:
    """Targets from an array of labels, and class names where they are classes.

    Whole numbers, one a sample, are classes, 0 to their largest; all others are real targets.

    Raises:
        DataError: a whole number that can't be a class.
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
    """The path, if there is such a file or folder.

    Raises:
        DataError: there is none.
    """
    found = Path(path)
    if not found.exists():
        raise DataError(f"{path}: no such {what}")
    return found
