"""Starter configs: the text that `nnkit init` writes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from nnkit.data.dataset import Dataset, chunks
from nnkit.data.sources.arrays import Npy, Npz, archive_names
from nnkit.data.sources.image_folder import ImageFolder
from nnkit.data.sources.source import Source
from nnkit.data.sources.text_files import Pairs
from nnkit.data.tables.column_report import ColumnReport
from nnkit.data.tables.labels import could_be_classes
from nnkit.data.tables.quoting import in_yaml
from nnkit.data.text.csv_pairs import read_csv_pairs
from nnkit.data.text.text_folder import holds_texts
from nnkit.errors import DataError, SettingError, UsageError
from nnkit.task.chosen_settings import TableSettings
from nnkit.task.series_starter import starter_for_series
from nnkit.task.starter_network import suitable_network
from nnkit.task.table_of_texts import as_pairs
from nnkit.task.table_options import TableOptions
from nnkit.task.table_settings import choose_settings
from nnkit.task.target_range import wide_range
from nnkit.task.text_starter import (
    TextStarter,
    number_instead,
    starter_for_labelled_texts,
    starter_for_texts,
)
from nnkit.task.text_task import TextTask, task_of_texts
from nnkit.text import legible

FEWEST_TO_SPLIT = 20  # rows; with fewer, a tenth of them is too small a validation set
WIDTH = 96  # characters of a line
SMALLEST_IMAGE = 8  # pixels of the shorter side, which is halved twice
# Names of inputs, and of the targets that belong to them: of arrays, or of files.
PAIRS = (
    ("inputs", "targets"),
    ("X", "y"),
    ("x", "y"),
    ("data", "target"),
    ("images", "labels"),
    ("X_train", "y_train"),
    ("x_train", "y_train"),
)


@dataclass(frozen=True, slots=True)
class Starter:
    """A starter config.

    Attributes:
        text: the config.
        columns: what each column of a table contains, and becomes; empty for other data.
        remarks: what was decided about the data, and why.
    """

    text: str
    columns: tuple[ColumnReport, ...] = ()
    remarks: tuple[str, ...] = ()


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
            return _for_texts(texts, data, folder, _text_label(options))
    if options.is_series:
        return _for_series(data, options, folder, held_out or {})
    is_table = data is not None and not data.is_dir() and data.suffix not in (".npz", ".npy")
    if not is_table and options != TableOptions():
        raise UsageError("--label and the options after it are for tables; give a table")
    if held_out and (data is None or data.suffix == ".npy"):
        raise UsageError("--validation and --test are for tables, image folders and .npz archives")
    if data is None:
        return Starter(_template("mnist"))
    files = {"path": data, **(held_out or {})}
    if is_table:
        return _for_table(files, options, folder)
    if data.is_dir():
        return _for_folder(files, folder)
    if data.suffix == ".npz":
        return _for_archive(files, folder)
    return _for_npy(data, _place(data, folder))


def _for_series(
    data: Path | None, options: TableOptions, folder: Path, held_out: Mapping[str, Path]
) -> Starter:
    if data is None or data.is_dir() or data.suffix in (".npz", ".npy"):
        raise UsageError("--task forecast is for tables; give one with a row for each time")
    if held_out:
        raise UsageError("--task forecast holds out the last rows: no --validation, no --test")
    found = starter_for_series(data, options)
    text = _template("series").format(
        rows=_count(found.rows, "row"),
        window=found.source["window"],
        label=" and ".join(map(legible, found.labels)),
        source=_source({"kind": "series", "path": _place(data, folder), **found.source}, {}),
        scaling="{standardize: all}" if len(found.labels) == 1 else "standardize",
        outputs=len(found.labels),
        epochs=found.epochs,
    )
    return Starter(text, remarks=(found.remark,))


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


def _for_texts(task: TextTask, data: Path, folder: Path, label: str | None) -> Starter:
    return _of_texts(starter_for_texts(task, data, _place(data, folder), label))


def _for_table_of_texts(
    files: Mapping[str, Path], chosen: TableSettings, texts: str, folder: Path
) -> Starter:
    """The starter of a table whose only input is the column `texts`."""
    task, settings = as_pairs(chosen.settings, texts)
    paths = {name: str(path) for name, path in files.items()}
    _outline(Pairs.model_validate({**settings, **paths}))  # which checks the labels
    pairs = read_csv_pairs(
        files["path"],
        settings["source"],
        settings["target"],
        delimiter=settings["delimiter"],
        header=settings["header"],
    )
    found = starter_for_labelled_texts(task, {**settings, **_places(files, folder)}, pairs)
    of_label = f"column '{texts}' holds texts, '{chosen.settings['label']}' their labels"
    number = number_instead(task, pairs, "regression")
    return _of_texts(replace(found, remarks=(of_label, *found.remarks, *number)))


def _of_texts(found: TextStarter) -> Starter:
    parts = {
        name: _flow(value) if isinstance(value, Mapping) else value
        for name, value in found.parts.items()
    }
    return Starter(_template(found.template).format(**parts), remarks=found.remarks)


def _place(data: Path, folder: Path) -> str:
    """A path as it is written in a config in a folder.

    Raises:
        DataError: it is not UTF-8.
    """
    place = os.path.relpath(str(data), str(folder))
    if legible(place) != place:
        raise DataError(
            f"{data}: its name is not UTF-8, so a config cannot contain it; rename it first"
        )
    return place


def _places(files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """The settings of files as they are written in a config in a folder."""
    return {name: _place(file, folder) for name, file in files.items()}


def _outline(source: Source) -> Dataset:
    """The data of a source, perhaps without inputs.

    Raises:
        DataError: the data is missing or not valid.
    """
    try:
        return source.outline()
    except SettingError as error:
        raise DataError(error.message) from None


def _for_table(files: Mapping[str, Path], options: TableOptions, folder: Path) -> Starter:
    chosen = choose_settings(files["path"], options)
    if chosen.texts is not None:
        return _for_table_of_texts(files, chosen, chosen.texts, folder)
    paths = {name: str(path) for name, path in files.items()}
    source = chosen.source().model_copy(update={**paths, "missing_target": "drop"})
    dataset, columns = _outline(source), source.column_report()
    _drop_unlabelled(columns, chosen)
    places = _places(files, folder)
    text = _template("vectors").format(
        source=_source({"kind": "csv", **places, **chosen.settings, **places}, chosen.reasons),
        rows=_count(len(dataset.samples), "row"),
        inputs=_count(len(dataset.columns), "input"),
        steps=_flow(suitable_steps(dataset))[1:-1],
        **_parts(dataset),
    )
    taken = _taken_for(columns, dataset, is_decided=options.task is not None)
    remarks = (
        *chosen.remarks(),
        taken,
        *_of_range(dataset),
        *_maybe_series(chosen, dataset),
        *_maybe_texts(chosen),
        *dataset.notices,
    )
    return Starter(text, columns, remarks)


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


def _taken_for(columns: Sequence[ColumnReport], dataset: Dataset, *, is_decided: bool) -> str:
    """A message on what the label was taken for, and how to change it if the user has not said."""
    label, *others = (column.profile for column in columns if column.role == "label")
    if others:
        names = ", ".join(f"'{profile.name}'" for profile in (label, *others))
        return f"labels {names}: taken as {_task(dataset)}"
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


def _for_folder(files: Mapping[str, Path], folder: Path) -> Starter:
    source = ImageFolder.model_validate({name: str(path) for name, path in files.items()})
    settings: dict[str, Any] = {"kind": "image_folder", **_places(files, folder), "size": [28, 28]}
    reasons: dict[tuple[str, ...], str] = {}
    try:
        dataset = _outline(source)
    except DataError:  # which pictures that cannot be read may have caused
        dataset = _outline(source.model_copy(update={"unreadable": "drop"}))
        settings["unreadable"] = "drop"
        reasons["unreadable",] = "some pictures cannot be read; `nnkit data check` names them"
    text = _template("pictures").format(
        source=_source(settings, reasons),
        samples=_count(len(dataset.samples), "picture"),
        steps="scale",
        **_parts(dataset),
    )
    return Starter(text, remarks=(_classes_in_words(dataset), *dataset.notices))


def _for_archive(files: Mapping[str, Path], folder: Path) -> Starter:
    path = files["path"]
    names = archive_names(path)
    for inputs, targets in PAIRS:
        if inputs in names and targets in names:
            arrays = {"inputs": inputs, "targets": targets}
            break
    else:
        expected = ", ".join(f"{inputs} and {targets}" for inputs, targets in PAIRS)
        raise DataError(f"{path}: contains {', '.join(names)}; expected arrays named {expected}")
    test = {
        key: name.removesuffix("_train") + "_test"
        for key, name in (("test_inputs", inputs), ("test_targets", targets))
    }
    if set(test.values()) <= set(names) and "test" not in files:
        arrays |= test
    source = Npz.model_validate({**{name: str(file) for name, file in files.items()}, **arrays})
    return _for_arrays(_outline(source), {"kind": "npz", **_places(files, folder), **arrays})


def _for_npy(path: Path, place: str) -> Starter:
    for inputs, targets in PAIRS:
        other = path.with_name(path.name.replace(inputs, targets, 1))
        if inputs in path.name and other.exists():
            source = Npy(inputs=str(path), targets=str(other))
            beside = str(Path(place).with_name(other.name))
            return _for_arrays(source.load(), {"kind": "npy", "inputs": place, "targets": beside})
    raise DataError(
        f"{path}: no targets found beside it; name the files such as inputs.npy and targets.npy, "
        "or X.npy and y.npy"
    )


def _for_arrays(dataset: Dataset, settings: Mapping[str, Any]) -> Starter:
    shape = dataset.input_shape
    pictures = len(shape) == 3 and min(shape[1:]) >= SMALLEST_IMAGE
    grey = dataset.samples.inputs.dtype == np.uint8
    size = math.prod(shape)
    form = _form_in_words(shape, pictures=pictures, grey=grey)
    text = _template("pictures" if pictures else "vectors").format(
        source=_source(settings, {("inputs",): form} if form else {}),
        samples=_count(len(dataset.samples), "sample"),
        rows=_count(len(dataset.samples), "sample"),
        inputs=_count(size, "input"),
        steps="scale" if grey else "standardize",
        **_parts(dataset),
    )
    if len(shape) > 1 and not pictures:
        text = text.replace("    - dense:", "    - flatten\n    - dense:", 1)
    remarks = (f"inputs: {form}",) if form else ()
    return Starter(text, remarks=(*remarks, _classes_in_words(dataset), *_of_range(dataset)))


def _form_in_words(shape: tuple[int, ...], *, pictures: bool, grey: bool) -> str | None:
    """Says what samples of a shape (channels, …) are taken for, and the layers for sequences.

    An array (n, a, b) may contain pictures, or sequences with the steps along either axis.
    """
    if len(shape) != 3:
        return None
    channels, height, width = shape
    if pictures and (channels > 1 or grey):
        return f"taken as pictures of {height} × {width} pixels with {_count(channels, 'channel')}"
    taken = f"grey pictures of {height} × {width} pixels"
    if not pictures:
        taken = f"{math.prod(shape):,} separate numbers"
    if channels > 1:
        return f"taken as {taken}"
    layers = "gru: 64, dense: 64, dense: auto]"
    return (
        f"taken as {taken}; for sequences of {height} steps with {_count(width, 'number')} each, "
        f"let the layers be [rows, {layers}, for {width} steps with {_count(height, 'number')} "
        f"each [reshape: [{height}, {width}], {layers}"
    )


def _classes_in_words(dataset: Dataset) -> str:
    if dataset.classes is None:
        return f"targets: taken as {_count(int(dataset.samples.targets.shape[1]), 'number')}"
    names = ", ".join(dataset.classes[:10]) + (", …" if len(dataset.classes) > 10 else "")
    return f"targets: taken as {len(dataset.classes):,} classes: {names}"


def _parts(dataset: Dataset) -> dict[str, Any]:
    """The parts of a template that depend on the number of samples and the targets."""
    samples = len(dataset.samples)
    classes = None if dataset.classes is None else len(dataset.classes)
    network = suitable_network(samples)
    scaled = not (classes or _is_yes_or_no(dataset))
    loss = "squared_error" if scaled else "cross_entropy" if classes else "binary_cross_entropy"
    return {
        "split": _split(dataset, network.validation),
        "target": _scaling(dataset) if scaled else "",
        "task": _task(dataset),
        "hidden": network.hidden,
        "outputs": classes or int(dataset.samples.targets.shape[1]),
        "loss": loss,
        "optimizer": _flow(network.optimizer),
        "regularization": _flow(network.regularization),
        "training": _flow(network.training),
    }


def _scaling(dataset: Dataset) -> str:
    """The setting `target` for numbers, with comments."""
    lines = [line for reason in _of_range(dataset) for line in _comment(reason, 2)]
    return "\n".join([*lines, "  target: standardize  # undone in predictions and metrics\n"])


def _of_range(dataset: Dataset) -> Sequence[str]:
    """A remark on targets that span many orders of magnitude; nothing on others."""
    if dataset.classes is not None or (found := wide_range(dataset.samples.targets[:])) is None:
        return ()
    what = f"label '{dataset.label}' ranges" if dataset.label else "the targets range"
    remark = (
        f"{what} {found}, so that the largest decide the fit; if errors matter in proportion, try "
        "target: log instead of standardize, and compare"
    )
    return (remark,)


def _split(dataset: Dataset, validation: float) -> str:
    """The setting `split`, with a comment."""
    few = "too few samples for a validation set"
    if dataset.test is not None and dataset.validation is not None:
        return "{}  # the validation and the test set are the data's own"
    if dataset.validation is not None:
        return "{test: 0.2}  # for the final evaluation; the validation set is the data's own"
    if dataset.test is not None:
        monitored = "for monitoring" if validation else few
        return f"{{validation: {validation}}}  # {monitored}; the test set is the data's own"
    if len(dataset.samples) < FEWEST_TO_SPLIT:
        return "{validation: 0, test: 0}  # too few rows to hold out"
    reason = "for monitoring, and for the final evaluation" if validation else few
    return f"{{validation: {validation}, test: 0.2}}  # {reason}"


def _task(dataset: Dataset) -> str:
    """Describes in words what is to be predicted."""
    if dataset.classes is not None:
        return f"{len(dataset.classes)} classes"
    outputs = int(dataset.samples.targets.shape[1])
    if outputs == 1:
        return "a number"
    return f"{outputs} yes/no labels" if _is_yes_or_no(dataset) else f"{outputs} numbers"


def _is_yes_or_no(dataset: Dataset) -> bool:
    """Whether there are several targets, all of them 0 or 1, or all of them ±1."""
    targets = dataset.samples.targets
    if dataset.classes is not None or targets.shape[1] == 1:
        return False
    return any(
        all(bool(((part == no) | (part == 1)).all()) for part in chunks(targets)) for no in (0, -1)
    )


def _source(settings: Mapping[str, Any], reasons: Mapping[tuple[str, ...], str]) -> str:
    """The source's settings as lines of a config, with the reasons above them."""
    short = f"  source: {_flow(settings)}"
    if not reasons and len(short) <= WIDTH:
        return short
    lines = ["  source:"]
    for name, value in settings.items():
        lines += _comment(reasons.get((name,)), 4)
        items = [(item, reason) for (key, *item), reason in reasons.items() if key == name and item]
        if not items:
            lines.append(f"    {name}: {_flow(value)}")
            continue
        lines.append(f"    {name}:")
        said = ""
        for item in value:
            reason = reasons.get((name, str(item)), "")
            lines += _comment(reason if reason != said else None, 6)
            said = reason
            if isinstance(value, Mapping):
                lines.append(f"      {_flow(item)}: {_flow(value[item])}")
            else:
                lines.append(f"      - {_flow(item)}")
    return "\n".join(lines)


def _comment(text: str | None, indent: int) -> list[str]:
    if not text:
        return []
    text = "".join(c if c.isprintable() else " " for c in legible(text))
    prefix = " " * indent + "# "
    return wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def _flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return in_yaml(value) if isinstance(value, str) else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _template(name: str) -> str:
    return (files("nnkit.task") / "templates" / f"{name}.yaml").read_text(encoding="utf-8")
