"""Columns of a parsed table as arrays of numbers: numbers, indices of words, parts of dates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.dates import DateOrder, DatePart, date_numbers
from nnkit.data.tables.number_format import parse_number
from nnkit.data.tables.parsed_table import ParsedTable, some
from nnkit.errors import DataError

Array = NDArray[Any]
UNKNOWN = -1.0  # the index of a word that is not among the categories


def numbers(table: ParsedTable, index: int) -> Array:
    """A column of numbers (n,), NaN where one is missing.

    Raises:
        DataError: a cell is not a finite number; the message gives its line.
    """
    column = table.columns[index]
    if column.odd or column.too_many:
        row, text = _first_odd(table, index)
        where = f"{table.place(row)}: column '{table.names[index]}': '{text}' is not a"
        if parse_number(text) is not None:
            raise DataError(f"{where} finite number; empty the cell if it is missing")
        raise DataError(f"{where} number")
    if column.values is None:  # every cell is missing
        return np.full(table.rows, np.nan)
    return column.values


def _first_odd(table: ParsedTable, index: int) -> tuple[int, str]:
    column = table.columns[index]
    if column.too_many:
        return 0, column.words[0]
    first = min(column.odd, key=lambda odd: odd.row)
    return first.row, first.text


def word_indices(
    table: ParsedTable, index: int, categories: Sequence[str], *, unknown: str = "error"
) -> Array:
    """The index of each cell of a column among the categories (n,), NaN where one is missing.

    Args:
        table: the table, of which the column was read as words.
        index: index of the column.
        categories: the allowed words.
        unknown: `ignore` gives other words the index -1, with a warning.

    Raises:
        DataError: a cell is not among the categories; the message gives its line.
    """
    column = table.columns[index]
    assert column.codes is not None
    known = {word: float(i) for i, word in enumerate(categories)}
    others = [code for code, word in enumerate(column.words) if word not in known]
    if others:
        word, row = column.words[others[0]], table.first(index, others[0])
        where = f"{table.place(row)}: column '{table.names[index]}': '{word}' is not among the "
        message = f"{where}known values {some(categories)}"
        if unknown == "error":
            raise DataError(message)
        count = int(column.counts[others].sum())
        warnings.warn(f"{message}; {_rows(count)} as none of them", stacklevel=2)
    numbers = np.array([*(known.get(word, UNKNOWN) for word in column.words), np.nan])
    return numbers[column.codes]


def _rows(count: int) -> str:
    return f"{count:,} rows are encoded" if count > 1 else "the row is encoded"


def date_parts(
    table: ParsedTable, index: int, order: DateOrder, parts: Sequence[DatePart]
) -> Array:
    """The parts of each date of a column, (n, parts), NaN where one is missing.

    Raises:
        DataError: a cell is not a date in that order; the message gives its line.
    """
    column = table.columns[index]
    assert column.codes is not None
    numbers, wrong = date_numbers(column.words, order, parts)
    if wrong:
        row = table.first(index, column.words.index(wrong[0]))
        raise DataError(
            f"{table.place(row)}: column '{table.names[index]}': '{wrong[0]}' is not a date with "
            f"the {order.replace('_', ' ')}; list it in data.source.missing if it is missing"
        )
    missing = np.full((1, len(parts)), np.nan)
    return np.concatenate([numbers, missing])[column.codes]
