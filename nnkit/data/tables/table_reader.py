"""Reads delimited text: in chunks, each of which is divided into cells and converted as a whole."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import Cells, ColumnCells, joined_cells, split_cells
from nnkit.data.tables.dialect import Dialect, not_encoded, open_text
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import LineNumbers, Odd, ParsedColumn, ParsedTable, some
from nnkit.errors import DataError

Array = NDArray[Any]

CHUNK = 1 << 22  # bytes
PROBE = 2_000  # rows at the beginning that show what a column is
AT_ONCE = 10_000  # rows of a parser that are converted together
FEW_WORDS = 256  # a column with at most so many distinct cells is kept as words, too
MOST_WORDS = 50_000  # and more than half of the rows: no column of classes or categories
MOST_ODD = 20  # texts of a column of words that are described as odd
MANY_EXAMPLES = 1_000  # words of a column with too many that are kept


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
    with open_text(path, dialect.encoding) as file:
        return _names(path, dialect, *_first_row(path, file, dialect))


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
    with open_text(path, dialect.encoding) as file:
        first, line = _first_row(path, file, dialect)
        names = _names(path, dialect, first, line)
        builders = {
            i: _ColumnBuilder(form, keep_words=i in as_words)
            for i in range(len(names))
            if i not in skip
        }
        lines = _LineRuns()
        count = 0
        for cells in _parts(path, file, dialect, len(names), line, ragged):
            if dialect.leave_out:
                cells = cells.select(~np.isin(cells.lines, dialect.leave_out))
            for i, builder in builders.items():
                try:
                    builder.add(cells.column(i), count)
                except UnicodeDecodeError:
                    raise _undecodable(path, cells, i, dialect.encoding) from None
            lines.add(cells.lines, count)
            count += len(cells)
    if not count:
        raise DataError(f"{path}: no rows below the header, {some(names)}")
    columns = {}
    for i in list(builders):
        columns[i] = builders.pop(i).finish()
    place = lines.finish()
    return ParsedTable(path, names, count, columns, place, tuple(first), form, dialect.header)


def _undecodable(path: Path, cells: Cells, column: int, encoding: str) -> DataError:
    for start, end, line in zip(
        cells.starts[:, column], cells.ends[:, column], cells.lines, strict=True
    ):
        try:
            cells.text[start:end].decode()
        except UnicodeDecodeError:
            return not_encoded(path, int(line), encoding)
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
        raise DataError(
            f"{path}:{line}: two columns are named '{_repeated(first)}'; is the first row a "
            "header? if not, set data.source.header: false"
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
        block = file.read(CHUNK)
        text = rest + block
        if not text:
            return
        whole = text.rfind(b"\n") + 1
        if not block and not whole:
            text += b"\n"  # the last line has no end
            whole = len(text)
        if not whole:
            rest = text
            continue
        rest, text = text[whole:], text[:whole]
        cells = _divided(text, columns, dialect, line)
        if cells is not None:
            yield cells
            line += text.count(b"\n")
            continue
        # Read again from here with a parser, to the end of the row in which the chunk ends.
        file.seek(-len(rest) - len(text) + (not block), 1)
        end = file.tell() + len(text)
        for parsed, reached in _parsed_parts(path, file, dialect, columns, line, end, ragged):
            line = reached
            yield parsed
        rest = b""


def _divided(text: bytes, columns: int, dialect: Dialect, line: int) -> Cells | None:
    if b"\0" in text:
        return None
    if dialect.delimiter == " ":
        text = _one_blank_between(text)
    return split_cells(text, columns, dialect.delimiter, dialect.quote, line + 1)


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
                raise not_encoded(path, ended, dialect.encoding) from None
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
        remedy = (
            "is the first line a title or a comment? skip it with data.source.skip_rows; "
            "else, is data.source.delimiter right?"
        )
    if len(row) == 1 and columns > 1:
        remedy += "; if the line holds no sample, name it in data.source.leave_out"
    return f"{path}:{line}: {len(row)} cells, but the rows above have {columns}; {remedy}"


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


class _ColumnBuilder:
    """Builds a column from its parts.

    The distinct cells are counted as long as there are few of them, or if they are wanted; numbers
    are converted until most cells of a part are not numbers.
    """

    def __init__(self, form: NumberFormat, *, keep_words: bool) -> None:
        self._form = form
        self._keep_words = keep_words
        self._has_words = True
        self._index: dict[str, int] = {}
        self._parsed: list[float | None] = []  # of each word
        self._codes: list[Array] = []
        self._has_numbers = True
        self._values: list[Array] = []
        self._odd: dict[str, list[int]] = {}
        self._numbers = 0
        self._rows = 0
        self._too_many = False

    def add(self, cells: ColumnCells, first_row: int) -> None:
        """Adds the cells of successive rows, of which the first has the index `first_row`."""
        rows = len(cells.starts)
        self._rows += rows
        if not rows or self._too_many:
            return
        if not self._codes and self._has_words and not self._keep_words:
            self._has_words = not self._are_many_numbers(cells.at(slice(PROBE)))
        if self._has_words:
            self._add_words(cells)
        else:
            self._add_numbers(cells, first_row)

    def _are_many_numbers(self, cells: ColumnCells) -> bool:
        """Whether cells are mostly numbers, and too many for their words to be of interest."""
        _, texts = cells.distinct()
        numbers = sum(self._form.parse(text) is not None for text in texts)
        return len(texts) > FEW_WORDS and 2 * numbers >= len(texts)

    def _add_words(self, cells: ColumnCells) -> None:
        codes, texts = cells.distinct()
        index, parse = self._index, self._form.parse
        own = np.empty(len(texts), dtype=np.int32)
        for i, text in enumerate(texts):
            code = index.get(text)
            if code is None:
                code = index[text] = len(index)
                self._parsed.append(parse(text) if self._has_numbers else None)
            own[i] = code
        self._codes.append(own[codes])
        if self._keep_words or len(index) <= FEW_WORDS:
            return
        numbers = sum(value is not None and value != inf for value in self._parsed)
        if numbers >= len(index) / 2:
            self._forget_words()
        elif len(index) > max(MOST_WORDS, self._rows / 2):
            self._too_many = True
            self._codes.clear()

    def _forget_words(self) -> None:
        """Keeps the numbers only."""
        column = self._of_words()
        assert column.values is not None
        self._values = [column.values]
        self._odd = {odd.text: [odd.count, odd.row] for odd in column.odd}
        self._numbers = column.numbers
        self._has_words = False
        self._codes.clear()

    def _add_numbers(self, cells: ColumnCells, first_row: int) -> None:
        values, doubtful = cells.numbers(self._form)
        self._values.append(values)
        self._numbers += int(np.isfinite(values).sum())
        if not len(doubtful):
            return
        codes, texts = cells.at(doubtful).distinct()
        parsed = [self._form.parse(text) for text in texts]
        known = np.array([np.nan if p is None or np.isinf(p) else p for p in parsed])
        values[doubtful] = known[codes]
        self._numbers += int(np.isfinite(values[doubtful]).sum())
        for i, (text, number) in enumerate(zip(texts, parsed, strict=True)):
            if number is None or np.isinf(number):
                at = np.flatnonzero(codes == i)
                found = self._odd.setdefault(text, [0, first_row + int(doubtful[at[0]])])
                found[0] += len(at)

    def finish(self) -> ParsedColumn:
        if self._too_many:
            some_words = tuple(self._index)[:MANY_EXAMPLES]
            return ParsedColumn(None, (), None, some_words, np.zeros(0), 0, too_many=True)
        if self._has_words:
            return self._of_words()
        values = self._values[0] if len(self._values) == 1 else np.concatenate(self._values)
        odd = tuple(Odd(text, *found) for text, found in self._odd.items())
        return ParsedColumn(values, odd, None, (), np.zeros(0), self._numbers)

    def _of_words(self) -> ParsedColumn:
        """The column, from its words and what each of them is as a number."""
        codes = np.concatenate(self._codes)
        parsed = self._parsed
        missing = self._form.missing_words
        counts = np.bincount(codes, minlength=len(parsed))
        finite = [value is not None and bool(np.isfinite(value)) for value in parsed]
        texts = list(self._index)
        kept = [i for i, text in enumerate(texts) if text and text not in missing]
        strange = [i for i in kept if not finite[i]]
        values = None
        if 2 * len(strange) > len(kept):
            strange = strange[:MOST_ODD]
        else:
            known = [v if ok else None for v, ok in zip(parsed, finite, strict=True)]
            values = np.array(known, dtype=np.float64)[codes]
        odd = tuple(Odd(texts[i], int(counts[i]), int(np.argmax(codes == i))) for i in strange)
        own = np.full(len(texts), -1, dtype=np.int32)
        own[kept] = np.arange(len(kept))
        return ParsedColumn(
            values,
            odd,
            own[codes],
            tuple(texts[i] for i in kept),
            counts[kept],
            int(counts[[i for i in kept if finite[i]]].sum()),
        )
