"""Finds out how a file is divided into cells: encoding, delimiter, quote, header, title lines."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from nnkit.data.tables.dialect import UTF_8, UTF_16, WESTERN, Dialect, open_text
from nnkit.data.tables.number_format import MISSING, NumberFormat, parse_number
from nnkit.errors import DataError
from nnkit.mistaken_files import mistaken_for

DELIMITERS = (",", ";", "\t", "|", " ")
LINES = 200  # at the beginning of a file, from which its dialect is found
MOST_ABOVE = 20  # lines above a header
REPEATED = 0.05  # largest share of rows that may repeat the header
ENOUGH = 0.8  # share of lines with the same number of cells, from which spaces are not tried
BLOCK = 1 << 20  # bytes
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}


@dataclass(frozen=True, slots=True)
class Detected:
    """A dialect, with what there is to say about it.

    Attributes:
        dialect: the dialect.
        remarks: what is not as usual, by setting.
    """

    dialect: Dialect
    remarks: dict[str, str]


def detect_dialect(
    path: Path, *, delimiter: str | None = None, header: bool | None = None
) -> Detected:
    """Finds the dialect of a file from its first lines, and its encoding from all of it.

    Args:
        path: the file.
        delimiter: the delimiter, if it is known.
        header: whether the first row names the columns, if it is known.

    Raises:
        DataError: the file is missing, empty or not text.
    """
    remarks: dict[str, str] = {}
    encoding = _encoding(path)
    if encoding != UTF_8:
        remarks["encoding"] = (
            "it is not UTF-8; read as Western European text of Windows"
            if encoding == WESTERN
            else f"it is {encoding.upper()} text"
        )
    with open_text(path, Dialect(encoding=encoding)) as file:
        lines = [line.decode() for line in islice(file, LINES)]
    if any("\0" in line for line in lines):
        hint = mistaken_for(path, "a table") or "is it a text file?"
        raise DataError(f"{path}: contains NUL characters; {hint}")
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: empty; expected a row of column names, then one sample per row")
    skip = 0
    if lines[0].lower().startswith("sep=") and len(lines[0].strip()) <= len("sep=,"):
        delimiter = delimiter or lines[0].strip("\r\n")[4:5] or None
        skip = 1
        remarks["skip_rows"] = f"line 1, '{lines[0].strip()}', names the delimiter"
    quote = _quote(lines)
    found, above = _delimiter(lines[skip:], quote, (delimiter,) if delimiter else DELIMITERS)
    if above:
        remarks["skip_rows"] = f"above the table, line 1 holds '{shortened(lines[skip])}'"
    if found != ",":
        remarks["delimiter"] = f"cells are separated by {NAMES.get(found, found)}"
    skip += above
    rows = [row for row in _rows(lines[skip:], found, quote) if row]
    if header is not False and (unnamed := _rows_above_names(rows)):
        skip += _lines_of(lines[skip:], unnamed, found, quote)
        begin = shortened(next(filter(None, rows[unnamed - 1])))
        of_names = f"line {skip}, which begins with '{begin}', is above the names of the columns"
        remarks["skip_rows"] = "; ".join(filter(None, (remarks.get("skip_rows"), of_names)))
        rows = rows[unnamed:]
    dialect = Dialect(found, quote, encoding, skip_rows=skip)
    if header is None:
        header = not _begins_with_data(rows)
        if not header:
            remarks["header"] = f"line {dialect.skip_rows + 1} looks like the rows below"
    return Detected(replace(dialect, header=header), remarks)


def shortened(text: str) -> str:
    """The beginning of a text, for messages."""
    text = text.strip()
    return text if len(text) <= 30 else f"{text[:29]}…"


def _encoding(path: Path) -> str:
    """The encoding of a file: UTF-8, UTF-16 with a byte order mark, or else that of Windows."""
    decoder = codecs.getincrementaldecoder(UTF_8)()
    try:
        with path.open("rb") as file:
            start = file.read(2)
            if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                return UTF_16
            decoder.decode(start)
            while block := file.read(BLOCK):
                # ASCII is found out much faster, but must not end a character that has begun.
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        try:
            path.read_bytes().decode(WESTERN)
        except UnicodeDecodeError:
            return "latin-1"  # has a character for every byte
        return WESTERN
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    return UTF_8


def _quote(lines: Sequence[str]) -> str:
    """The quote: a single one if many cells begin or end with it, and no double one is used."""
    text = "".join(lines)
    single = sum(text.count(f"{mark}'") + text.count(f"'{mark}") for mark in ",;\t|")
    return "'" if '"' not in text and 2 * single > len(lines) else '"'


def _delimiter(lines: Sequence[str], quote: str, candidates: Sequence[str]) -> tuple[str, int]:
    """The delimiter by which most lines have the same number of cells, and the lines above them."""
    best: tuple[float, int] = (0.0, 0)
    chosen, above = candidates[0], 0
    for rank, candidate in enumerate(candidates):
        if candidate == " " and best[0] >= ENOUGH:  # a space may follow each delimiter
            if chosen != "\t" or not _hold_several_numbers(_rows(lines, chosen, quote)):
                break
            rank = 0  # some cells are separated by tabs, others by spaces
        rows = _rows(lines, candidate, quote)
        counts = [len(row) for row in rows]
        several = Counter(count for count in counts if count > 1)
        if not several:
            continue
        usual, often = several.most_common(1)[0]
        filled = sum(count > 0 for count in counts)
        share = (round(often / filled, 2), -rank)
        if share > best:
            best, chosen = share, candidate
            above = _lines_above(lines, _rows_above(rows, usual, candidate), candidate, quote)
    return chosen, above if above <= MOST_ABOVE else 0


def _rows_above(rows: Sequence[Sequence[str]], columns: int, delimiter: str) -> int:
    """The number of rows above the first one of the table, which has the usual number of cells.

    A comment may have it, too, and the title in a spreadsheet, whose line is filled up with empty
    cells.
    """
    whole = [i for i, row in enumerate(rows) if len(row) == columns]
    table = (
        i
        for i in whole
        if not _is_comment(rows[i], delimiter) and (columns == 2 or sum(map(bool, rows[i])) > 1)
    )
    return next(table, whole[0])


def _is_comment(row: Sequence[str], delimiter: str) -> bool:
    """Whether a row is a comment rather than a header, whose first name may begin with a `#`."""
    return row[0].startswith("# ") or (delimiter == " " and row[0].startswith("#"))


def _hold_several_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Whether most rows have a cell of several numbers."""
    several = [
        any(len(parts := cell.split()) > 1 and all(map(_is_number, parts)) for cell in row)
        for row in rows
    ]
    return 2 * sum(several) > len(several)


