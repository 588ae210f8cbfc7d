"""The cells of tables in memory as raw inputs: numbers, words and dates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isnan
from typing import Any

import numpy as np

from nnkit.data.dataset import Array, Column
from nnkit.data.frames import Table
from nnkit.data.tables.conversion import UNKNOWN, UnknownWords, encoded_as_none
from nnkit.data.tables.dates import DateColumn, date_numbers, part_of
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.quoting import in_yaml
from nnkit.errors import DataError
from nnkit.text import some_names

MISSING_TYPES = {"NAType", "NaTType"}  # of pandas
NOTHING_FURTHER = NumberFormat(missing=())


@dataclass(frozen=True, slots=True)
class Notation:
    """The notation of dates and missing values in a table in memory.

    Attributes:
        dates: the columns of dates, with the numbers they become.
        form: texts and numbers that mean a missing value, besides None, NaN and the like.
    """

    dates: Mapping[str, DateColumn] = field(default_factory=dict)
    form: NumberFormat = NOTHING_FURTHER

    def of_column(self, name: str) -> Notation:
        """The notation of a column."""
        return replace(self, form=self.form.of_column(name))

    def is_missing_text(self, cell: Any) -> bool:
        """Whether a cell is None, NaN, a missing value of pandas, or a text that means one."""
        return is_missing(cell) or (isinstance(cell, str) and cell in self.form.missing_words)

    def is_missing(self, cell: Any) -> bool:
        """Whether a cell holds no value: also a number that means a missing one, such as -999."""
        if isinstance(cell, int | float | np.number) and cell in self.form.missing_numbers:
            return True
        return self.is_missing_text(cell)


USUAL = Notation()  # no columns of dates, no further missing values


def encoded(
    table: Table,
    columns: Sequence[Column],
    notation: Notation = USUAL,
    *,
    unknown: UnknownWords = "error",
) -> Array:
    """Encodes the cells of a table as raw inputs (n, columns), matched by name.

    Args:
        table: the cells of each column by name; further columns are ignored.
        columns: the columns to encode; for the parts of a date, the table has a column of dates,
            or the parts themselves.
        notation: how dates and missing values are written.
        unknown: `ignore` gives words that are not among a column's categories the index -1, with a
            warning, instead of an error.

    Raises:
        DataError: a column is missing, or a cell is neither missing nor of the column's kind.
    """
    parts: dict[str, Array] = {}  # of the dates in a column, (n, parts)
    values = []
    for column in columns:
        name, part = part_of(column.name, notation.dates)
        if column.name in table:
            values.append(_encoded(table[column.name], column, notation, unknown=unknown))
        elif part is not None and name in table:
            dates = notation.dates[name]
            if name not in parts:
                parts[name] = _date_parts(name, table[name], dates, notation)
            values.append(parts[name][:, dates.parts.index(part)])
        else:
            raise DataError(f"no column '{name}'; the columns are {some_names(tuple(table))}")
    return np.column_stack(values)


def _date_parts(name: str, cells: Array, dates: DateColumn, notation: Notation) -> Array:
    """The parts of the dates in a column, (n, parts), NaN where one is missing.

    Raises:
        DataError: a cell is neither a date nor missing.
    """
    found: Any = cells
    if cells.dtype.kind != "M":
        is_missing_text = notation.of_column(name).is_missing_text
        found = [None if is_missing_text(cell) else cell for cell in cells.tolist()]
    numbers, wrong = date_numbers(found, dates.order, dates.parts)
    if wrong:
        order = dates.order.replace("_", " ")
        cell = _quoted(found[wrong[0]])
        raise DataError(
            f"row {wrong[0] + 1}: column '{name}': {cell} is not a date with the {order}"
        )
    return numbers


def encoded_rows(
    X: Any,
    columns: Sequence[Column],
    notation: Notation = USUAL,
    *,
    unknown: UnknownWords = "error",
) -> Array:
    """Encodes rows of cells in the order of the columns as raw inputs (n, columns).

    Args:
        X: rows (n, columns), or a single row; a word may be given as such, or by its number. With
            columns of dates, rows are those of a table, or have the parts of the dates instead.
        columns: the columns.
        notation: how dates and missing values are written.
        unknown: as for `encoded`.

    Raises:
        DataError: the shape differs, or a cell is neither missing nor of its column's kind.
    """
    cells = np.asarray(X, dtype=object)
    names = tuple(dict.fromkeys(part_of(column.name, notation.dates)[0] for column in columns))
    if cells.ndim == 1 and len(cells) in (len(columns), len(names)):
        cells = cells[None]
    if cells.ndim == 2 and cells.shape[1] == len(names) < len(columns):
        table = dict(zip(names, cells.T, strict=True))
        return encoded(table, columns, notation, unknown=unknown)
    if cells.ndim != 2 or cells.shape[1] != len(columns):
        raise DataError(
            f"inputs of shape {cells.shape}; this model expects (n, {len(names)}): "
            f"{some_names(names)}"
        )
    return np.column_stack(
        [
            _encoded(cells[:, i], column, notation, numbered=True, unknown=unknown)
            for i, column in enumerate(columns)
        ]
    )


def wrong_words(
    X: Array, columns: Sequence[Column], *, unknown: UnknownWords = "error"
) -> dict[int, str]:
    """The rows in which a column of words has a number of no word, such as 99, 1.5 or −1.

    Args:
        X: raw inputs, (n, columns); NaN is a missing value.
        columns: the columns.
        unknown: `ignore` allows -1, the index of words that are not among the categories.

    Returns:
        For each such row a message about its last wrong column, by the index of the row.
    """
    found: dict[int, str] = {}
    for i, column in enumerate(columns):
        if column.categories:
            numbers = X[:, i]
            known = np.isin(numbers, np.arange(len(column.categories))) | np.isnan(numbers)
            if unknown == "ignore":
                known |= numbers == UNKNOWN
            for row in np.flatnonzero(~known).tolist():
                found[row] = _no_word(column, f"{numbers[row]:g}")
    return found


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, or a missing value of pandas."""
    if cell is None or type(cell).__name__ in MISSING_TYPES:
        return True
    if isinstance(cell, np.datetime64):
        return bool(np.isnat(cell))
    return isinstance(cell, float | np.floating) and isnan(cell)


