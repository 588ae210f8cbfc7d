"""Tables whose only input is a column of texts, and starter configs for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from nnkit.data.sources.text_files import Pairs
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.text.csv_pairs import read_csv_pairs
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.dataset_parts import outline
from nnkit.task.starters.rendering import paths_in_config
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.text_starter import number_instead, starter_for_labelled_texts
from nnkit.task.starters.text_task import are_texts

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


def starter_for_table_of_texts(
    files: Mapping[str, Path], chosen: TableSettings, texts: str, folder: Path
) -> Starter:
    """A starter config for a table whose only input is a column of texts.

    Args:
        files: the tables by the names of their settings; `path` is that for training.
        chosen: the settings of a `csv` source.
        texts: the name of the column of texts.
        folder: the folder of the config.

    Raises:
        DataError: a label is missing or not valid.
    """
    task, settings = _as_pairs(chosen.settings, texts)
    paths = {name: str(path) for name, path in files.items()}
    outline(Pairs.model_validate({**settings, **paths}))  # which checks the labels
    pairs = read_csv_pairs(
        files["path"],
        settings["source"],
        settings["target"],
        delimiter=settings["delimiter"],
        header=settings["header"],
    )
    written = {**settings, **paths_in_config(files, folder)}
    found = starter_for_labelled_texts(task, written, pairs)
    of_label = f"column '{texts}' holds texts, '{chosen.settings['label']}' their labels"
    number = number_instead(task, pairs, "regression")
    return replace(found, remarks=(of_label, *found.remarks, *number))


def _as_pairs(
    settings: Mapping[str, Any], texts: str
) -> tuple[Literal["text_classification", "text_regression"], dict[str, Any]]:
    """The task of a table of texts, and the settings of its source as pairs."""
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