def _is_number(text: str) -> bool:
    return parse_number(text.replace(",", ".", 1)) is not None


def _lines_above(lines: Sequence[str], rows: int, delimiter: str, quote: str) -> int:
    """The number of lines that a number of rows at the beginning take."""
    reader = _reader(lines, delimiter, quote)
    for _ in range(rows):
        next(reader)
    return reader.line_num


def _lines_of(lines: Sequence[str], rows: int, delimiter: str, quote: str) -> int:
    """The number of lines that a number of rows at the beginning take, blank lines among them."""
    reader = _reader(lines, delimiter, quote)
    for _ in range(rows):
        next(filter(None, reader))
    return int(reader.line_num)


def _reader(lines: Sequence[str], delimiter: str, quote: str) -> Any:
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True)


def _rows(lines: Sequence[str], delimiter: str, quote: str) -> list[list[str]]:
    """The rows of lines, of which the last may be cut off."""
    if delimiter == " ":
        lines = [" ".join(line.split()) for line in lines]
    rows: list[list[str]] = []
    try:
        rows.extend([cell.strip() for cell in row] for row in _reader(lines, delimiter, quote))
    except csv.Error:
        return rows
    if len(rows) > 1 and len(lines) == LINES and len(rows[-1]) != len(rows[-2]):
        rows.pop()
    return rows


def _begins_with_data(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is like the others: numbers above numbers, words that occur below."""
    if len(rows) < 3:
        return False
    first, others = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if others.count(first) <= REPEATED * len(others):  # as a header on each page
        others = [row for row in others if row != first]
    form, like, unlike = NumberFormat(), 0, 0
    alike_decimals = replace(form, decimal=",")
    for i, name in enumerate(first):
        cells = [row[i] for row in others if row[i] not in MISSING]
        if not cells:
            continue
        numbers = sum(
            form.parse(cell) is not None or alike_decimals.parse(cell) is not None for cell in cells
        )
        if numbers >= 0.8 * len(cells):
            is_number = name in MISSING[1:] or _is_number(name)
            like, unlike = like + is_number, unlike + (not is_number)
        elif len(set(cells)) <= len(cells) / 2:
            like, unlike = like + (name in cells), unlike + (name not in cells)
    return like > 0 and not unlike and not _count_up(first)


def _rows_above_names(rows: Sequence[Sequence[str]]) -> int:
    """The number of rows above the one that names the columns, which have gaps or repeat a name.

    In spreadsheets, they name groups of columns, in the first cell of each or in all of them, or
    tell where the table is from. The names of the columns all differ, and there are numbers below
    some of them.
    """
    for above, names in enumerate(rows[: MOST_ABOVE + 1]):
        if not all(names[1:]) or len(set(names)) < len(names):
            continue
        below = [row for row in rows[above + 1 :] if len(row) == len(names)]
        are_values = not all(names) or any(c in MISSING or _is_number(c) for c in names)
        is_header = not are_values and len(below) > 1
        return above * (is_header and any(map(_are_numbers, zip(*below, strict=True))))
    return 0


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether most cells are numbers."""
    return sum(map(_is_number, cells)) >= ENOUGH * len(cells)


def _count_up(names: Sequence[str]) -> bool:
    """Whether names are successive numbers, such as years or the names that programs give."""
    numbers = [int(name) for name in names if name.isdigit()]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(numbers) > 2 and steps == {1}
