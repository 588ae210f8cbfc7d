"""Columns of a parsed table as arrays of numbers: numbers, indices of words, parts of dates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.dates import DateOrder, DatePart, date_numbers
from nnkit.data.tables.number_format import NumberFormat, parse_number
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.errors import DataError
from nnkit.text import some_names

Array = NDArray[Any]
Errors = dict[int, str]  # a message with file and line for each unusable row, by its index
UnknownWords = Literal["error", "ignore"]  # what becomes of a word that is not among the categories
UNKNOWN = -1.0  # the index of a word that is not among the categories


def numbers(table: ParsedTable, index: int, errors: Errors | None = None) -> Array:
    """A column of numbers (n,), NaN where one is missing.

    Args:
        table: the table.
        index: index of the column.
        errors: if given, receives a message for each row with a wrong cell, which then is NaN,
            instead of an exception; a column with wrong cells must have been read as words.

    Raises:
        DataError: a cell is not a finite number; the message gives its line.
    """
    column, form = table.columns[index], table.form_of(index)
    if not (column.odd or column.too_many):
        # Without values, every cell is missing.
        missing = column.values is None
        return np.full(table.rows, np.nan) if missing else np.asarray(column.values)
    if errors is None:
        row, text = _first_odd(table, index)
        raise DataError(f"{_cell(table, index, row, text)} {_no_number(text, form)}")
    assert column.codes is not None
    parsed = np.array([*(_finite(form.parse(word)) for word in column.words), np.nan])
    wrong = {
        i: _no_number(word, form) for i, word in enumerate(column.words) if np.isnan(parsed[i])
    }
    _add_errors(table, index, wrong, errors)
    return parsed[np.asarray(column.codes)]


def _finite(number: float | None) -> float:
    return number if number is not None and isfinite(number) else np.nan


def _no_number(text: str, form: NumberFormat) -> str:
    """Says why a cell is not a finite number."""
    if form.parse(text) is not None:
        return "is not a finite number; empty the cell if it is missing"
    if parse_number(text) is not None:
        return f"is not a number with the decimal mark '{form.decimal}'"
    return "is not a number"


def _cell(table: ParsedTable, index: int, row: int, text: str) -> str:
    return f"{table.place(row)}: column '{table.names[index]}': '{text}'"


def _add_errors(
    table: ParsedTable, index: int, wrong: Mapping[int, str], errors: Errors | None
) -> None:
    """Adds a message for each row with a wrong cell that has none yet.

    Args:
        table: the table.
        index: index of a column that was read as words.
        wrong: what is wrong with each wrong word, by its code.
        errors: receives the messages; None to raise the first instead.

    Raises:
        DataError: a word is wrong, and `errors` is None.
    """
    column = table.columns[index]
    for code, what in wrong.items():
        assert column.codes is not None
        for row in np.flatnonzero(np.asarray(column.codes) == code).tolist():
            message = f"{_cell(table, index, row, column.words[code])} {what}"
            if errors is None:
                raise DataError(message)
            errors.setdefault(row, message)


def _first_odd(table: ParsedTable, index: int) -> tuple[int, str]:
    column = table.columns[index]
    if column.too_many:
        return 0, column.words[0]
    first = min(column.odd, key=lambda odd: odd.row)
    return first.row, first.text


def word_indices(
    table: ParsedTable,
    index: int,
    categories: Sequence[str],
    *,
    unknown: UnknownWords = "error",
    errors: Errors | None = None,
) -> Array:
    """The index of each cell of a column among the categories (n,), NaN where one is missing.

    Args:
        table: the table, of which the column was read as words.
        index: index of the column.
        categories: the allowed words.
        unknown: `ignore` gives other words the index -1, with a warning.
        errors: as for `numbers`; the cells are read as missing.

    Raises:
        DataError: a cell is not among the categories; the message gives its line.
    """
    column = table.columns[index]
    assert column.codes is not None
    known = {word: float(i) for i, word in enumerate(categories)}
    others = [code for code, word in enumerate(column.words) if word not in known]
    what = f"is not among the known values {some_names(categories)}"
    if unknown == "error":
        _add_errors(table, index, dict.fromkeys(others, what), errors)
    elif others:
        count = int(column.counts[others].sum())
        first = _cell(table, index, table.first(index, others[0]), column.words[others[0]])
        warnings.warn(f"{first} {what}; {encoded_as_none(count)}", stacklevel=2)
    other = UNKNOWN if unknown == "ignore" else np.nan
    numbers = np.array([*(known.get(word, other) for word in column.words), np.nan])
    return numbers[np.asarray(column.codes)]


def encoded_as_none(count: int) -> str:
    """Says what becomes of rows with words that are not among the categories."""
    rows = f"{count:,} rows are encoded" if count > 1 else "the row is encoded"
    return f"{rows} as none of them"


def date_parts(
    table: ParsedTable,
    index: int,
    order: DateOrder,
    parts: Sequence[DatePart],
    errors: Errors | None = None,
) -> Array:
    """The parts of each date of a column, (n, parts), NaN where one is missing.

    Args:
        table: the table, of which the column was read as words.
        index: index of the column.
        order: the order of day, month and year.
        parts: the parts.
        errors: as for `numbers`.

    Raises:
        DataError: a cell is not a date in that order; the message gives its line.
    """
    column = table.columns[index]
    assert column.codes is not None
    numbers, wrong = date_numbers(column.words, order, parts)
    kind = "time of day" if order == "time_of_day" else f"date with the {order.replace('_', ' ')}"
    remedy = "" if errors is not None else ", or list it in data.source.also_missing"
    what = f"is not a {kind}; empty the cell if it is missing{remedy}"
    _add_errors(table, index, dict.fromkeys(wrong, what), errors)
    missing = np.full((1, len(parts)), np.nan)
    return np.concatenate([numbers, missing])[np.asarray(column.codes)]
