"""Divides text into rows of cells by its delimiters, line ends and quotes, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import PADDING, Cells

Array = NDArray[Any]
NEWLINE, RETURN, SPACE = b"\n\r "
BLANKS = b" \t\x0b\x0c\r"

_IS_BLANK = np.zeros(256, dtype=bool)
_IS_BLANK[list(BLANKS)] = True


def split_cells(
    text: bytes, end: int, columns: int, delimiter: str, quote: str, line: int
) -> tuple[Cells, int] | None:
    """Divides the whole rows at the beginning of a text into cells.

    Args:
        text: the text, between `PADDING`, from the beginning of a row.
        end: where the last line ends in it.
        columns: the number of columns.
        delimiter: the character between cells, not a space.
        quote: the character around cells.
        line: the number of lines above.

    Returns:
        The cells, and where the last whole row ends; None if a row has another number of cells, or
        if a quote or a carriage return is where it does not belong, so that a parser is needed.
    """
    data = np.frombuffer(text, np.uint8)[:end]
    has_quotes = quote.encode() in text
    is_mark = data == ord(delimiter)
    is_mark |= data == NEWLINE
    if has_quotes:
        is_mark |= data == ord(quote)
    marks = np.flatnonzero(is_mark)
    quotes = None
    if has_quotes:
        marks, quotes = _outside_quotes(marks, data[marks] == ord(quote))
        rows = np.flatnonzero(data[marks] == NEWLINE)
        whole = int(rows[-1]) + 1 if len(rows) else 0
        marks, quotes = marks[:whole], quotes[:whole]
    if not len(marks) or len(marks) % columns:
        return None
    ends = marks.reshape(-1, columns)
    is_end = data[ends] == NEWLINE
    if is_end[:, :-1].any() or not is_end[:, -1].all():
        return None
    end = int(marks[-1]) + 1
    starts = np.empty_like(ends)
    starts.ravel()[0] = len(PADDING)
    starts.ravel()[1:] = marks[:-1] + 1
    lines = _lines(data[:end], ends[:, -1], line) if has_quotes else line + 1 + np.arange(len(ends))
    if text.find(b"\r", 0, end) >= 0 and not _remove_returns(data[:end], starts, ends):
        return None
    if columns == 1 and (starts == ends).any():  # blank lines
        return None
    if any(text.find(blank, 0, end) >= 0 for blank in (b" ", b"\t", b"\x0b", b"\x0c")):
        _strip(data, starts, ends)
    if quotes is not None:
        unquoted = _unquote(text, starts, ends, quotes.reshape(-1, columns), quote.encode())
        if unquoted is None:
            return None
        text = unquoted
    return Cells(text, starts, ends, lines), end


def _outside_quotes(marks: Array, are_quotes: Array) -> tuple[Array, Array]:
    """The marks that are not between quotes, and the number of quotes in the cell before each.

    Args:
        marks: the positions of delimiters, line ends and quotes, in order.
        are_quotes: which of them are quotes.
    """
    count = np.cumsum(are_quotes)
    outside = np.flatnonzero(~are_quotes & (count & 1 == 0))
    return marks[outside], np.diff(count[outside], prepend=0)


def _lines(data: Array, ends: Array, line: int) -> Array:
    """The number of the line at whose end each row ends, (rows,)."""
    newlines = np.flatnonzero(data == NEWLINE)
    if len(newlines) == len(ends):
        return line + 1 + np.arange(len(ends))
    found: Array = line + 1 + np.searchsorted(newlines, ends)
    return found


def _remove_returns(data: Array, starts: Array, ends: Array) -> bool:
    """Leaves carriage returns out of the last cells, in place, unless there are others."""
    last = ends[:, -1]
    last -= (last > starts[:, -1]) & (data[last - 1] == RETURN)
    return int((data == RETURN).sum()) == int((data[last] == RETURN).sum())


def _strip(data: Array, starts: Array, ends: Array) -> None:
    """Moves the bounds of cells inwards past blanks, in place."""
    rows, columns = np.nonzero((data[starts] <= SPACE) | (data[ends - 1] <= SPACE))
    if not len(rows):
        return
    first, last = starts[rows, columns], ends[rows, columns]
    while (blank := _IS_BLANK[data[first]] & (first < last)).any():
        first += blank
    while (blank := _IS_BLANK[data[last - 1]] & (first < last)).any():
        last -= blank
    starts[rows, columns], ends[rows, columns] = first, last


def _unquote(text: bytes, starts: Array, ends: Array, quotes: Array, quote: bytes) -> bytes | None:
    """Moves the bounds of quoted cells past their quotes, in place.

    Args:
        text: the text.
        starts: where each cell begins, (rows, columns).
        ends: where each cell ends, (rows, columns).
        quotes: the number of quotes in each cell, (rows, columns).
        quote: the quote.

    Returns:
        The text, with cells that contain doubled quotes behind it; None if there is a quote that is
        neither around a cell nor doubled.
    """
    rows, columns = np.nonzero(quotes)
    first, last = starts[rows, columns], ends[rows, columns]
    data = np.frombuffer(text, np.uint8)
    is_quoted = (data[first] == quote[0]) & (data[last - 1] == quote[0]) & (last - first >= 2)
    if not is_quoted.all():
        return None
    first += 1
    last -= 1
    added, length = [], len(text)
    for i in np.flatnonzero(quotes[rows, columns] > 2).tolist():
        parts = text[first[i] : last[i]].split(quote * 2)
        if any(quote in part for part in parts):
            return None
        cell = quote.join(parts)
        added.append(cell)
        first[i], last[i] = length, length + len(cell)
        length += len(cell)
    starts[rows, columns], ends[rows, columns] = first, last
    return b"".join((text, *added, PADDING)) if added else text
