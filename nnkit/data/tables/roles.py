"""The roles of a table's columns: labels, sample weights, columns to leave out, and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnkit.data.tables.column_report import Role
from nnkit.data.tables.parsed_table import column_index
from nnkit.errors import DataError, SettingError

ColumnName = str | int  # a column by its name, or by its index from 0


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a table that are not inputs, by index.

    Attributes:
        labels: the columns to predict, in the order in which they are given.
        weights: the column of sample weights; None if there is none.
        ignored: the columns to leave out.
    """

    labels: tuple[int, ...]
    weights: int | None
    ignored: frozenset[int]

    def of(self, index: int) -> Role:
        """The role of a column."""
        if index in self.labels:
            return "label"
        if index == self.weights:
            return "weights"
        return "ignored" if index in self.ignored else "input"


def assign_roles(
    path: Path,
    names: Sequence[str],
    label: ColumnName | tuple[ColumnName, ...],
    weights: ColumnName | None,
    ignore: Sequence[str],
) -> Roles:
    """Assigns the roles that the settings of a source give to columns.

    Args:
        path: the file, for messages.
        names: the names of all columns.
        label: the setting `label`: a column or several.
        weights: the setting `weights`.
        ignore: the setting `ignore`.

    Raises:
        SettingError: a column does not exist, or has two roles.
    """
    several = isinstance(label, tuple)
    labels = label if isinstance(label, tuple) else (label,)
    named: list[tuple[ColumnName, tuple[str | int, ...]]] = [
        *((name, ("label", i) if several else ("label",)) for i, name in enumerate(labels)),
        *([] if weights is None else [(weights, ("weights",))]),
        *((name, ("ignore", i)) for i, name in enumerate(ignore)),
    ]
    roles: dict[int, str] = {}
    for name, setting in named:
        column, role = setting_index(path, names, name, *setting), str(setting[0])
        taken = roles.get(column)
        if taken is not None and (taken, role) != ("ignore", "ignore"):
            raise SettingError(
                ("data", "source", *setting),
                f"'{names[column]}' is already used as data.source.{taken}",
            )
        roles[column] = role
    return Roles(
        tuple(i for i, role in roles.items() if role == "label"),
        next((i for i, role in roles.items() if role == "weights"), None),
        frozenset(i for i, role in roles.items() if role == "ignore"),
    )


def setting_index(path: Path, names: Sequence[str], column: ColumnName, *setting: str | int) -> int:
    """The index of the column that a setting of a source names.

    Args:
        path: the file, for messages.
        names: the names of all columns.
        column: the column.
        setting: the path of the setting below `data.source`.

    Raises:
        SettingError: there is no such column.
    """
    try:
        return column_index(path, names, column, "is data.source.delimiter right?")
    except DataError as error:
        raise SettingError(("data", "source", *setting), str(error)) from None
