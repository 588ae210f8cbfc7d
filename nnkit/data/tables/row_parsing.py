"""Divides delimited text into cells: in chunks, each as a whole, or row by row with a parser."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO

from nnkit.data.tables.cells import PADDING, Cells, joined_cells
from nnkit.data.tables.dialect import Dialect, delimiter_question, not_encoded
from nnkit.data.tables.splitting import split_cells
from nnkit.errors import DataError

CHUNK = 1 << 20  # bytes read at a time
CHUNK_OF_COLUMN = 1 << 13  # and at least so many for each column, so that they are not too short
AT_ONCE = 10_000  # rows of a parser that are converted together


def cells_in_parts(
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
    for row, position, number in chain(
        parsed_rows(path, file, dialect, line), repeat(([], end, 0))
    ):
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


def parsed_rows(
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
