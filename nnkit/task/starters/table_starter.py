"""Starter configs for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnkit.data.dataset import Dataset
from nnkit.data.tables.column_report import ColumnReport
from nnkit.data.tables.labels import could_be_classes
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.dataset_parts import (
    dataset_parts,
    outline,
    range_remarks,
    task_in_words,
)
from nnkit.task.starters.rendering import (
    counted,
    fill_template,
    flow_style,
    paths_in_config,
    source_setting,
)
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.table_of_texts import starter_for_table_of_texts
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.table_settings import choose_settings


def starter_for_table(files: Mapping[str, Path], options: TableOptions, folder: Path) -> Starter:
    """A starter config for tables.

    Args:
        files: the tables by the names of their settings; `path` is that for training.
        options: what the user says about them.
        folder: the folder of the config.

    Raises:
        DataError: a file is missing or not a table, or those held out do not fit the other.
        UsageError: there is no such label, or no column can be predicted.
    """
    chosen = choose_settings(files["path"], options)
    if chosen.texts is not None:
        return starter_for_table_of_texts(files, chosen, chosen.texts, folder)
    paths = {name: str(path) for name, path in files.items()}
    source = chosen.source().model_copy(update={**paths, "missing_target": "drop"})
    dataset, columns = outline(source), source.column_report()
    _drop_unlabelled(columns, chosen)
    written = paths_in_config(files, folder)
    settings = {"kind": "csv", **written, **chosen.settings, **written}
    parts = {
        "source": source_setting(settings, chosen.reasons),
        "rows": counted(len(dataset.samples), "row"),
        "inputs": counted(len(dataset.columns), "input"),
        "steps": flow_style(suitable_steps(dataset))[1:-1],
        **dataset_parts(dataset),
    }
    remarks = (
        *chosen.remarks(),
        _label_in_words(columns, dataset, is_decided=options.task is not None),
        *range_remarks(dataset),
        *_maybe_series(chosen, dataset),
        *_maybe_texts(chosen),
        *dataset.notices,
    )
    return Starter(fill_template("vectors", parts), columns, remarks)


def _drop_unlabelled(columns: Sequence[ColumnReport], chosen: TableSettings) -> None:
    """Leaves out the rows of held-out sets in which a label is missing, if there are some."""
    reasons = [
        f"{other.missing:,} of {other.rows:,} rows of {other.path.name} have no label "
        f"'{label.profile.name}'"
        for label in columns
        if label.role == "label"
        for other in label.held_out.values()
        if other.missing
    ]
    if reasons and "missing_target" not in chosen.settings:
        chosen.settings["missing_target"] = "drop"
        chosen.reasons["missing_target",] = "; ".join(reasons)


def suitable_steps(dataset: Dataset) -> list[Any]:
    """The preprocessing steps that a table needs, as in a config.

    Missing values are always filled in, because a cell that is never missing in training may be
    missing in prediction; an unknown word is encoded as none of the known ones. Scaling comes
    before encoding, because a rare word would become a large number.
    """
    steps: list[Any] = ["impute", "standardize"]
    if any(column.categories for column in dataset.columns):
        steps.append({"one_hot": {"unknown": "ignore"}})
    return steps


def _label_in_words(columns: Sequence[ColumnReport], dataset: Dataset, *, is_decided: bool) -> str:
    """A message on what the label was taken for, and how to change it if the user has not said."""
    label, *others = (column.profile for column in columns if column.role == "label")
    if others:
        names = ", ".join(f"'{profile.name}'" for profile in (label, *others))
        return f"labels {names}: taken as {task_in_words(dataset)}"
    if dataset.classes is None:
        doubtful = could_be_classes(label) and not is_decided
        hint = "; --task classification predicts classes" if doubtful else ""
        return f"label '{label.name}': taken as a number{hint}"
    kind = "different whole numbers" if label.whole and not label.odd_cells else "different words"
    doubtful = label.numbers == label.present and not is_decided
    hint = "; --task regression predicts a number" if doubtful else ""
    return (
        f"label '{label.name}' has {label.distinct:,} {kind}: taken as "
        f"{len(dataset.classes):,} classes{hint}"
    )


def _maybe_series(chosen: TableSettings, dataset: Dataset) -> list[str]:
    """Names the task for time series, if there is a column of dates and a number to predict."""
    if len(chosen.settings.get("dates", ())) != 1 or dataset.classes is not None:
        return []
    return ["if the rows are a time series, --task forecast predicts values from those before"]


def _maybe_texts(chosen: TableSettings) -> list[str]:
    """Names the tasks for texts, if a column of texts is left out."""
    if chosen.unused_texts is None:
        return []
    said = (
        f"column '{chosen.unused_texts}' holds texts, which a table cannot use: --task "
        "translation, text_classification or text_regression with --label COLUMN predicts from them"
    )
    return [said]
