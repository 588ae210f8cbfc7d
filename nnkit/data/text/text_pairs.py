"""Pairs of texts from files of tab-separated columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnkit.data.text.text_lines import read_lines
from nnkit.errors import DataError

ColumnChoice = int | str  # a column's index from 0, or its name
MOST_NAMED = 5  # lines in a message
LONGEST_SHOWN = 40  # characters of a text in a message
# Names of columns in files of pairs, which are hardly ever texts themselves.
COLUMN_NAME = re.compile(
    "id|source|target|src|tgt|trg|input|output|text|label|tags?|words|sentences?|translation"
    "|reference|question|answer|english|french|german|spanish|italian|portuguese|dutch|russian"
    "|chinese|japanese|français|deutsch|español|italiano"
    "|en|fr|de|es|it|pt|nl|ru|zh|ja|eng|fra|deu|spa|ita|por|nld|rus|zho|jpn",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TextPairs:
    """Pairs of texts.

    Attributes:
        path: the file.
        sources: the first text of each pair, (n,).
        targets: the second, (n,).
        lines: the line of each pair, from 1, (n,).
        names: the names of the two columns, if the file has a header; else empty.
        notices: messages on how the file was read, such as what was left out.
    """

    path: Path
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    lines: tuple[int, ...]
    names: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def read_pairs(
    path: Path,
    source: ColumnChoice = 0,
    target: ColumnChoice = 1,
    *,
    header: bool | None = None,
) -> TextPairs:
    """Reads pairs of texts from two columns of a tab-separated file.

    There are no quotes: a quotation mark is a character like any other, and a text contains no
    tab. Blank lines, and pairs with an empty side, are left out; a notice says which.

    Args:
        path: the file, in UTF-8, compressed by gzip or not.
        source: the column of the sources.
        target: the column of the targets.
        header: whether the first line names the columns; None to find out.

    Raises:
        DataError: the file cannot be read, has no such columns or no pairs, or a line has another
            number of columns than the first.
    """
    lines = read_lines(path)
    notices = list(lines.notices)
    numbered = list(enumerate(lines.texts, 1))
    rows = [(number, text.split("\t")) for number, text in numbered if text.strip()]
    if not rows:
        raise DataError(f"{path}: contains no pairs of texts")
    first, cells = rows[0]
    if len(cells) == 1:
        raise DataError(
            f"{path}:{first}: only one column, {_shown(cells[0])}; the texts of a pair are "
            "separated by a tab, or what data.source.delimiter says"
        )
    one, two = (_index(path, first, cells, column) for column in (source, target))
    if one == two:
        raise DataError(f"{path}: source and target are the same column, {one}")
    is_named = isinstance(source, str) or isinstance(target, str)
    if header is False and is_named:
        raise DataError(f"{path}: without a header, columns are chosen by their index from 0")
    if header is None:
        header = is_named or all(COLUMN_NAME.fullmatch(cells[i].strip()) for i in (one, two))
        notices += _header_taken(path, first, cells, is_certain=is_named) if header else []
    notices += _unused(path, rows[-1], (one, two))
    if blank := [number for number, text in numbered if not text.strip()]:
        notices.append(f"{path}: {numbered_lines(blank, 'blank line')} left out")
    if header:
        del rows[0]
    _check_regular(path, rows, len(cells))
    pairs = [(row[one], row[two], number) for number, row in rows]
    return nonempty_pairs(path, pairs, (cells[one], cells[two]) if header else (), notices)


def nonempty_pairs(
    path: Path,
    pairs: Sequence[tuple[str, str, int]],
    names: tuple[str, ...] = (),
    notices: Sequence[str] = (),
) -> TextPairs:
    """Pairs without those that have an empty side.

    Args:
        path: the file.
        pairs: the source, the target and the line of each pair.
        names: the names of the columns, if they have any.
        notices: messages on how the file was read, to which one on empty sides is added.

    Raises:
        DataError: no pair is left.
    """
    kept = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
    if not kept:
        raise DataError(f"{path}: contains no pairs of texts")
    sources, targets, lines = zip(*kept, strict=True)
    said = list(notices)
    if len(kept) < len(pairs):
        empty = sorted({line for _, _, line in pairs}.difference(lines))
        said.append(f"{path}: {numbered_lines(empty, 'pair')} with an empty side left out")
    return TextPairs(path, sources, targets, lines, names, tuple(said))


def _index(path: Path, line: int, cells: Sequence[str], column: ColumnChoice) -> int:
    """The index of a column."""
    if isinstance(column, int):
        if -len(cells) <= column < len(cells):
            return column % len(cells)
        raise DataError(
            f"{path}:{line}: there is no column {column}; the line has {len(cells)} columns, "
            "counted from 0 and separated by tabs"
        )
    if cells.count(column) == 1:
        return cells.index(column)
    problem = "several columns have" if column in cells else "no column has"
    raise DataError(
        f"{path}:{line}: {problem} the name '{column}'; the header names {', '.join(cells)}"
    )


def _header_taken(path: Path, line: int, cells: Sequence[str], *, is_certain: bool) -> list[str]:
    """A notice that a line is taken for a header."""
    remedy = "" if is_certain else "; 'header: false' reads it as a pair"
    names = ", ".join(cells)
    return [f"{path}:{line}: taken for a header that names the columns: {names}{remedy}"]


def _unused(path: Path, row: tuple[int, list[str]], chosen: Sequence[int]) -> list[str]:
    """A notice of the columns that are not read."""
    line, cells = row
    unused = [i for i in range(len(cells)) if i not in chosen]
    if not unused:
        return []
    what = f"column {unused[0]} is" if len(unused) == 1 else f"columns {_listed(unused)} are"
    return [f"{path}: {what} not read, such as line {line}: {_shown(cells[unused[0]])}"]


def _check_regular(path: Path, rows: Sequence[tuple[int, list[str]]], columns: int) -> None:
    """Checks that every row has as many columns as the first.

    Raises:
        DataError: one has another number.
    """
    for number, cells in rows:
        if len(cells) != columns:
            remedy = (
                "a tab within a text must become a space"
                if len(cells) > columns
                else "the texts of a pair are separated by a tab"
            )
            raise DataError(
                f"{path}:{number}: {len(cells)} columns, but {columns} in the first line; {remedy}"
            )


def numbered_lines(numbers: Sequence[int], what: str) -> str:
    """Counts and names lines, such as `2 blank lines (lines 3, 8)`."""
    count = f"{len(numbers):,} {what}{'s' * (len(numbers) > 1)}"
    more = ", …" if len(numbers) > MOST_NAMED else ""
    return f"{count} ({'lines' if len(numbers) > 1 else 'line'} {_listed(numbers)}{more})"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:MOST_NAMED]))


def _shown(text: str) -> str:
    return f"'{text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + '…'}'"
