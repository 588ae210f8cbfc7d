"""The report on the columns of a table, as text that fits the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.cli.output import show, table, wrapped

HEADINGS = ("column", "kind", "distinct", "range or examples", "missing", "becomes")
WIDEST_NAME = 18  # characters
NARROWEST = 8  # of the column of examples


def columns_table(
    columns: Sequence[Mapping[str, Any]], width: int, *, remarks: bool = True
) -> list[str]:
    """The lines of a table with a row for each column, followed by remarks.

    Args:
        columns: the records of a report by column.
        width: width of the terminal.
        remarks: whether to add the remarks.
    """
    rows = [_row(column) for column in columns]
    without = table(HEADINGS, _with_contents(rows, [""] * len(rows))).split("\n")
    room = width - max(map(len, without))
    room = max(room + len(HEADINGS[3]), NARROWEST)
    contents = [_shortened(_contents(column), room) for column in columns]
    lines = table(HEADINGS, _with_contents(rows, contents)).split("\n")
    found = [column["remark"] for column in columns if column["remark"] and remarks]
    for remark in found:
        lines += ["", *wrapped(remark, width)]
    return lines


def _row(column: Mapping[str, Any]) -> list[str]:
    distinct = f"{'> ' if column['at_least'] else ''}{column['distinct']:,}"
    name = _shortened(column["name"], WIDEST_NAME) or "(no name)"
    return [name, column["kind"], distinct, "", f"{column['missing']:,}", column["becomes"]]


def _with_contents(rows: Sequence[list[str]], contents: Sequence[str]) -> list[list[str]]:
    """The rows with their examples, and the counts right-aligned."""
    found = [[*row[:3], text, *row[4:]] for row, text in zip(rows, contents, strict=True)]
    for i in (2, 4):
        widest = max(len(HEADINGS[i]), *(len(row[i]) for row in found))
        for row in found:
            row[i] = row[i].rjust(widest)
    return found


def _contents(column: Mapping[str, Any]) -> str:
    if column["range"] is not None and column["kind"] in ("numbers", "constant", "mixed"):
        low, high = (f"{bound:.5g}" for bound in column["range"])
        return low if low == high else f"{low} to {high}"
    return ", ".join(show(example) for example in column["examples"])


def _shortened(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
