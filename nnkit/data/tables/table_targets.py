"""The targets of a table, its sample weights, and what there is to say about its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nnkit.data.dataset import Array
from nnkit.data.missing_targets import MissingTargetsInMemory
from nnkit.data.tables.conversion import numbers
from nnkit.data.tables.kinds import ColumnProfile
from nnkit.data.tables.labels import could_be_classes, merged_spellings
from nnkit.data.tables.objections import case_notices, marker_notice
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.errors import DataError

MANY_INTEGER_CLASSES = 10  # more different whole numbers could as well be a quantity


def real_targets(table: ParsedTable, labels: Sequence[int]) -> Array:
    """The numbers to predict, (n, labels).

    Raises:
        DataError: a label is not a number.
    """
    return np.column_stack([numbers(table, label) for label in labels])


def missing_labels(table: ParsedTable, labels: Sequence[int]) -> MissingTargetsInMemory:
    """Finds the rows that lack a label."""
    each = np.stack([table.missing(label) for label in labels])  # (labels, n)
    absent = np.asarray(each.any(axis=0))
    row = int(absent.argmax())
    name = table.names[labels[int(each[:, row].argmax())]]  # of the first missing label
    several = "label" if len(labels) > 1 else ""
    return MissingTargetsInMemory.of(
        absent, str(table.path), table.place(row), "row", f"label '{name}'", several
    )


def weight_column(table: ParsedTable, index: int, absent: Array) -> Array:
    """The sample weights, (n,).

    Args:
        table: the table.
        index: index of the column.
        absent: the rows that are left out, whose weights may be missing, as a mask (n,).

    Raises:
        DataError: one is missing, negative or not a number, or all are 0.
    """
    weights = numbers(table, index)
    name = f"the weight '{table.names[index]}'"
    missing = np.isnan(weights) & ~absent
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(f"{table.place(row)}: {name} is missing; fill it in, or remove the row")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(f"{table.place(row)}: {name} is {weights[row]:g}; it must not be negative")
    if not weights[~absent].any():
        raise DataError(f"{table.path}: {name} is 0 in every row, so there is nothing to learn")
    return weights


def label_notices(
    table: ParsedTable,
    label: int,
    profiles: Mapping[int, ColumnProfile],
    *,
    is_classification: bool,
    is_decided: bool,
) -> list[str]:
    """Messages about what a label is taken for, where this is not obvious.

    Args:
        table: the table.
        label: index of the label column.
        profiles: the contents of all columns, by index.
        is_classification: whether it is taken for classes.
        is_decided: whether a setting says so.
    """
    profile, found = profiles[label], list[str]()
    if is_classification:
        found += [*merged_spellings(table, label), *case_notices(table, profile)]
    notice = marker_notice(profile)
    if not is_classification and notice is not None:
        found.append(notice)
    if is_decided or not (profile.whole and profile.numbers == profile.present):
        return found
    count = f"label '{profile.name}' has {profile.distinct} different whole numbers"
    if is_classification and profile.distinct > MANY_INTEGER_CLASSES:
        found.append(f"{count}: taken as classes; data.source.task: regression predicts a number")
    if not is_classification and could_be_classes(profile):
        found.append(
            f"{count} in {profile.rows} rows: taken as a number; "
            "data.source.task: classification predicts classes"
        )
    return found
