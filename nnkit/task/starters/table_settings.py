"""Chooses the settings of a table's source, and says why, so that a config decides everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from nnkit.data.tables.objections import exceptions, too_many_words
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.quoting import column_called
from nnkit.errors import UsageError
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.label_settings import choose_labels, find_labels
from nnkit.task.starters.rows_left_out import leave_out_rows, read_whole_rows
from nnkit.task.starters.table_format import (
    choose_dialect,
    choose_format,
    mark_exceptions,
    mark_missing,
    mark_no_dates,
)
from nnkit.task.starters.table_of_texts import column_of_texts, settings_not_of_pairs
from nnkit.task.starters.table_options import TableOptions

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
    labels = find_labels(table, options.labels)
    if mark_missing(table, labels, chosen):
        table = chosen.source().read_everything()
    if mark_no_dates(table, labels, chosen):
        table = chosen.source().read_everything()
    profiles = {i: profile_column(table, i) for i in range(len(table.names))}
    choose_labels(table, labels, profiles, options.task, chosen)
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
        mark_exceptions(table, profile, chosen)
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
