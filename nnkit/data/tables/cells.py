"""Cells of a part of a table: where they are in the text, and their conversion as whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.decimals import DECIMAL_MARKS, decimals
from nnkit.data.tables.number_format import PLAIN, NumberFormat

Array = NDArray[Any]
WIDEST = 64  # bytes; longer cells are looked at one by one
PADDING = bytes(WIDEST)  # around a text, so that windows of it may begin before and end after it
NEWLINE, RETURN, SPACE, TAB = b"\n\r \t"
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, Knuth's multiplicative hashing

_IS_PLAIN = np.zeros(256, dtype=bool)
_IS_PLAIN[[0, *PLAIN]] = True


@dataclass(slots=True)
class Cells:
    """The cells of successive rows.

    Attributes:
        text: the text, between `PADDING`.
        starts: where each cell begins in the text, (rows, columns).
        ends: where each cell ends, (rows, columns).
        lines: the number of each row's last line in the file, (rows,).
    """

    text: bytes
    starts: Array
    ends: Array
    lines: Array

    def __len__(self) -> int:
        return len(self.lines)

    def select(self, rows: Array) -> Cells:
        """The cells of the rows at which a mask (rows,) is true."""
        return Cells(self.text, self.starts[rows], self.ends[rows], self.lines[rows])

    def column(self, index: int) -> ColumnCells:
        """The cells of one column."""
        return ColumnCells(self.text, self.starts[:, index], self.ends[:, index])


@dataclass(slots=True)
class ColumnCells:
    """The cells of one column, (rows,).

    Attributes:
        text: the text, between `PADDING`.
        starts: where each cell begins in the text, (rows,).
        ends: where each cell ends, (rows,).
    """

    text: bytes
    starts: Array
    ends: Array

    def distinct(self) -> tuple[Array, list[str]]:
        """The distinct cells.

        Returns:
            The index of each cell among them, (rows,), and their texts, stripped, as they occur.
            Texts that differ in surrounding blanks are listed twice.

        Raises:
            UnicodeDecodeError: a cell is not UTF-8.
        """
        lengths = self.ends - self.starts
        width = int(lengths.max(initial=0))
        if width > WIDEST:
            return self._distinct_one_by_one()
        words = self._matrix(max(1, -(-width // 8)) * 8, lengths).view(np.uint64)
        keys = words[:, 0]
        for i in range(1, words.shape[1]):
            keys = (keys ^ (keys >> np.uint64(29))) * MULTIPLIER ^ words[:, i]
        _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)  # as they occur, not by their bytes
        first, codes = first[order], np.argsort(order)[codes]
        if words.shape[1] > 1 and not np.array_equal(words[first][codes], words):
            return self._distinct_one_by_one()  # two texts have one key
        texts = [self.text[self.starts[i] : self.ends[i]].decode().strip() for i in first.tolist()]
        return codes, texts

    def _distinct_one_by_one(self) -> tuple[Array, list[str]]:
        known: dict[bytes, int] = {}
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        codes = [known.setdefault(self.text[start:end], len(known)) for start, end in bounds]
        return np.array(codes, dtype=np.int64), [text.decode().strip() for text in known]

    def numbers(self, form: NumberFormat) -> tuple[Array, Array]:
        """Converts the cells to numbers, as far as they are plainly written.

        Returns:
            The numbers (rows,) as float64, NaN for other cells, and the indices of those that are
            neither plain numbers nor empty.
        """
        values, valid = decimals(self.text, self.starts, self.ends, form.decimal)
        values[~valid] = np.nan
        rest = np.flatnonzero(~valid & (self.ends > self.starts))
        if len(rest):
            values[rest], plain = self.at(rest)._long_numbers(form)
            rest = rest[~plain]
        return values, rest

    def _long_numbers(self, form: NumberFormat) -> tuple[Array, Array]:
        """Converts numbers with an exponent or many digits, and says which cells are numbers."""
        lengths = self.ends - self.starts
        matrix = self._matrix(min(int(lengths.max()), WIDEST), lengths)
        if form.decimal != ".":
            matrix = DECIMAL_MARKS[form.decimal][matrix]
        plain = _IS_PLAIN[matrix].all(axis=1) & (lengths <= WIDEST)
        values = np.full(len(lengths), np.nan)
        try:
            values[plain] = matrix.view(f"S{matrix.shape[1]}")[plain, 0].astype(np.float64)
        except ValueError:
            plain[:] = False
        plain &= np.isfinite(values)
        values[~plain] = np.nan
        return values, plain

    def at(self, rows: Array | slice) -> ColumnCells:
        """The cells of some rows."""
        return ColumnCells(self.text, self.starts[rows], self.ends[rows])

    def _matrix(self, width: int, lengths: Array) -> Array:
        """The first `width` bytes of each cell, (rows, width), with zeros after its end."""
        windows = np.ndarray((len(self.text) - width + 1,), f"V{width}", self.text, strides=(1,))
        matrix: Array = windows[self.starts].view(np.uint8).reshape(len(lengths), width)
        if width and (lengths < width).any():
            matrix *= np.arange(width) < lengths[:, None]
        return matrix


def split_cells(text: bytes, columns: int, delimiter: str, quote: str, line: int) -> Cells | None:
    """Divides whole lines into cells, all at once.

    Args:
        text: whole lines.
        columns: the number of columns.
        delimiter: the character between cells, not a space.
        quote: the character around cells.
        line: the number of the first line.

    Returns:
        The cells; None if a line has another number of them, or if a quoted cell contains more
        than plain text, so that the lines need a parser.
    """
    padded = PADDING + text + PADDING
    data = np.frombuffer(padded, np.uint8)
    marks = np.flatnonzero((data == ord(delimiter)) | (data == NEWLINE))
    if len(marks) % columns:
        return None
    ends = marks.reshape(-1, columns)
    is_end = data[ends] == NEWLINE
    if is_end[:, :-1].any() or not is_end[:, -1].all():
        return None
    starts = np.empty_like(ends)
    starts.ravel()[0] = len(PADDING)
    starts.ravel()[1:] = marks[:-1] + 1
    if b"\r" in text:
        last = ends[:, -1]
        last -= (last > starts[:, -1]) & (data[last - 1] == RETURN)
        if text.count(b"\r") != int((data[last] == RETURN).sum()):
            return None
    if columns == 1 and (starts == ends).any():  # blank lines
        return None
    if b" " in text or b"\t" in text or b"\x0b" in text or b"\x0c" in text:
        _strip(data, starts, ends)
    if quote.encode() in text and not _unquote(padded, starts, ends, quote.encode()):
        return None
    return Cells(padded, starts, ends, line + np.arange(len(ends)))


def joined_cells(rows: Sequence[Sequence[str]], lines: Sequence[int], columns: int) -> Cells:
    """The cells of rows that a parser has read."""
    cells = [cell.strip().encode() for row in rows for cell in row]
    bounds = np.full(len(cells) + 1, len(PADDING), dtype=np.int64)
    np.cumsum(np.fromiter(map(len, cells), np.int64, len(cells)), out=bounds[1:])
    bounds[1:] += len(PADDING)
    return Cells(
        PADDING + b"".join(cells) + PADDING,
        bounds[:-1].reshape(-1, columns),
        bounds[1:].reshape(-1, columns),
        np.asarray(lines, dtype=np.int64),
    )


_IS_BLANK = np.zeros(256, dtype=bool)
_IS_BLANK[list(b" \t\x0b\x0c\r")] = True


def _strip(data: Array, starts: Array, ends: Array) -> None:
    """Moves the bounds of cells inwards past blanks, in place."""
    while (blank := _IS_BLANK[data[starts]] & (starts < ends)).any():
        starts += blank
    while (blank := _IS_BLANK[data[ends - 1]] & (starts < ends)).any():
        ends -= blank


def _unquote(text: bytes, starts: Array, ends: Array, quote: bytes) -> bool:
    """Moves the bounds of quoted cells past their quotes, in place, unless there are other quotes.

    Two quotes for each cell between quotes, and none besides, mean that no quote is inside a cell,
    so that no delimiter or line end is either.
    """
    data = np.frombuffer(text, np.uint8)
    quoted = (data[starts] == quote[0]) & (data[ends - 1] == quote[0]) & (ends - starts >= 2)
    if 2 * int(quoted.sum()) != text.count(quote):
        return False
    starts += quoted
    ends -= quoted
    return True
