"""Tables whose only input is a column of texts, and their settings as a source of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.task.text_task import are_texts

# Settings of a table that a source of pairs has as well, or that it can do without.
OF_PAIRS = frozenset(
    {"kind", "path", "label", "task", "delimiter", "header", "ignore", "missing_target"}
)


def column_of_texts(table: ParsedTable, labels: Sequence[int]) -> str | None:
    """The name of the only column of texts besides the labels; None if there are none or several.

    Args:
        table: the table.
        labels: the indices of the labels.
    """
    found = [
        table.names[i]
        for i, column in table.columns.items()
        if i not in labels and not column.numbers and column.words and are_texts(column.words)
    ]
    return found[0] if len(found) == 1 else None


def settings_not_of_pairs(settings: Mapping[str, Any]) -> list[str]:
    """The settings without which a table cannot be read, and which a source of pairs lacks."""
    return sorted(settings.keys() - OF_PAIRS)


def as_pairs(
    settings: Mapping[str, Any], texts: str
) -> tuple[Literal["text_classification", "text_regression"], dict[str, Any]]:
    """The task of a table of texts, and the settings of its source as pairs.

    Args:
        settings: the settings of a `csv` source.
        texts: the name of the column of texts.
    """
    header = settings.get("header", True)
    source = {
        "kind": "pairs",
        "path": settings["path"],
        "delimiter": settings.get("delimiter", ","),
        "header": header,
        "source": texts if header else int(texts),
        "target": settings["label"],
    }
    if settings["task"] == "classification":
        return "text_classification", {**source, "targets": "class"}
    return "text_regression", {**source, "targets": "number"}
