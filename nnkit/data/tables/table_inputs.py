"""The inputs of a table: the columns that it gives, and their values in this or another table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnkit.data.dataset import Array, Column
from nnkit.data.tables.conversion import Errors, UnknownWords, date_parts, numbers, word_indices
from nnkit.data.tables.dates import DateColumn, part_of
from nnkit.data.tables.dialect import Dialect, delimiter_question
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.roles import ColumnName
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_reader import column_names, read_table

GROUP = 8  # columns that are copied together: in a row, their numbers fill a cache line
BLOCK = 2048  # rows that are copied at a time, so that they stay in the cache


def input_columns(
    table: ParsedTable,
    indices: Sequence[int],
    words: Sequence[str],
    dates: Mapping[str, DateColumn],
) -> Iterator[Column]:
    """Yields the inputs that some columns of a table give.

    Args:
        table: the table.
        indices: indices of the columns.
        words: the columns of words, even if they look like numbers.
        dates: the columns of dates, each of which gives an input for each part.
    """
    for i in indices:
        name, column = table.names[i], table.columns[i]
        if name in dates:
            yield from (Column(f"{name}.{part}") for part in dates[name].parts)
        elif name in words or column.odd:
            yield Column(name, tuple(sorted(column.words)))
        else:
            yield Column(name)


@dataclass(frozen=True, slots=True)
class InputReader:
    """Reads the inputs of a model from tables, whose columns are matched by name.

    Attributes:
        columns: the inputs.
        dates: the columns of dates from which some of them come.
        unknown: `ignore` gives words that are not among a column's categories the index -1, with a
            warning, instead of an error.
    """

    columns: Sequence[Column]
    dates: Mapping[str, DateColumn]
    unknown: UnknownWords = "error"

    def places(self, path: Path, dialect: Dialect) -> list[int]:
        """The index in a table of the column that gives each input.

        Raises:
            DataError: the file cannot be read, or lacks a column.
        """
        names, question = column_names(path, dialect), delimiter_question(dialect)
        wanted = [part_of(column.name, self.dates)[0] for column in self.columns]
        return [
            column_index(path, names, name if dialect.header else int(name), question)
            for name in wanted
        ]

    def read(
        self,
        path: Path,
        dialect: Dialect,
        form: NumberFormat,
        *,
        also: Sequence[ColumnName] = (),
        as_words: Sequence[ColumnName] = (),
        ragged: dict[int, str] | None = None,
    ) -> ParsedTable:
        """Reads the columns of a table that give the inputs, and further ones.

        Args:
            path: the file.
            dialect: how it is divided into cells.
            form: how numbers are written.
            also: further columns.
            as_words: those of which the words are needed.
            ragged: as for `read_table`; with it, columns with wrong cells are read as words.

        Raises:
            DataError: the file cannot be read, or lacks a column.
        """
        names, question = column_names(path, dialect), delimiter_question(dialect)
        wordy = {column_index(path, names, name, question) for name in as_words}
        needed = {column_index(path, names, name, question) for name in also}
        for column, index in zip(self.columns, self.places(path, dialect), strict=True):
            needed.add(index)
            if column.categories or part_of(column.name, self.dates)[1]:
                wordy.add(index)
        skip = set(range(len(names))) - needed
        table = cached_table(path, dialect, form, skip=skip, as_words=wordy, ragged=ragged)
        wrong = {i for i, c in table.columns.items() if c.too_many or (c.odd and c.codes is None)}
        if ragged is None or not wrong:
            return table
        others = set(range(len(names))) - wrong
        again = read_table(path, dialect, form, skip=others, as_words=wrong, ragged=ragged)
        return replace(table, columns={**table.columns, **again.columns})

    def values(self, table: ParsedTable, errors: Errors | None = None) -> Array:
        """The inputs of each row, (n, columns), NaN where a value is missing.

        Args:
            table: a table with the columns that give the inputs.
            errors: if given, receives a message for each row with a wrong cell, instead of an
                exception.

        Raises:
            DataError: a column is missing, or a cell is wrong; the message gives its line.
        """
        inputs = np.empty((table.rows, len(self.columns)))
        known: dict[str, Array] = {}  # the parts of the dates in a column
        for first in range(0, len(self.columns), GROUP):
            group = slice(first, first + GROUP)
            # No name keeps the columns of a group while those of the next are read.
            _copy_columns(
                [self._input(table, column, errors, known) for column in self.columns[group]],
                inputs[:, group],
            )
        return inputs

    def missing_values(self, table: ParsedTable) -> Array:
        """Inputs of the right shape, (n, columns), all of them NaN, that take no memory."""
        return np.broadcast_to(np.nan, (table.rows, len(self.columns)))

    def _input(
        self, table: ParsedTable, column: Column, errors: Errors | None, known: dict[str, Array]
    ) -> Array:
        """An input of each row, (n,)."""
        name, part = part_of(column.name, self.dates)
        index = table.index(name if table.has_header else int(name))
        if part is not None:
            date = self.dates[name]
            if name not in known:
                known[name] = date_parts(table, index, date.order, date.parts, errors)
            return known[name][:, date.parts.index(part)]
        if column.categories:
            return word_indices(
                table, index, column.categories, unknown=self.unknown, errors=errors
            )
        return numbers(table, index, errors)


def _copy_columns(columns: Sequence[Array], out: Array) -> None:
    """Copies columns, (n,) each, into an array of rows, (n, columns)."""
    for start in range(0, len(out), BLOCK):
        rows = slice(start, start + BLOCK)
        for i, column in enumerate(columns):
            out[rows, i] = column[rows]
