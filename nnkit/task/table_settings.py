"""Chooses the settings of a table's source, and says why, so that a config decides everything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nnkit.data.tables.dates import DateOrder, default_parts
from nnkit.data.tables.kinds import (
    FEW_CATEGORIES,
    FEW_NUMBERS,
    ColumnProfile,
    Kind,
    profile_column,
    unit_of_all,
)
from nnkit.data.tables.labels import looks_like_classes
from nnkit.data.tables.objections import exceptions, too_many_words
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.quoting import column_called
from nnkit.errors import DataError, UsageError
from nnkit.task.chosen_settings import TableSettings
from nnkit.task.rows_left_out import leave_out_rows, read_whole_rows
from nnkit.task.table_format import (
    MOST_EXCEPTIONS,
    choose_dialect,
    choose_format,
    mark_missing,
    mark_no_dates,
)
from nnkit.task.table_of_texts import column_of_texts, settings_not_of_pairs
from nnkit.task.table_options import TableOptions
from nnkit.task.text_task import are_texts

MOST_CATEGORIES = 1_000  # words of a column that are worth an input each


def choose_settings(path: Path, options: TableOptions) -> TableSettings:
    """Chooses the settings of a table's source.

    Raises:
        DataError: the file is missing, or not a table.
        UsageError: there is no such label, or no column can be predicted.
    """
    chosen = choose_dialect(path, options)
    table = read_whole_rows(chosen)
    # A row of units hides the format of a column with few different numbers, and the other way.
    for choose in (leave_out_rows, choose_format, leave_out_rows, choose_format):
        if not (choose is choose_format and options.decimal) and choose(table, chosen):
            table = chosen.source().read_everything()
    labels = [_label(table, name) for name in options.labels] or [_last_column(table)]
    if mark_missing(table, labels, chosen):
        table = chosen.source().read_everything()
    if mark_no_dates(table, labels, chosen):
        table = chosen.source().read_everything()
    profiles = {i: profile_column(table, i) for i in range(len(table.names))}
    if len(labels) == 1:
        _choose_task(table, profiles[labels[0]], options.task, chosen)
    else:
        _choose_labels(table, [profiles[i] for i in labels], options.task, chosen)
    _drop_unlabelled(table, {i: profiles[i] for i in labels}, chosen)
    for i, profile in profiles.items():
        if i not in labels:
            _choose_column(table, i, profile, chosen)
    inputs = len(profiles) - len(labels) - len(chosen.settings.get("ignore", ()))
    texts = column_of_texts(table, labels)
    if not inputs:
        _take_texts(table, labels, chosen)
    elif texts in chosen.settings.get("ignore", ()):
        chosen.unused_texts = texts
    first = ("kind", "path", "label", "task")
    chosen.settings = {
        name: chosen.settings[name] for name in first if name in chosen.settings
    } | chosen.settings
    return chosen


def _take_texts(table: ParsedTable, labels: Sequence[int], chosen: TableSettings) -> None:
    """Takes a column of texts as the input of a table that has no other.

    Raises:
        UsageError: there is none, or the table cannot be read as pairs of texts and labels.
    """
    texts = column_of_texts(table, labels) if len(labels) == 1 else None
    others = settings_not_of_pairs(chosen.settings)
    if chosen.remark_lines.issuperset(chosen.settings.get("leave_out", ())):
        others = [name for name in others if name != "leave_out"]  # pairs need both cells
    if texts is None or others:
        reasons = list(chosen.remarks())
        if texts is not None:
            reasons.append(
                f"the texts of column '{texts}' could be the input if the file needed no setting "
                f"{' and '.join(others)}"
            )
        if profile_column(table, labels[0]).kind is Kind.NUMBERS:
            reasons.append("--task forecast predicts it from the rows before, in a time series")
        nothing = f"no input column is left besides the label '{table.names[labels[0]]}'"
        raise UsageError(f"{table.path}: {'; '.join([nothing, *reasons])}")
    chosen.texts = texts


def _last_column(table: ParsedTable) -> int:
    """The last column, apart from those that a delimiter at the end of each line adds."""
    last = len(table.names) - 1
    while last and not table.header[last] and profile_column(table, last).kind is Kind.EMPTY:
        last -= 1
    return last


def _label(table: ParsedTable, wanted: str) -> int:
    name: str | int = wanted
    if wanted not in table.names and re.fullmatch(r"-?\d+", wanted):
        name = int(wanted)
    try:
        return table.index(name)
    except DataError as error:
        raise UsageError(f"--label {wanted}: {error}") from None


def _choose_task(
    table: ParsedTable,
    profile: ColumnProfile,
    wanted: Literal["classification", "regression"] | None,
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
        _exceptions_are_missing(table, profile, chosen)
        if name in chosen.settings.get("ignore", ()):
            raise UsageError(
                f"{table.path}: column '{name}': {exceptions(table, profile)}; it cannot be "
                "predicted before these cells are corrected"
            )
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


def _choose_labels(
    table: ParsedTable,
    profiles: Sequence[ColumnProfile],
    wanted: Literal["classification", "regression"] | None,
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
            _exceptions_are_missing(table, profile, chosen)
            if profile.name in chosen.settings.get("ignore", ()):
                raise UsageError(
                    f"{table.path}: column '{profile.name}': {exceptions(table, profile)}; it "
                    "cannot be predicted before these cells are corrected"
                )
        elif profile.kind is not Kind.NUMBERS:
            held = "the same value in every row" if profile.kind is Kind.CONSTANT else "no numbers"
            example = f", such as '{profile.examples[0]}'" if profile.examples else ""
            raise UsageError(
                f"{table.path}: column '{profile.name}' holds {held}{example}; several labels must "
                "be numbers, 1 and 0 for yes and no"
            )
    chosen.settings["label"] = [name if table.has_header else int(name) for name in names]


def _drop_unlabelled(
    table: ParsedTable, labels: Mapping[int, ColumnProfile], chosen: TableSettings
) -> None:
    """Leaves out the rows in which a label is missing, or an exception that counts as missing."""
    words = chosen.settings.get("also_missing", ())
    reasons = []
    for index, profile in labels.items():
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


def _choose_column(
    table: ParsedTable, index: int, profile: ColumnProfile, chosen: TableSettings
) -> None:
    """Decides what becomes of an input column."""
    name, column = profile.name, column_called(profile.name)
    if profile.kind is Kind.EMPTY:
        chosen.add("ignore", name, f"{column} has no values")
    elif profile.kind is Kind.CONSTANT:
        reason = f"{column} never changes"
        if profile.missing:
            reason = (
                f"{column} has one value in {profile.present:,} of {profile.rows:,} rows and is "
                "empty in the others; a network needs a word there to tell them apart"
            )
        chosen.add("ignore", name, reason)
    elif profile.identifies_rows:
        reason = f"{column} is a number for each row"
        if profile.kind is Kind.UNIQUE:
            reason = f"{column} has {too_many_words(profile)}"
        chosen.add("ignore", name, reason)
    elif profile.kind is Kind.DATES:
        _choose_dates(table, index, profile, chosen)
    elif profile.kind is Kind.MIXED:
        _exceptions_are_missing(table, profile, chosen)
    elif profile.kind is Kind.WORDS and _has_too_many_words(profile):
        reason = f"{column} has {too_many_words(profile)}"
        chosen.add("ignore", name, reason)
    elif profile.kind is Kind.WORDS and profile.numbers:
        reason = f"{column} is not all numbers: {exceptions(table, profile)}"
        if unit := unit_of_all([odd.text for odd in profile.odd]):
            reason += f"; if '{unit}' changes no value, --unit '{unit}' reads them as numbers"
        chosen.add("words", name, reason)


def _has_too_many_words(profile: ColumnProfile) -> bool:
    """Whether the words of a column are more than its rows can tell about."""
    if profile.distinct == profile.present > FEW_NUMBERS:
        return True
    return profile.distinct > min(MOST_CATEGORIES, max(FEW_CATEGORIES, profile.present // 3))


def _choose_dates(
    table: ParsedTable, index: int, profile: ColumnProfile, chosen: TableSettings
) -> None:
    words = table.columns[index].words
    order = _order(profile, words[0])
    parts = list(default_parts(words, order))
    date: Any = parts if order == "year_first" else {"parts": parts, "order": order}
    chosen.settings.setdefault("dates", {})[profile.name] = date
    kind = "times" if order == "time_of_day" else "dates"
    reason = f"column '{profile.name}' holds {kind} such as '{words[0]}'"
    if len(profile.orders) > 1:
        other = next(o for o in profile.orders if o != order)
        reason += f", which could also be with the {other.replace('_', ' ')}"
    times = [words[code] for code in np.asarray(table.columns[index].codes) if code >= 0]
    if order == "year_first" and len(set(times)) == table.rows and times == sorted(times):
        reason += ", by which the rows are sorted (the source 'series' forecasts)"
    chosen.reasons["dates", profile.name] = reason


def _order(profile: ColumnProfile, example: str) -> DateOrder:
    """The order of dates; where days and months cannot be told apart, slashes are American."""
    if len(profile.orders) == 1:
        return profile.orders[0]
    return "month_first" if "/" in example else "day_first"


def _exceptions_are_missing(
    table: ParsedTable, profile: ColumnProfile, chosen: TableSettings
) -> None:
    """Lists texts between numbers as missing values, or leaves out the column or the rows."""
    texts = [odd.text for odd in profile.odd]
    reason = f"{column_called(profile.name)}: {exceptions(table, profile)}"
    elsewhere = table.words_elsewhere(table.index(profile.name))
    if len(texts) > MOST_EXCEPTIONS or profile.odd_cells > profile.numbers:
        chosen.add("ignore", profile.name, reason)
    elif elsewhere.isdisjoint(texts):
        for text in texts:
            chosen.add("also_missing", text, reason)
    elif all(odd.count == 1 for odd in profile.odd):
        for odd in profile.odd:
            chosen.add("leave_out", table.lines.of(odd.row), reason)
    else:
        chosen.add("ignore", profile.name, reason)
