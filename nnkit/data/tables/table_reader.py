"""Reads delimited text: in chunks, each of which is divided into cells and converted as a whole."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import PADDING, Cells, joined_cells
from nnkit.data.tables.column_builder import ColumnBuilder
from nnkit.data.tables.dialect import Dialect, delimiter_question, not_encoded, open_text
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import LineNumbers, ParsedColumn, ParsedTable, some
from nnkit.data.tables.splitting import split_cells
from nnkit.errors import DataError

Array = NDArray[Any]

CHUNK = 1 << 20  # bytes read at a time
CHUNK_OF_COLUMN = 1 << 13  # and at least so many for each column, so that they are not too short
PROBE = 2_000  # rows at the beginning that show what a column is
AT_ONCE = 10_000  # rows of a parser that are converted together


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
        for cells in _parts(path, file, dialect, len(names), line, ragged):
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
        raise DataError(f"{path}: no rows below the header, {some(names)}")
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
    for row, end, number in _parsed(path, file, dialect, line):
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


def _parts(
    path: Path,
    file: BinaryIO,
    dialect: Dialect,
    columns: int,
    line: int,
    ragged: dict[int, str] | None,
) -> Iterator[Cells]:
    """Yields the cells of the rest of a file, in parts.

    Args:
        path: the file's name, for messages.
        file: the file, at the beginning of a row.
        dialect: how it is divided.
        columns: the number of columns.
        line: the number of lines above.
        ragged: as for `read_table`.
    """
    rest = b""
    while True:
        block = file.read(max(CHUNK, CHUNK_OF_COLUMN * columns, len(rest)))
        text = b"".join((PADDING, rest, block, PADDING))
        first, last = len(PADDING), len(text) - len(PADDING)
        if first == last:
            return
        end = text.rfind(b"\n", first, last) + 1
        if not end and block:
            rest += block
            continue
        if not end:  # the last line has no end
            text, end = b"".join((PADDING, rest, b"\n", PADDING)), last + 1
        divided = _divided(text, end, columns, dialect, line)
        if divided is not None:
            cells, end = divided
            yield cells
            line = int(cells.lines[-1])
            rest = text[end:last]
            continue
        # Read again from here with a parser, to the end of the row in which the chunk ends.
        file.seek(first - last, 1)
        stop = file.tell() + min(end, last) - first
        for parsed, reached in _parsed_parts(path, file, dialect, columns, line, stop, ragged):
            line = reached
            yield parsed
        rest = b""


def _divided(
    text: bytes, end: int, columns: int, dialect: Dialect, line: int
) -> tuple[Cells, int] | None:
    """Divides the rows of a text up to a position, as `split_cells` does."""
    if text.find(b"\0", len(PADDING), end) >= 0:
        return None
    if dialect.delimiter != " ":
        return split_cells(text, end, columns, dialect.delimiter, dialect.quote, line)
    plain = b"".join((PADDING, _one_blank_between(text[len(PADDING) : end]), PADDING))
    plain_end = len(plain) - len(PADDING)
    divided = split_cells(plain, plain_end, columns, " ", dialect.quote, line)
    return (divided[0], end) if divided is not None and divided[1] == plain_end else None


def _one_blank_between(text: bytes) -> bytes:
    """Replaces each run of blanks between cells by one space, and removes those at line ends."""
    lines = (b" ".join(line.split()) for line in text.splitlines())
    return b"\n".join(lines) + b"\n"


def _parsed_parts(
    path: Path,
    file: BinaryIO,
    dialect: Dialect,
    columns: int,
    line: int,
    end: int,
    ragged: dict[int, str] | None,
) -> Iterator[tuple[Cells, int]]:
    """Yields the cells of rows up to a position, read with a parser, and the number of lines.

    Blank lines are left out. The file is then at the end of the last row.
    """
    rows: list[list[str]] = []
    numbers: list[int] = []
    for row, position, number in chain(_parsed(path, file, dialect, line), repeat(([], end, 0))):
        line = number or line
        if row:
            if len(row) != columns and number not in dialect.leave_out:
                message = _ragged(path, number, row, columns, dialect)
                if ragged is None:
                    raise DataError(message)
                ragged[number] = message
                row = [""] * columns
            if len(row) == columns:
                rows.append(row)
                numbers.append(number)
        if position >= end or len(rows) == AT_ONCE:
            if rows:
                yield joined_cells(rows, numbers, columns), line
            rows, numbers = [], []
        if position >= end:
            file.seek(position)
            return


def _parsed(
    path: Path, file: BinaryIO, dialect: Dialect, line: int
) -> Iterator[tuple[list[str], int, int]]:
    """Yields each row with the position at which it ends, and the number of its last line."""
    position, ended = file.tell(), line

    def lines() -> Iterator[str]:
        nonlocal position, ended
        for content in iter(file.readline, b""):
            position += len(content)
            ended += 1
            try:
                text = content.decode()
            except UnicodeDecodeError:
                raise not_encoded(path, ended, dialect) from None
            if "\0" in text:
                raise DataError(f"{path}:{ended}: a NUL character; is it a text file?")
            if dialect.delimiter == " ":
                text = " ".join(text.split()) + "\n"
            yield text

    reader = csv.reader(
        lines(),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        skipinitialspace=True,
        strict=True,
    )
    try:
        for row in reader:
            yield row, position, ended
    except csv.Error as error:
        raise DataError(f"{path}:{ended}: not CSV: {error}") from None


def _ragged(path: Path, line: int, row: Sequence[str], columns: int, dialect: Dialect) -> str:
    remedy = "leave an empty cell for a missing value"
    if len(row) > columns:
        remedy = f"put quotes around a cell that contains a '{dialect.delimiter}'"
    if columns == 1 and len(row) > 1:
        skip = "skip it with data.source.skip_rows"
        remedy = (
            "is the first line a title or a comment? "
            f"{skip if 'skip_rows' in dialect.settings else 'remove it'}; "
            f"else, {delimiter_question(dialect)}"
        )
    if len(row) == 1 and columns > 1:
        name = "name it in data.source.leave_out"
        remedy += (
            "; if the line holds no sample, "
            f"{name if 'leave_out' in dialect.settings else 'remove it'}"
        )
    cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
    return f"{path}:{line}: {cells}, but the rows above have {columns}; {remedy}"


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
