"""Finds out how a table is written: its dialect, its numbers, its signs of a missing value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from nnkit.data.sources.csv import Csv
from nnkit.data.tables.dates import no_dates
from nnkit.data.tables.detection import detect_dialect
from nnkit.data.tables.kinds import (
    FEW_NUMBERS,
    MARKS,
    MOSTLY,
    ColumnProfile,
    Kind,
    may_contain,
    profile_column,
)
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.objections import exceptions
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.quoting import column_called
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.table_options import TableOptions

MOST_EXCEPTIONS = 20  # different texts that can be listed as missing values


def choose_dialect(path: Path, options: TableOptions) -> TableSettings:
    """The settings of how a table is written, as far as its text or the options tell."""
    detected = detect_dialect(path, delimiter=options.delimiter, header=options.header)
    dialect = detected.dialect
    chosen = TableSettings({"kind": "csv", "path": str(path)})
    usual = Csv(path=str(path)).dialect
    for name in ("delimiter", "quote", "encoding", "header", "skip_rows"):
        value = getattr(dialect, name)
        if value != getattr(usual, name):
            chosen.settings[name] = value
            if name in detected.remarks:
                chosen.reasons[name,] = detected.remarks[name]
    if options.missing:
        chosen.settings["also_missing"] = list(options.missing)
    if options.units:
        chosen.settings["units"] = list(options.units)
    if options.decimal is not None and options.decimal != ".":
        chosen.settings["decimal"] = options.decimal
    return chosen


def choose_format(table: ParsedTable, chosen: TableSettings) -> bool:
    """Sets the format by which most columns with exceptions are numbers; says whether it did."""
    profiles = [profile_column(table, i) for i in range(len(table.names))]
    found = [
        (profile, profile.number_format)
        for profile in profiles
        if profile.kind is Kind.MIXED and profile.number_format is not None
    ]
    if not found:
        return False
    has_decimals = any(profile.kind is Kind.NUMBERS and not profile.whole for profile in profiles)
    form = _common_format(
        table.form,
        [other for _, other in found],
        [[odd.text for odd in profile.odd] for profile, _ in found],
        has_decimals=has_decimals,
        prefer_comma=chosen.settings.get("delimiter") == ";" and not has_decimals,
    )
    for name in ("decimal", "thousands", "units", "parentheses"):
        value = getattr(form, name)
        without = replace(form, **{name: getattr(table.form, name)})
        needing = (
            f"column '{profile.name}' holds numbers such as '{odd.text}'"
            for profile, _ in found
            for odd in profile.odd
            if form.parse(odd.text) is not None and without.parse(odd.text) is None
        )
        if value != getattr(table.form, name) and (reason := next(needing, None)):
            written = {"units": list(form.units), "parentheses": "negative"}
            chosen.settings[name] = written.get(name, value)
            chosen.reasons[name,] = reason
    return True


def _common_format(
    usual: NumberFormat,
    formats: Sequence[NumberFormat],
    texts: Sequence[Sequence[str]],
    *,
    has_decimals: bool,
    prefer_comma: bool,
) -> NumberFormat:
    """The format of all numbers of a table.

    Args:
        usual: the format in which some of them are not numbers.
        formats: for each column of these, a format in which they are.
        texts: some cells of each of these columns.
        has_decimals: whether other columns have decimals with the usual mark.
        prefer_comma: whether a comma that could be either mark is that of decimals, as it is
            where cells are separated by semicolons.
    """
    units = tuple(dict.fromkeys(chain(usual.units, *(form.units for form in formats))))
    parentheses = any(form.parentheses for form in (usual, *formats))
    usual = replace(usual, units=units, parentheses=parentheses)
    european = replace(usual, decimal=",", thousands=None)
    if prefer_comma and all(european.parse(text) is not None for text in chain(*texts)):
        return european
    decimal = Counter(form.decimal for form in formats).most_common(1)[0][0]
    # Numbers below 1,000 have no thousands mark, whatever that of the others is.
    thousands = Counter(
        form.thousands for form in formats if form.decimal == decimal and form.thousands
    ).most_common(1)
    mark = thousands[0][0] if thousands else usual.thousands
    of_most = replace(usual, decimal=decimal, thousands=mark)
    # A column of 837.140 € does not tell that its point is no decimal mark; another one may.
    others = [
        replace(usual, decimal=decimal, thousands=thousands)
        for decimal, thousands in MARKS
        if decimal == usual.decimal or not has_decimals
    ]

    def columns_read(form: NumberFormat) -> int:
        read = ([form.parse(text) is not None for text in column] for column in texts)
        return sum(sum(found) >= MOSTLY * len(found) for found in read)

    return max((of_most, *others), key=columns_read)  # the first of equals


def mark_missing(table: ParsedTable, labels: Sequence[int], chosen: TableSettings) -> bool:
    """Lists numbers such as -999 as missing values, for their column alone or for all columns.

    Returns:
        Whether there are any.
    """
    profiles = [profile_column(table, i) for i in range(len(table.names))]
    marked = [p for i, p in enumerate(profiles) if p.marker is not None and i not in labels]
    for profile in marked:
        assert profile.marker is not None
        text = f"{profile.marker:.15g}"
        count = f"{profile.marked:,} of {profile.present:,}"
        reason = f"{column_called(profile.name)}: {count} cells are {text}, far from all others"
        is_common = [other.marker for other in marked].count(profile.marker) > 1
        if is_common and may_contain(profiles, profile.marker) is None:
            chosen.add("also_missing", text, reason)
        else:
            chosen.add_missing_in(profile.name, [text], reason)
    return bool(marked)


def mark_no_dates(table: ParsedTable, labels: Sequence[int], chosen: TableSettings) -> bool:
    """Lists the few words between dates as missing values; says whether there are any."""
    found = False
    for i, column in table.columns.items():
        words = column.words
        if i in labels or column.numbers or column.too_many or len(words) <= FEW_NUMBERS:
            continue
        others = no_dates(words)
        few = len(others) <= min(MOST_EXCEPTIONS, (1 - MOSTLY) * len(words))
        if not others or not few or not table.words_elsewhere(i).isdisjoint(others):
            continue
        line = table.lines.of(table.first(i, words.index(others[0])))
        reason = (
            f"{column_called(table.names[i])}: {len(words) - len(others):,} of {len(words):,} "
            f"different cells are dates, but line {line} holds '{others[0]}'"
        )
        for word in others:
            chosen.add("also_missing", word, reason)
        found = True
    return found


def mark_exceptions(table: ParsedTable, profile: ColumnProfile, chosen: TableSettings) -> None:
    """Lists texts between numbers as missing values, or leaves out the column or the rows.

    Texts that are words of another column are missing values in this one alone.
    """
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
        chosen.add_missing_in(profile.name, texts, reason)
