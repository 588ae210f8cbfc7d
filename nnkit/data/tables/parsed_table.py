"""A parsed table: its columns as arrays, and the line of each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnkit.data.tables.number_format import NumberFormat, parse_number
from nnkit.data.tables.number_summary import NumberSummary
from nnkit.errors import DataError
from nnkit.text import some_names

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Odd:
    """A text that is neither a number nor a missing value.

    Attributes:
        text: the cell.
        count: the number of cells with this text.
        row: index of the first row with it.
    """

    text: str
    count: int
    row: int


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file, which each `np.asarray` reads, so that it takes no memory until then.

    Attributes:
        read: reads the array.
    """

    read: Callable[[], Array]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self.read(), dtype=dtype)


@dataclass(frozen=True, slots=True)
class ParsedColumn:
    """A column of a table, as numbers, as words, or as both.

    Attributes:
        values: the numbers (n,) as float64, NaN for every other cell; None if words were wanted.
        odd: the texts that are neither numbers nor missing; in a column of words, `MOST_ODD`.
        codes: the index of each cell in `words`, (n,) as int32; -1 for missing cells. None if
            there are more words than were wanted.
        words: the distinct cells, in the order in which they first occur.
        counts: how often each word occurs, (words,).
        numbers: the number of cells that are numbers.
        too_many: whether there are more words than can be handled.
        summary: a summary of the numbers, if it is known already.
    """

    values: Array | StoredArray | None
    odd: tuple[Odd, ...]
    codes: Array | StoredArray | None
    words: tuple[str, ...]
    counts: Array
    numbers: int
    too_many: bool = False
    summary: NumberSummary | None = None


@dataclass(frozen=True, slots=True)
class LineNumbers:
    """The line of each row, as the rows at which a run of successive lines begins.

    Attributes:
        rows: index of the first row of each run.
        lines: the line of that row.
    """

    rows: Array
    lines: Array

    def of(self, row: int) -> int:
        """The line, from 1, at which a row ends."""
        run = int(np.searchsorted(self.rows, row, side="right")) - 1
        return int(self.lines[run]) + row - int(self.rows[run])

    def of_all(self, rows: int) -> Array:
        """The line of each row of a table, (rows,)."""
        lengths = np.diff(self.rows, append=rows)
        return np.repeat(self.lines - self.rows, lengths) + np.arange(rows)


@dataclass(frozen=True, slots=True)
class ParsedTable:
    """A table.

    Attributes:
        path: the file.
        names: the names of all columns.
        rows: the number of rows n.
        columns: the columns that were read, by index.
        lines: the line of each row.
        header: the cells of the first row, whether or not it is a header.
        form: the format of numbers.
        has_header: whether the first row names the columns.
    """

    path: Path
    names: tuple[str, ...]
    rows: int
    columns: Mapping[int, ParsedColumn]
    lines: LineNumbers
    header: tuple[str, ...]
    form: NumberFormat
    has_header: bool

    def index(self, column: str | int) -> int:
        """The index of a column given by name or index.

        Raises:
            DataError: there is no such column; the message lists the columns.
        """
        return column_index(self.path, self.names, column)

    def form_of(self, index: int) -> NumberFormat:
        """The format of numbers and missing values in a column."""
        return self.form.of_column(self.names[index])

    def place(self, row: int) -> str:
        """The file and line of a row, for messages."""
        return f"{self.path}:{self.lines.of(row)}"

    def missing(self, index: int) -> Array:
        """The rows in which the cell of a column is missing, as a mask (n,)."""
        column = self.columns[index]
        present = column.numbers + sum(odd.count for odd in column.odd)
        if column.codes is not None:
            absent: Array = np.asarray(column.codes) < 0
            return absent
        if column.values is None or present == self.rows:
            return np.zeros(self.rows, dtype=bool)
        missing: Array = np.isnan(np.asarray(column.values))
        missing[[odd.row for odd in column.odd]] = False
        return missing

    def first_missing(self, index: int) -> int | None:
        """The first row in which the cell of a column is missing, if any."""
        missing = self.missing(index)
        return int(np.argmax(missing)) if missing.any() else None

    def first(self, index: int, code: int) -> int:
        """The first row in which a column has a word."""
        codes = self.columns[index].codes
        assert codes is not None
        return int(np.argmax(np.asarray(codes) == code))

    def words_elsewhere(self, index: int) -> set[str]:
        """The words of the columns without numbers, but for one column."""
        return {
            word
            for i, column in self.columns.items()
            if i != index and not column.numbers
            for word in column.words
        }


def column_index(path: Path, names: Sequence[str], column: str | int, question: str = "") -> int:
    """The index of a column given by name or index.

    Args:
        path: the file, for messages.
        names: the names of all columns.
        column: the column.
        question: a message adds it if there is only one column.

    Raises:
        DataError: there is no such column; the message lists the columns.
    """
    count = len(names)
    if isinstance(column, int):
        if -count <= column < count:
            return column % count
    elif column in names:
        return names.index(column)
    hint = f"; {question}" if count == 1 and question else ""
    is_numbered = list(names) == [str(i) for i in range(count)]  # there is no header
    if not is_numbered and all(parse_number(name) is not None for name in names):
        hint = f"; the first line must name the columns{hint}"
    wanted = "column without a name" if column == "" else f"column '{column}'"
    raise DataError(f"{path}: no {wanted}; available: {some_names(names)}{hint}")
