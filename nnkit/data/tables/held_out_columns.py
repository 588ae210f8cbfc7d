"""Columns of a held-out table, compared with those of the training table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_reader import column_names


@dataclass(frozen=True, slots=True)
class HeldOutColumn:
    """A column of a held-out table.

    Attributes:
        path: the file.
        found: whether the file has the column.
        rows: the number of rows.
        missing: the number of missing cells.
        unknown: the words that are not in the training table.
    """

    path: Path
    found: bool
    rows: int = 0
    missing: int = 0
    unknown: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """The column, ready for JSON."""
        return {
            "path": str(self.path),
            "found": self.found,
            "rows": self.rows,
            "missing": self.missing,
            "unknown": list(self.unknown),
        }


def compare_columns(
    table: ParsedTable, path: Path, dialect: Dialect, wordy: Collection[int]
) -> dict[int, HeldOutColumn]:
    """Compares the columns of a training table with those of the same names in another file.

    Args:
        table: the training table.
        path: the other file.
        dialect: how it is divided into cells.
        wordy: indices of the training table's columns of words.

    Returns:
        The other file's column for each column of the training table, by its index.

    Raises:
        DataError: the file is missing, damaged or empty.
    """
    names = column_names(path, dialect)
    places = {i: names.index(name) for i, name in enumerate(table.names) if name in names}
    skip = set(range(len(names))) - set(places.values())
    as_words = {places[i] for i in wordy if i in places}
    other = cached_table(path, dialect, table.form, skip=skip, as_words=as_words)
    found = dict.fromkeys(range(len(table.names)), HeldOutColumn(path, found=False))
    for i, index in places.items():
        known = set(table.columns[i].words)
        words = other.columns[index].words if i in wordy else ()
        unknown = tuple(word for word in words if word not in known)
        missing = int(other.missing(index).sum())
        found[i] = HeldOutColumn(path, True, other.rows, missing, unknown)
    return found
