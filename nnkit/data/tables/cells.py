"""The cells of a part of a table, by their positions in the text, and their conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.decimals import decimals
from nnkit.data.tables.number_format import PLAIN, NumberFormat

Array = NDArray[Any]
WORD = 8  # bytes
WIDEST = 64  # bytes; longer cells are looked at one by one
PADDING = bytes(WIDEST)  # around a text, so that windows of it may begin before and end after it
# Odd multipliers that mix the words of a text into its key, from Knuth's multiplicative hashing:
# 2**64 / golden ratio, times successive odd numbers.
MULTIPLIERS = np.arange(1, 2 * WIDEST // WORD, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)

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

    def select(self, rows: Array | slice) -> Cells:
        """The cells of some rows, given by a slice or by a mask (rows,)."""
        return Cells(self.text, self.starts[rows], self.ends[rows], self.lines[rows])

    def column(self, index: int) -> ColumnCells:
        """The cells of one column."""
        return ColumnCells(self.text, self.starts[:, index], self.ends[:, index])

    def columns(self, indices: Sequence[int]) -> ColumnCells:
        """The cells of several columns, one column after another."""
        starts, ends = self.starts[:, indices], self.ends[:, indices]
        return ColumnCells(self.text, starts.ravel("F"), ends.ravel("F"))


@dataclass(slots=True)
class ColumnCells:
    """The cells of one column, (rows,), or of several, one after another.

    Attributes:
        text: the text, between `PADDING`.
        starts: where each cell begins in the text, (rows,).
        ends: where each cell ends, (rows,).
    """

    text: bytes
    starts: Array
    ends: Array

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, rows: Array | slice) -> ColumnCells:
        """The cells of some rows."""
        return ColumnCells(self.text, self.starts[rows], self.ends[rows])

    def texts(self) -> list[str]:
        """The cells as stripped texts.

        Raises:
            UnicodeDecodeError: a cell is not UTF-8.
        """
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [self.text[start:end].decode().strip() for start, end in bounds]

    def words(self) -> list[Array]:
        """The bytes of the cells as 64-bit words, each (rows,), with zeros after a cell's end.

        Cells must have at most `WIDEST` bytes.
        """
        lengths = self.ends - self.starts
        windows = np.ndarray((len(self.text) - WORD + 1,), "V8", self.text, strides=(1,))
        words = []
        for first in range(0, max(int(lengths.max(initial=0)), 1), WORD):
            word = windows[self.starts + first].view("<u8")
            after = WORD * (WORD + first - lengths)  # bits
            shift = np.maximum(after, 0, out=after).view(np.uint64)
            word <<= shift  # the first character is the least significant byte
            word >>= shift
            words.append(word)
        return words

    def distinct(self) -> tuple[Array, Array]:
        """The first row with each distinct cell, and the index of each cell among them, (rows,)."""
        wide = self.ends - self.starts > WIDEST
        if not wide.any():
            words = self.words()
            first, codes = _first_equal(text_keys(words))
            if len(words) == 1 or all(np.array_equal(word[first][codes], word) for word in words):
                return first, codes
        # Some are too long, or two texts have one key.
        known: dict[bytes, int] = {}
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return _first_equal(
            np.array([known.setdefault(self.text[s:e], len(known)) for s, e in bounds])
        )

    def numbers(self, form: NumberFormat) -> tuple[Array, Array]:
        """Converts the cells to numbers, as far as they are plainly written.

        Returns:
            The numbers (rows,) as float64, NaN for other cells, and the indices of those that are
            neither plain numbers nor empty.
        """
        values, valid = decimals(self.text, self.starts, self.ends, form.decimal)
        for number in form.missing_numbers:
            values[values == number] = np.nan
        if valid.all():
            return values, np.zeros(0, dtype=np.int64)
        np.logical_not(valid, out=valid)
        values[valid] = np.nan
        valid &= self.ends > self.starts
        rest = np.flatnonzero(valid)
        if len(rest):
            values[rest], plain = self.at(rest)._long_numbers(form)
            rest = rest[~plain]
        return values, rest

    def _long_numbers(self, form: NumberFormat) -> tuple[Array, Array]:
        """Converts numbers with an exponent or many digits, and says which cells are numbers."""
        lengths = self.ends - self.starts
        plain = lengths <= WIDEST
        values = np.full(len(lengths), np.nan)
        words = self.at(plain).words()
        matrix = np.stack(words, axis=1).view(np.uint8)
        if form.decimal != ".":
            matrix = _as_point(form.decimal)[matrix]
        are_plain = _IS_PLAIN[matrix].all(axis=1)
        plain[plain] = are_plain
        try:
            values[plain] = matrix[are_plain].view(f"S{matrix.shape[1]}")[:, 0].astype(np.float64)
        except ValueError:
            plain[:] = False
        plain &= np.isfinite(values)
        values[~plain] = np.nan
        values[np.isin(values, list(form.missing_numbers))] = np.nan
        return values, plain


def text_keys(words: Sequence[Array]) -> Array:
    """Keys of texts given by their words, each (n,); texts of one key are most likely equal."""
    keys = words[0]
    for word, multiplier in zip(words[1:], MULTIPLIERS, strict=False):
        keys = keys + word * multiplier
    return keys


def _first_equal(values: Array) -> tuple[Array, Array]:
    """The first index of each distinct value, in order, and the place of each value's among them.

    Args:
        values: the values, (n,).
    """
    order = np.argsort(values, kind="stable")
    begins = np.ones(len(values), dtype=bool)
    begins[1:] = values[order[1:]] != values[order[:-1]]
    first = order[begins]
    by_occurrence = np.argsort(first)
    place = np.empty(len(first), dtype=np.int64)
    place[by_occurrence] = np.arange(len(first))
    codes = np.empty(len(values), dtype=np.int64)
    codes[order] = place[np.cumsum(begins) - 1]
    return first[by_occurrence], codes


def _as_point(mark: str) -> Array:
    """A table of bytes that turns a decimal mark into a point, and a point into no number."""
    table = np.arange(256, dtype=np.uint8)
    table[[ord("."), ord(mark)]] = ord("x"), ord(".")
    return table


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
