"""Time series in CSV files: windows of successive rows, and the values that follow them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from nnkit.config.spec import Count, FilePath, Listed
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.ordering import Chronological
from nnkit.data.sources.csv_settings import Character
from nnkit.data.sources.source import Source, TableRows
from nnkit.data.tables.conversion import UnknownWords, numbers
from nnkit.data.tables.dialect import Dialect, delimiter_question
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.roles import setting_index
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_reader import column_names
from nnkit.errors import DataError

IN_ORDER = "the training, validation and test set follow each other in time"


class Series(Source):
    """A time series in a CSV file, a row for each time: a window of rows predicts those after it.

    Inputs are (columns, window), targets the next `horizon` values of each label column. The rows
    must be in the order of time and equally far apart. The training set comes first in time, then
    the validation set, then the test set; windows that would reach from one into the next are left
    out.
    """

    kind: Literal["series"] = "series"
    path: FilePath = Field(description="The file.", examples=["series.csv"])
    label: str | int | Annotated[tuple[str | int, ...], Listed, Field(min_length=1)] = Field(
        -1,
        description="The column to predict: its name, or its index from 0; a list if there are "
        "several.",
    )
    columns: Annotated[tuple[str | int, ...], Listed] = Field(
        (), description="The columns of a window; default: those to predict."
    )
    window: Count = Field(description="Rows of a window.", examples=[24])
    horizon: Count = Field(1, description="Rows after a window that are predicted.")
    header: bool = Field(True, description="Whether the first row names the columns.")
    delimiter: Character = Field(",", description="Field separator.")
    decimal: Literal[".", ","] = Field(".", description="The decimal mark.")
    skip_rows: Annotated[int, Field(ge=0)] = Field(
        0, description="Lines above the header to skip, such as a title."
    )

    @property
    def span(self) -> int:
        """The rows of a sample, with those to predict."""
        return self.window + self.horizon

    @property
    def _labels(self) -> tuple[str | int, ...]:
        return self.label if isinstance(self.label, tuple) else (self.label,)

    def naive_forecast(self, inputs: Array) -> Array | None:
        columns = self.columns or self._labels
        if not set(self._labels) <= set(columns):
            return None
        last = inputs[:, [columns.index(label) for label in self._labels], -1]
        return np.repeat(last, self.horizon, axis=1)

    def read(self) -> Dataset:
        labels = self._read(Path(self.path), "label", self._labels)
        rows = self._inputs(Path(self.path))
        count = rows.table.rows
        if count < self.span:
            raise DataError(
                f"{self.path}: {count} rows; a window of {self.window} and a horizon of "
                f"{self.horizon} need at least {self.span}"
            )
        inputs = rows.windows(self.window)[: count - self.span + 1]
        following = labels.windows(self.horizon)[self.window :]
        targets = following.reshape(len(inputs), -1)
        lines = rows.table.lines.of_all(count)[self.window - 1 : count - self.horizon]
        ordering = Chronological(gap=self.span - 1)
        return Dataset(
            Samples(inputs, targets, lines=lines, ordering=ordering),
            label=", ".join(self._target_names(labels.names)),
            notices=(f"{IN_ORDER}; windows left out because they overlap two: {ordering.gap}",),
        )

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        """Reads all windows of a file, the last of which ends with its last row."""
        rows = self._inputs(path)
        if rows.table.rows < self.window:
            raise DataError(f"{path}: {rows.table.rows} rows; a window needs {self.window}")
        lines = rows.table.lines.of_all(rows.table.rows)[self.window - 1 :]
        return TableRows(rows.windows(self.window), lines.tolist(), {})

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        dialect, names = self._dialect(path), self.columns or self._labels
        for name in names:
            column_index(path, column_names(path, dialect), name, delimiter_question(dialect))

    def _target_names(self, labels: Sequence[str]) -> Iterator[str]:
        """Yields the name of each target: of the column and, if there are several, of the step."""
        for label in labels:
            steps = range(1, self.horizon + 1)
            yield from [label] if self.horizon == 1 else (f"{label}+{step}" for step in steps)

    def _inputs(self, path: Path) -> _Rows:
        """The columns of windows."""
        if self.columns:
            return self._read(path, "columns", self.columns)
        return self._read(path, "label", self._labels)

    def _read(self, path: Path, setting: str, columns: Sequence[str | int]) -> _Rows:
        """The columns that a setting names."""
        dialect = self._dialect(path)
        names = column_names(path, dialect)
        indices = [setting_index(path, names, name, setting) for name in columns]
        others = [i for i in range(len(names)) if i not in indices]
        table = cached_table(path, dialect, NumberFormat(decimal=self.decimal), skip=others)
        values = np.stack([_present(table, i) for i in indices])
        return _Rows(table, values, tuple(names[i] for i in indices))

    def _dialect(self, path: Path) -> Dialect:
        is_own = path == Path(self.path)
        return Dialect(
            self.delimiter,
            header=self.header,
            skip_rows=self.skip_rows,
            settings=frozenset(type(self).model_fields if is_own else ()),
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Columns of a series.

    Attributes:
        table: the table, with the line of each row.
        values: the numbers, (columns, rows).
        names: the names of the columns.
    """

    table: ParsedTable
    values: Array
    names: tuple[str, ...]

    def windows(self, length: int) -> Array:
        """All windows of successive rows, (windows, columns, length), without a copy."""
        return sliding_window_view(self.values, length, axis=1).swapaxes(0, 1)


def _present(table: ParsedTable, index: int) -> Array:
    """The numbers of a column, (rows,).

    Raises:
        DataError: one is missing, or not a number; the message gives its line.
    """
    values = numbers(table, index)
    if np.isnan(values).any():
        row = int(np.isnan(values).argmax())
        raise DataError(
            f"{table.place(row)}: column '{table.names[index]}' is missing; a series needs every "
            "value: fill it in, for instance with the one before"
        )
    return values
