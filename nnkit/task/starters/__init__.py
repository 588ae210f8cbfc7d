"""Starter configs: the texts that `nnkit init` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nnkit.data.text.text_folder import holds_texts
from nnkit.errors import UsageError
from nnkit.task.starters.array_starter import starter_for_archive, starter_for_npy
from nnkit.task.starters.picture_starter import starter_for_pictures
from nnkit.task.starters.rendering import read_template
from nnkit.task.starters.series_starter import starter_for_series
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.table_starter import starter_for_table
from nnkit.task.starters.text_starter import starter_for_texts
from nnkit.task.starters.text_task import TextTask, task_of_texts


def starter_for(
    data: Path | None,
    options: TableOptions,
    folder: Path,
    held_out: Mapping[str, Path] | None = None,
) -> Starter:
    """A commented config for MNIST, a table, a file of texts, a folder of pictures, or arrays.

    Args:
        data: the file or folder; None for MNIST.
        options: what the user says about a table.
        folder: the folder of the config, to which paths are made relative.
        held_out: the files or folders of the sets `validation` and `test`, if they have their own.

    Raises:
        DataError: the data is missing or not valid, or its name is not UTF-8.
        UsageError: an option does not apply to the data.
    """
    if data is not None and data.exists() and not held_out:
        texts = _text_task(data, options)
        if texts is not None:
            return starter_for_texts(texts, data, folder, _text_label(options))
    is_table = data is not None and not data.is_dir() and data.suffix not in (".npz", ".npy")
    if not is_table and options.is_series:
        raise UsageError("--task forecast is for tables; give one with a row for each time")
    if not is_table and options != TableOptions():
        raise UsageError("--label and the options after it are for tables; give a table")
    if held_out and (data is None or data.suffix == ".npy"):
        raise UsageError("--validation and --test are for tables, image folders and .npz archives")
    if data is None:
        return Starter(read_template("mnist"))
    files = {"path": data, **(held_out or {})}
    if options.is_series:
        return starter_for_series(files, options, folder)
    if is_table:
        return starter_for_table(files, options, folder)
    if data.is_dir():
        return starter_for_pictures(files, folder)
    if data.suffix == ".npz":
        return starter_for_archive(files, folder)
    return starter_for_npy(data, folder)


def _text_task(data: Path, options: TableOptions) -> TextTask | None:
    """The task of texts; None for other data.

    Raises:
        UsageError: the task is not for a folder.
    """
    texts = options.text_task
    if data.is_dir() and texts not in (None, "language_model"):
        raise UsageError(f"--task {texts} is for a file, but {data} is a folder")
    if texts is not None or options != TableOptions():
        return texts
    if data.is_dir():
        return "language_model" if holds_texts(data) else None
    return task_of_texts(data)


def _text_label(options: TableOptions) -> str | None:
    """The column of texts that is predicted; None for the second.

    Raises:
        UsageError: an option does not apply to texts.
    """
    given = replace(options, labels=(), text_task=None)
    if given != TableOptions():
        raise UsageError("--delimiter and the options after it are for tables, not for texts")
    if len(options.labels) > 1:
        raise UsageError("--label: one column is predicted from texts, not several")
    return next(iter(options.labels), None)
