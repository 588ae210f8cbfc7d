"""Chooses the labels of a table, and whether they are classes or numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nnkit.data.tables.kinds import FEW_NUMBERS, ColumnProfile, Kind, profile_column
from nnkit.data.tables.labels import looks_like_classes
from nnkit.data.tables.objections import exceptions, too_many_words
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.quoting import column_called
from nnkit.errors import DataError, UsageError
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.table_format import mark_exceptions
from nnkit.task.starters.table_options import TableTask
from nnkit.task.starters.text_task import are_texts


def find_labels(table: ParsedTable, wanted: Sequence[str]) -> list[int]:
    """The indices of the columns to predict.

    Args:
        table: the table.
        wanted: their names or indices; none for the last column.

    Raises:
        UsageError: there is no such column.
    """
    return [_label(table, name) for name in wanted] or [_last_column(table)]


def _label(table: ParsedTable, wanted: str) -> int:
    name: str | int = wanted
    if wanted not in table.names and re.fullmatch(r"-?\d+", wanted):
        name = int(wanted)
    try:
        return table.index(name)
    except DataError as error:
        raise UsageError(f"--label {wanted}: {error}") from None


def _last_column(table: ParsedTable) -> int:
    """The last column, apart from those that a delimiter at the end of each line adds."""
    last = len(table.names) - 1
    while last and not table.header[last] and profile_column(table, last).kind is Kind.EMPTY:
        last -= 1
    return last


def choose_labels(
    table: ParsedTable,
    labels: Sequence[int],
    profiles: Mapping[int, ColumnProfile],
    wanted: TableTask | None,
    chosen: TableSettings,
) -> None:
    """Sets the labels and the task, and leaves out the rows in which a label is missing.

    Args:
        table: the table.
        labels: the indices of the columns to predict.
        profiles: the contents of all columns, by index.
        wanted: the task; None for what suits them.
        chosen: the settings of the source.

    Raises:
        UsageError: a column cannot be predicted.
    """
    if len(labels) == 1:
        _choose_label(table, profiles[labels[0]], wanted, chosen)
    else:
        _choose_several(table, [profiles[i] for i in labels], wanted, chosen)
    _drop_unlabelled(table, {i: profiles[i] for i in labels}, chosen)


def _choose_label(
    table: ParsedTable,
    profile: ColumnProfile,
    wanted: TableTask | None,
    chosen: TableSettings,
) -> None:
    """Sets the label and the task, with the exceptions among the labels as missing values."""
    name = profile.name
    if reason := _unpredictable(profile):
        others = ", ".join(other for other in table.names if other != name)
        hint = ""
        if len(table.names) == 2 and profile.examples and are_texts(profile.examples):
            hint = "; --task translation learns to write it"
        raise UsageError(
            f"{table.path}: {column_called(name)} holds {reason}; choose another one with --label: "
            f"{others}{hint}"
        )
    chosen.settings["label"] = name if table.has_header else int(name)
    if profile.kind is Kind.MIXED:
        _mark_exceptions_of_label(table, profile, chosen)
        task = wanted or "regression"
    else:
        task = wanted or ("classification" if looks_like_classes(profile) else "regression")
    if task == "regression" and profile.kind is Kind.WORDS:
        raise UsageError(
            f"--task regression: {table.path}: column '{name}' holds words, such as "
            f"'{profile.examples[0]}'"
        )
    chosen.settings["task"] = task


def _unpredictable(profile: ColumnProfile) -> str | None:
    """Says why a column cannot be predicted; None if it can."""
    what = {
        Kind.DATES: "dates",
        Kind.EMPTY: "no values",
        Kind.CONSTANT: "the same value in every row",
    }
    if profile.kind in what:
        return f"{what[profile.kind]}, which cannot be predicted"
    too_many = profile.distinct > max(FEW_NUMBERS, profile.present / 2)
    if profile.kind is not Kind.UNIQUE and not (profile.kind is Kind.WORDS and too_many):
        return None
    return f"{too_many_words(profile)}, too few rows of each to be predicted"


def _choose_several(
    table: ParsedTable,
    profiles: Sequence[ColumnProfile],
    wanted: TableTask | None,
    chosen: TableSettings,
) -> None:
    """Sets several labels, which must be numbers."""
    if wanted == "classification":
        raise UsageError(
            "--task classification: classes must be in one column; give one --label, or write yes "
            "and no as 1 and 0 and leave out --task"
        )
    names = [profile.name for profile in profiles]
    if len(set(names)) < len(names):
        raise UsageError(f"--label: '{max(names, key=names.count)}' is given twice")
    for profile in profiles:
        if profile.kind is Kind.MIXED:
            _mark_exceptions_of_label(table, profile, chosen)
        elif profile.kind is not Kind.NUMBERS:
            held = "the same value in every row" if profile.kind is Kind.CONSTANT else "no numbers"
            example = f", such as '{profile.examples[0]}'" if profile.examples else ""
            raise UsageError(
                f"{table.path}: column '{profile.name}' holds {held}{example}; several labels must "
                "be numbers, 1 and 0 for yes and no"
            )
    chosen.settings["label"] = [name if table.has_header else int(name) for name in names]


def _mark_exceptions_of_label(
    table: ParsedTable, profile: ColumnProfile, chosen: TableSettings
) -> None:
    """Lists the texts between numbers as missing values.

    Raises:
        UsageError: they are too many.
    """
    mark_exceptions(table, profile, chosen)
    if profile.name in chosen.settings.get("ignore", ()):
        raise UsageError(
            f"{table.path}: column '{profile.name}': {exceptions(table, profile)}; it cannot be "
            "predicted before these cells are corrected"
        )


def _drop_unlabelled(
    table: ParsedTable, labels: Mapping[int, ColumnProfile], chosen: TableSettings
) -> None:
    """Leaves out the rows in which a label is missing, or an exception that counts as missing."""
    common, own = (chosen.settings.get(name, {}) for name in ("also_missing", "missing_in"))
    reasons = []
    for index, profile in labels.items():
        words = {*common, *own.get(profile.name, ())}
        odd = [odd for odd in profile.odd if odd.text in words]
        count = profile.missing + sum(odd.count for odd in odd)
        if count:
            rows = [odd.row for odd in odd]
            if (row := table.first_missing(index)) is not None:
                rows.append(row)
            reasons.append(
                f"{count:,} of {profile.rows:,} rows have no label '{profile.name}', the first in "
                f"line {table.lines.of(min(rows))}"
            )
    if reasons:
        chosen.settings["missing_target"] = "drop"
        chosen.reasons["missing_target",] = "; ".join(reasons)
