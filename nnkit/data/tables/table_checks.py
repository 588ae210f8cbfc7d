"""Checks of a table's columns, before it is used: what they contain, their names, the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nnkit.data.dataset import Column
from nnkit.data.tables.conversion import numbers
from nnkit.data.tables.dialect import Dialect, delimiter_question
from nnkit.data.tables.kinds import ColumnProfile, has_infinity
from nnkit.data.tables.objections import objection
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.roles import ColumnName
from nnkit.data.tables.table_reader import column_names
from nnkit.errors import DataError, SettingError


def check_names(columns: Sequence[Column]) -> None:
    """Checks that no part of a date has the name of another input.

    Raises:
        SettingError: two inputs have one name.
    """
    names = Counter(column.name for column in columns)
    if twice := [name for name, count in names.items() if count > 1]:
        raise SettingError(
            ("data", "source", "dates"),
            f"two inputs would be named '{twice[0]}'; rename one",
        )


def check_inputs(table: ParsedTable, profiles: Sequence[ColumnProfile]) -> None:
    """Checks that it is clear what each input column is that no setting decides.

    Raises:
        DataError: a number is not finite.
        SettingError: the message names all columns that are not clear.
    """
    for profile in profiles:
        if has_infinity(profile):
            numbers(table, table.index(profile.name))
    objections = (objection(table, profile) for profile in profiles)
    if found := [text for text in objections if text is not None]:
        raise SettingError(("data", "source"), "\n".join(found), exit_code=3)


def check_has_labels(path: Path, dialect: Dialect, labels: Sequence[ColumnName]) -> None:
    """Checks that another table has the columns of labels.

    Raises:
        DataError: one is missing, as in tables for which only the author knows the labels.
    """
    names = column_names(path, dialect)
    for label in labels:
        try:
            column_index(path, names, label, delimiter_question(dialect))
        except DataError as error:
            if len(names) == 1:  # the message asks for the delimiter
                raise
            raise DataError(
                f"{error}; without labels, rows can be predicted, but not evaluated"
            ) from None
