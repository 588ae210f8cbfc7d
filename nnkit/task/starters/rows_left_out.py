"""Rows of a table that hold no sample: units, totals, remarks, ruled lines, repeated headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from nnkit.data.tables.dates import date_orders
from nnkit.data.tables.detection import shortened
from nnkit.data.tables.dialect import open_text
from nnkit.data.tables.kinds import Kind, profile_column
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.errors import DataError
from nnkit.task.starters.chosen_settings import TableSettings

TOTALS = re.compile(
    r"(grand |sub)?totals?|sum|sums|average|mean|avg|summe|gesamt|insgesamt", re.IGNORECASE
)
# Within the name of a row, such as `Total of March` or `Tagessumme`.
SUBTOTALS = re.compile(r"\b(sub)?totals?\b|\bsums?\b|summe\b|\b(ins)?gesamt\b", re.IGNORECASE)
RULE = re.compile(r"(?:[^\w\s]|_){2,}")
MOST_BROKEN = 20  # rows with another number of cells, or remarks, that are left out …
FRACTION_BROKEN = 0.05  # … and at most this fraction of all rows
FEWEST_OTHERS = 2  # columns with values besides the first, to tell a remark from a missing label


def read_whole_rows(chosen: TableSettings) -> ParsedTable:
    """Reads a table, and leaves out the few rows that have another number of cells.

    Raises:
        DataError: the file is missing or not a table, or many rows have another number of cells.
    """
    broken: dict[int, str] = {}
    table = chosen.source().read_everything(broken)
    if not broken:
        return table
    if len(broken) > min(MOST_BROKEN, FRACTION_BROKEN * table.rows):
        raise DataError(broken[min(broken)])
    for line, message in sorted(broken.items()):
        cells, _, _ = message.removeprefix(f"{table.path}:{line}: ").partition(";")
        chosen.add("leave_out", line, f"line {line} has {cells}")
    return chosen.source().read_everything()


def leave_out_rows(table: ParsedTable, chosen: TableSettings) -> bool:
    """Leaves out units, totals, remarks, ruled lines, repeated headers; says whether any are."""
    before = len(chosen.settings.get("leave_out", ()))
    _repeated_headers(table, chosen)
    _ruled_lines(table, chosen)
    _units(table, chosen)
    _remarks(table, chosen)
    _totals(table, chosen)
    _subtotals(table, chosen)
    return len(chosen.settings.get("leave_out", ())) > before


def _repeated_headers(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out the rows that repeat the header, as at the top of each printed page."""
    if not table.has_header or not all(
        column.too_many or name in ("", *column.words, *(odd.text for odd in column.odd))
        for name, column in zip(table.header, table.columns.values(), strict=True)
    ):
        return
    header, *others = ((line, number) for number, line in _lines(table, chosen) if line)
    found = [number for line, number in others if line == header[0]]
    what = f"line {found[0]} repeats" if len(found) == 1 else f"{len(found):,} lines repeat"
    for number in found:
        chosen.add("leave_out", number, f"{what} the header")


def _ruled_lines(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out the rows in which every cell holds the same signs, such as `---`."""
    columns = [column for column in table.columns.values() if not column.too_many]
    signs = [{*column.words, *(odd.text for odd in column.odd)} for column in columns]
    rules = {text for text in set.intersection(*signs or [set()]) if RULE.fullmatch(text)}
    if not rules:
        return
    mark = chosen.source().dialect.delimiter.encode()
    for number, line in _lines(table, chosen):
        cells = {cell.strip() for cell in line.split(mark)}
        if len(cells) == 1 and (text := cells.pop().decode(errors="replace")) in rules:
            chosen.add("leave_out", number, f"line {number} holds '{text}' in every cell")


def _lines(table: ParsedTable, chosen: TableSettings) -> Iterator[tuple[int, bytes]]:
    """Yields the lines of the file from the header on, with their numbers."""
    dialect = chosen.source().dialect
    with open_text(table.path, dialect) as file:
        for number, line in enumerate(map(bytes.strip, file), 1):
            if number > dialect.skip_rows:
                yield number, line


def _units(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out a row of units below the header."""
    profiles = [profile_column(table, i) for i in range(len(table.names))]
    numeric = [p for p in profiles if p.kind is Kind.MIXED and p.number_format is None]
    first = [p for p in numeric if any(odd.row == 0 for odd in p.odd)]
    plain = any(
        profile.kind is Kind.NUMBERS and table.first_missing(i) != 0
        for i, profile in enumerate(profiles)
    )
    if first and not plain and len(first) == len(numeric):
        units = ", ".join(f"'{p.odd[0].text}'" for p in first[:3])
        line = table.lines.of(0)
        chosen.add("leave_out", line, f"line {line} holds units, such as {units}")


def _remarks(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out rows with a text in the first cell alone, such as footers and headings.

    A text that occurs in other rows too, a number or a date may be a sample of which the rest is
    missing.
    """
    others = range(1, len(table.names))
    rows = set(_rows_without(table, others)) - set(_rows_without(table, table.columns))
    if not rows or len(rows) > min(MOST_BROKEN, FRACTION_BROKEN * table.rows):
        return
    if sum(not table.missing(i).all() for i in others) < FEWEST_OTHERS:
        return
    first = table.columns[0]
    often = {word for word, count in zip(first.words, first.counts, strict=True) if count > 1}
    lines = {table.lines.of(row) for row in rows}
    mark = chosen.source().dialect.delimiter.encode()
    for number, line in _lines(table, chosen):
        text = line.partition(mark)[0].strip(b" \"'").decode(errors="replace")
        if number not in lines or text in often or _is_value(text, table.form):
            continue
        reason = f"line {number} holds '{shortened(text)}' and nothing else"
        chosen.add("leave_out", number, reason)
        chosen.remark_lines.add(number)


def _is_value(text: str, form: NumberFormat) -> bool:
    return form.parse(text) is not None or bool(date_orders([text]))


def _rows_without(table: ParsedTable, columns: Iterable[int]) -> list[int]:
    """The rows in which all of some columns are missing."""
    rows = np.arange(table.rows)
    for i in columns:
        rows = rows[table.missing(i)[rows]]
        if not len(rows):
            break
    found: list[int] = rows.tolist()
    return found


def _totals(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out a row of totals at the end, below which there may be empty rows."""
    empty = set(_rows_without(table, table.columns))
    last = table.rows - 1
    while last in empty:
        last -= 1
    for i in range(len(table.names)):
        column = table.columns[i]
        texts = [odd.text for odd in column.odd if odd.row == last]
        code = -1 if column.codes is None else int(np.asarray(column.codes)[last])
        if code >= 0 and column.counts[code] == 1:
            texts.append(column.words[code])
        for found in texts:
            if TOTALS.fullmatch(found) and last:
                line = table.lines.of(last)
                chosen.add("leave_out", line, f"line {line}, '{found}', is a total")


def _subtotals(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out totals between rows, such as those of days, in which most cells are empty."""
    names = {
        text
        for column in table.columns.values()
        for text in (*column.words, *(odd.text for odd in column.odd))
        if SUBTOTALS.search(text)
    }
    if not names:
        return
    mark, found = chosen.source().dialect.delimiter.encode(), {}
    for number, line in _lines(table, chosen):
        cells = [cell.strip(b" \"'") for cell in line.split(mark)]
        text = next(filter(None, cells), b"").decode(errors="replace")
        if text in names and cells.count(b"") > len(cells) / 2:
            found[number] = text
    if len(found) <= FRACTION_BROKEN * table.rows:
        for number, text in found.items():
            chosen.add("leave_out", number, f"'{shortened(text)}' is a total")
