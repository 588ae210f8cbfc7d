"""The base class of shards: files of samples that are read a row group at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnkit.data.lazy import Array
from nnkit.data.missing_targets import without_target

Field = Literal["inputs", "targets", "weights"]


class FieldType(NamedTuple):
    """The shape of one sample in a field, and the type of its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


class Shard(ABC):
    """One part of the data: inputs, targets and possibly weights of some samples.

    A row group is the unit of reading: consecutive samples, few enough to hold several groups in
    memory.

    Attributes:
        name: the file, or the common part of several files' names, with its folder.
        row_groups: the number of samples in each row group.
        fields: the fields in the shard.
        columns: the names of the inputs, if each is a single number with a name; else empty.
        nullable: whether values of any type may be missing, which `read` reports as an error.
    """

    name: str
    row_groups: tuple[int, ...]
    fields: Mapping[Field, FieldType]
    columns: tuple[str, ...] = ()
    nullable: ClassVar[bool] = False

    @abstractmethod
    def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
        """Reads a field of a row group, (rows, *shape).

        Args:
            field: the field.
            group: number of the row group.
            rows: indices of the rows wanted, ascending; default: all.

        Raises:
            DataError: the file is damaged, or is not as it was when it was opened.
        """

    def without_target(self, group: int) -> NDArray[np.bool_]:
        """Finds the rows of a row group without a target, as a mask (rows,).

        Raises:
            DataError: as for `read`.
        """
        if self.fields["targets"].dtype.kind != "f":  # whole numbers are never missing
            return np.zeros(self.row_groups[group], dtype=bool)
        return without_target(self.read("targets", group))

    @abstractmethod
    def place(self, field: Field) -> str:
        """The location of a field, for messages."""
