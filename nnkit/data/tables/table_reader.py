"""Reads delimited text into a table: names of columns, and their cells as numbers or words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import Cells
from nnkit.data.tables.column_builder import ColumnBuilder
from nnkit.data.tables.dialect import Dialect, not_encoded, open_text
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import LineNumbers, ParsedColumn, ParsedTable
from nnkit.data.tables.row_parsing import cells_in_parts, parsed_rows
from nnkit.errors import DataError
from nnkit.text import some_names

Array = NDArray[Any]

PROBE = 2_000  # rows at the beginning that show what a column is


def read_table(
    path: Path,
    dialect: Dialect,
    form: NumberFormat,
    *,
    skip: Collection[int] = (),
    as_words: Collection[int] = (),
    ragged: dict[int, str] | None = None,
) -> ParsedTable:
    """Reads a table.

    A column is read as numbers, as words, or, if it has few distinct cells, as both.

    Args:
        path: the file.
        dialect: how it is divided into cells.
        form: how numbers are written.
        skip: indices of columns that are not needed.
        as_words: indices of columns of which the words are needed, however many there are.
        ragged: if given, receives a message for each row with the wrong number of cells, by its
            line, instead of an exception; such a row is read as one of empty cells.

    Raises:
        DataError: the file is missing, not text or empty, two columns have the same name, or a row
            has the wrong number of cells.
    """
    table = _read(path, dialect, form, skip, as_words, ragged)
    # Words may turn up after thousands of numbers whose spelling was not kept.
    turned = [
        i
        for i, column in table.columns.items()
        if column.codes is None and not column.too_many and _is_wordy(column)
    ]
    if not turned:
        return table
    others = [i for i in range(len(table.names)) if i not in turned]
    again = _read(path, dialect, form, others, [*as_words, *turned], ragged)
    return replace(table, columns={**table.columns, **again.columns})


def column_names(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """The names of the columns of a table.

    Raises:
        DataError: as for `read_table`.
    """
    with open_text(path, dialect) as file:
        return _names(path, dialect, *_first_row(path, file, dialect))


def first_cells(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """The cells of the first row of a table, whether it names columns or not.

    Raises:
        DataError: the file is missing, empty or not text.
    """
    with open_text(path, dialect) as file:
        return tuple(_first_row(path, file, dialect)[0])


def _is_wordy(column: ParsedColumn) -> bool:
    """Whether most cells of a column are no numbers, or too many to be mistakes."""
    odd = sum(odd.count for odd in column.odd)
    return odd > 0.1 * (odd + column.numbers)


def _read(
    path: Path,
    dialect: Dialect,
    form: NumberFormat,
    skip: Collection[int],
    as_words: Collection[int],
    ragged: dict[int, str] | None,
) -> ParsedTable:
    with open_text(path, dialect) as file:
        first, line = _first_row(path, file, dialect)
        names = _names(path, dialect, first, line)
        builders = {
            i: ColumnBuilder(form.of_column(names[i]), keep_words=i in as_words)
            for i in range(len(names))
            if i not in skip
        }
        lines = _LineRuns()
        count = 0
        for cells in cells_in_parts(path, file, dialect, len(names), line, ragged):
            if dialect.leave_out:
                cells = cells.select(~np.isin(cells.lines, dialect.leave_out))
            if not len(cells):
                continue
            try:
                _add(builders, cells, form)
            except UnicodeDecodeError:
                raise _undecodable(path, cells, dialect) from None
            lines.add(cells.lines, count)
            count += len(cells)
    if not count:
        raise DataError(f"{path}: no rows below the header, {some_names(names)}")
    columns = {}
    for i in list(builders):
        columns[i] = builders.pop(i).finish()
    place = lines.finish()
    return ParsedTable(path, names, count, columns, place, tuple(first), form, dialect.header)


def _add(builders: Mapping[int, ColumnBuilder], cells: Cells, form: NumberFormat) -> None:
    """Adds the cells of successive rows to the columns; those of all numbers are read together."""
    undecided = [i for i, builder in builders.items() if builder.is_undecided]
    for i, values, doubtful in _numbers(cells.select(slice(PROBE)), undecided, form):
        _remove_missing(values, builders[i].form, form)
        builders[i].decide(values, cells.column(i).at(doubtful))
    numeric = [i for i, builder in builders.items() if builder.wants_numbers]
    for i in builders.keys() - numeric:
        builders[i].add_words(cells.column(i))
    for i, values, doubtful in _numbers(cells, numeric, form):
        _remove_missing(values, builders[i].form, form)
        builders[i].add_numbers(values, doubtful, cells.column(i))


def _remove_missing(values: Array, own: NumberFormat, common: NumberFormat) -> None:
    """Makes numbers that mean a missing value in their column alone NaN, in place."""
    for number in own.missing_numbers - common.missing_numbers:
        values[values == number] = np.nan


def _numbers(
    cells: Cells, columns: Sequence[int], form: NumberFormat
) -> Iterator[tuple[int, Array, Array]]:
    """Converts columns to numbers; yields each with its numbers and the rows of doubtful cells."""
    if not columns:
        return
    rows = len(cells)
    values, doubtful = cells.columns(columns).numbers(form)
    bounds = np.searchsorted(doubtful, rows * np.arange(len(columns) + 1))
    for j, i in enumerate(columns):
        own = doubtful[bounds[j] : bounds[j + 1]] - rows * j
        yield i, values[rows * j : rows * (j + 1)], own


def _undecodable(path: Path, cells: Cells, dialect: Dialect) -> DataError:
    """The error that a cell is not text, with its line."""
    for starts, ends, line in zip(cells.starts, cells.ends, cells.lines, strict=True):
        for start, end in zip(starts, ends, strict=True):
            try:
                cells.text[start:end].decode()
            except UnicodeDecodeError:
                return not_encoded(path, int(line), dialect)
    raise AssertionError("every cell is UTF-8")


def _first_row(path: Path, file: BinaryIO, dialect: Dialect) -> tuple[list[str], int]:
    """The first row, and the number of the line after which the rows of samples begin.

    The file is then before the first sample.
    """
    for _ in range(dialect.skip_rows):
        file.readline()
    line, start = dialect.skip_rows, file.tell()
    for row, end, number in parsed_rows(path, file, dialect, line):
        if not row or number in dialect.leave_out:
            start, line = end, number
            continue
        file.seek(end if dialect.header else start)
        return [cell.strip() for cell in row], number if dialect.header else line
    raise DataError(f"{path}: empty; expected a row of column names, then one sample per row")


def _names(path: Path, dialect: Dialect, first: Sequence[str], line: int) -> tuple[str, ...]:
    """The names of the columns, those that are repeated with a number behind them."""
    if not dialect.header:
        return tuple(map(str, range(len(first))))
    if any(count > 1 and _is_digits(name) for name, count in Counter(first).items()):
        remedy = "; if not, set data.source.header: false" * ("header" in dialect.settings)
        raise DataError(
            f"{path}:{line}: two columns are named '{_repeated(first)}'; is the first row a "
            f"header?{remedy}"
        )
    names: list[str] = []
    for name in first:
        number, distinct = 0, name
        while distinct in names or (number and distinct in first):
            number += 1
            distinct = f"{name}.{number}"
        names.append(distinct)
    return tuple(names)


def _repeated(names: Sequence[str]) -> str:
    return next(name for name, count in Counter(names).items() if count > 1)


def _is_digits(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("+-").isdigit()


class _LineRuns:
    """Collects the line numbers of rows as runs of successive lines."""

    def __init__(self) -> None:
        self._rows: list[Array] = []
        self._lines: list[Array] = []
        self._next = -1

    def add(self, lines: Array, first_row: int) -> None:
        if not len(lines):
            return
        begins = np.flatnonzero(np.diff(lines, prepend=self._next - 1) != 1)
        self._rows.append(begins + first_row)
        self._lines.append(lines[begins])
        self._next = int(lines[-1]) + 1

    def finish(self) -> LineNumbers:
        return LineNumbers(np.concatenate(self._rows), np.concatenate(self._lines))