def columns_of(table: Table, notation: Notation = USUAL) -> tuple[Column, ...]:
    """The inputs that the columns of a table give.

    A column gives the parts of its dates if the notation lists it, words if any of its cells is
    text, and numbers otherwise.

    Raises:
        DataError: a column of dates is not listed, or a listed one does not exist.
    """
    for name in notation.dates:
        if name not in table:
            raise DataError(
                f"data.source.dates: no column '{name}'; the columns are {some_names(tuple(table))}"
            )
    columns: list[Column] = []
    for name, cells in table.items():
        if name in notation.dates:
            columns += [Column(f"{name}.{part}") for part in notation.dates[name].parts]
        else:
            columns.append(_column_of(name, cells, notation))
    return tuple(columns)


def _column_of(name: str, cells: Array, notation: Notation) -> Column:
    if cells.dtype.kind in "buif":
        return Column(name)
    is_absent = notation.of_column(name).is_missing
    present = [cell for cell in cells.tolist() if not is_absent(cell)]
    if any(isinstance(cell, str) for cell in present):
        return Column(name, tuple(sorted({str(cell) for cell in present})))
    if cells.dtype.kind == "M" or any(isinstance(cell, date) for cell in present):
        raise DataError(
            f"column '{name}' holds dates; to use them, set data.source.dates: "
            f"{{{in_yaml(name)}: [elapsed_days, month]}}, or leave the column out"
        )
    return Column(name)


def _encoded(
    cells: Array,
    column: Column,
    notation: Notation,
    *,
    numbered: bool = False,
    unknown: UnknownWords = "error",
) -> Array:
    """The values (n,) of a column; `numbered` if a word may be given by its number."""
    if cells.dtype.kind == "M" and len(cells):  # as Python objects they could be mere integers
        raise DataError(f"row 1: {_no_number(column, cells[0])}")
    own = notation.of_column(column.name)
    if cells.dtype.kind in "buif" and not column.categories:
        values = cells.astype(np.float64)
        values[np.isin(values, list(own.form.missing_numbers))] = np.nan
        return values
    # The number of a word, such as 9, is no code for a missing value.
    is_absent = own.is_missing_text if numbered and column.categories else own.is_missing
    numbers = {word: float(i) for i, word in enumerate(column.categories)}
    values = np.full(len(cells), np.nan)
    others: list[str] = []
    for i, cell in enumerate(cells.tolist()):
        if is_absent(cell):
            continue
        value = _word(cell, numbers, numbered) if column.categories else _number(cell)
        if value is None:
            what = _no_word(column, _text(cell)) if column.categories else _no_number(column, cell)
            if not column.categories or unknown == "error":
                raise DataError(f"row {i + 1}: {what}")
            others.append(f"row {i + 1}: {what}")
            value = UNKNOWN
        values[i] = value
    if others:
        warnings.warn(f"{others[0]}; {encoded_as_none(len(others))}", stacklevel=2)
    return values


def _word(cell: Any, numbers: Mapping[str, float], numbered: bool) -> float | None:
    if _text(cell) in numbers:
        return numbers[_text(cell)]
    if numbered and isinstance(cell, int | float) and cell in numbers.values():
        return float(cell)
    return None


def _text(cell: Any) -> str:
    """The word in a cell; libraries store whole numbers with gaps as floats."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _no_word(column: Column, cell: str) -> str:
    known = some_names(column.categories)
    return f"column '{column.name}': '{cell}' is not among the known values {known}"


def _no_number(column: Column, cell: Any) -> str:
    return f"column '{column.name}': {_quoted(cell)} is not a number"


def _quoted(cell: Any) -> str:
    return repr(cell) if isinstance(cell, str) else f"'{cell}'"
