"""Rows of a table that hold no sample: units, totals, footers, ruled lines, repeated headers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnkit.data.tables.dialect import open_text
from nnkit.data.tables.kinds import Kind, profile_column
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.errors import DataError
from nnkit.task.chosen_settings import TableSettings

TOTALS = re.compile(
    r"(grand |sub)?totals?|sum|sums|average|mean|avg|summe|gesamt|insgesamt", re.IGNORECASE
)
RULE = re.compile(r"(?:[^\w\s]|_){2,}")
MOST_BROKEN = 20  # rows with another number of cells that are left out …
FRACTION_BROKEN = 0.05  # … and at most this fraction of all rows


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
    """Leaves out units, totals, ruled lines and repeated headers; says whether there are any."""
    before = len(chosen.settings.get("leave_out", ()))
    _repeated_headers(table, chosen)
    _ruled_lines(table, chosen)
    _units(table, chosen)
    _totals(table, chosen)
    return len(chosen.settings.get("leave_out", ())) > before


def _repeated_headers(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out the rows that repeat the header, as at the top of each printed page."""
    if not table.has_header or not all(
        column.too_many or name in ("", *column.words, *(odd.text for odd in column.odd))
        for name, column in zip(table.header, table.columns.values(), strict=True)
    ):
        return
    header = b""
    for number, line in _lines(table, chosen):
        if header and line == header:
            chosen.add("leave_out", number, f"line {number} repeats the header")
        header = header or line


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


def _totals(table: ParsedTable, chosen: TableSettings) -> None:
    """Leaves out a row of totals at the end."""
    last = table.rows - 1
    for i in range(len(table.names)):
        column = table.columns[i]
        texts = [odd.text for odd in column.odd if odd.row == last]
        if column.codes is not None and (code := int(np.asarray(column.codes)[last])) >= 0:
            texts.append(column.words[code])
        for found in texts:
            if TOTALS.fullmatch(found) and last:
                line = table.lines.of(last)
                chosen.add("leave_out", line, f"line {line}, '{found}', is a total")
