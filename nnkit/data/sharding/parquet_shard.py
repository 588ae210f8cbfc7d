"""Shards in Parquet files, read with pyarrow: a column of targets, and columns of inputs."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnkit.data.lazy import Array
from nnkit.data.sharding.shard import Field, FieldType, Shard
from nnkit.errors import DataError
from nnkit.optional import optional


class ParquetShard(Shard):
    """A Parquet file; a column holds a number or a list of fixed size for each sample."""

    nullable: ClassVar[bool] = True

    def __init__(self, path: Path, label: str, weights: str | None) -> None:
        """Reads the file's schema.

        Args:
            path: the file.
            label: the column of targets; all columns beside it and the weights are inputs.
            weights: the column of sample weights, if any.

        Raises:
            DataError: the file is not Parquet, or a column is missing or not numeric.
            UsageError: pyarrow is not installed.
        """
        arrow, parquet = _library()
        self.name = str(path)
        try:
            with parquet.ParquetFile(path) as file:
                self._metadata, schema = file.metadata, file.schema_arrow
        except (arrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a readable Parquet file ({_brief(error)})") from None
        names = list(schema.names)
        for wanted, setting in ((label, "label"), (weights, "weights")):
            if wanted is not None and wanted not in names:
                raise DataError(
                    f"{path}: no column '{wanted}'; set data.source.{setting} to one of "
                    f"{', '.join(names)}"
                )
        inputs = [name for name in names if name not in (label, weights)]
        if not inputs:
            raise DataError(f"{path}: no columns of inputs besides {', '.join(names)}")
        self._names: dict[Field, list[str]] = {"inputs": inputs, "targets": [label]}
        if weights is not None:
            self._names["weights"] = [weights]
        self._widths: dict[str, int | None] = {}
        self.fields = {field: self._type(schema, field) for field in self._names}
        if all(self._widths[name] is None for name in inputs):
            self.columns = tuple(inputs)
        counts = (
            self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)
        )
        self._numbers = [i for i, rows in enumerate(counts) if rows]
        self.row_groups = tuple(self._metadata.row_group(i).num_rows for i in self._numbers)
        if not self.row_groups:
            raise DataError(f"{path}: no samples; it has no rows")

    def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
        table = self._table(field, group)
        if rows is None:
            rows = np.arange(len(table))
        else:
            table = table.take(rows)
        shape, dtype = self.fields[field]
        first = sum(self.row_groups[:group])
        parts = [self._values(table, name, first + rows) for name in self._names[field]]
        if len(parts) == 1:
            return np.asarray(parts[0], dtype).reshape(len(rows), *shape)
        found = np.empty((len(rows), prod(shape)), dtype)
        np.concatenate(parts, axis=1, out=found, casting="unsafe")
        return found

    def without_target(self, group: int) -> NDArray[np.bool_]:
        (name,) = self._names["targets"]
        column = self._table("targets", group).column(name).combine_chunks()
        absent = np.array(column.is_null(nan_is_null=True))
        if (width := self._widths[name]) is not None:  # flatten() leaves out missing lists
            values = np.asarray(column.flatten().is_null(nan_is_null=True))
            absent[~absent] = values.reshape(-1, width).any(axis=1)
        return absent

    def place(self, field: Field) -> str:
        return self.name

    def _table(self, field: Field, group: int) -> Any:
        """The columns of a field in a row group.

        Raises:
            DataError: the file is damaged, or has changed.
        """
        arrow, parquet = _library()
        try:
            with parquet.ParquetFile(self.name, metadata=self._metadata) as file:
                table = file.read_row_group(
                    self._numbers[group], self._names[field], use_threads=False
                )
        except (arrow.ArrowException, OSError) as error:
            raise DataError(f"{self.name}: damaged ({_brief(error)})") from None
        if len(table) != self.row_groups[group]:
            raise DataError(f"{self.name}: has changed since training began")
        return table

    def _values(self, table: Any, name: str, rows: Array) -> Array:
        """The values of a column, (rows, width); `rows` are their numbers in the file."""
        column, width = table.column(name).combine_chunks(), self._widths[name]
        values, missing = column, np.asarray(column.is_null())
        if width is not None and not missing.any():
            values = column.flatten()
            missing = np.asarray(values.is_null())
        if missing.any():
            row = rows[int(np.argmax(missing)) * len(table) // len(missing)]
            raise DataError(
                f"{self.name}: column '{name}' has no value in row {row} (counted from 0); "
                "remove or correct such rows"
            )
        numbers: Array = values.to_numpy(zero_copy_only=False)
        return numbers.reshape(len(table), width or 1)

    def _type(self, schema: Any, field: Field) -> FieldType:
        names = self._names[field]
        types = [self._number_type(schema, name) for name in names]
        widths = [self._widths[name] for name in names]
        alone = len(names) == 1 and field != "inputs" and widths[0] is None
        return FieldType(() if alone else (sum(w or 1 for w in widths),), np.result_type(*types))

    def _number_type(self, schema: Any, name: str) -> np.dtype[Any]:
        arrow, _ = _library()
        written = schema.field(name).type
        numbers, width = written, None
        if arrow.types.is_fixed_size_list(written):
            numbers, width = written.value_type, written.list_size
        self._widths[name] = width
        kinds = (arrow.types.is_integer, arrow.types.is_floating, arrow.types.is_boolean)
        if not any(is_kind(numbers) for is_kind in kinds):
            raise DataError(
                f"{self.name}: column '{name}' contains values of type {written}; store numbers, "
                "classes as 0, 1, 2, …, or lists of numbers of one fixed size"
            )
        return np.dtype(numbers.to_pandas_dtype())


def _library() -> tuple[Any, Any]:
    purpose = "reading Parquet shards"
    return optional("pyarrow", purpose), optional("pyarrow.parquet", purpose)


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
