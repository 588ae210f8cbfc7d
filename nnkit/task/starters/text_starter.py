"""Starter configs for texts: translation, tagging, their classes or numbers, language models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, Literal

from nnkit.data.text.csv_pairs import read_csv_pairs
from nnkit.data.text.text_folder import read_lines_of
from nnkit.data.text.text_pairs import TextPairs, read_pairs
from nnkit.errors import DataError
from nnkit.task.starters.dataset_parts import FEWEST_TO_SPLIT
from nnkit.task.starters.rendering import fill_template, path_in_config
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.starter_symbols import cut_remarks, parts_of_words, symbols_of
from nnkit.task.starters.text_task import (
    TAGGED,
    TextTask,
    columns_for,
    csv_delimiter,
    first_lines,
    have_tagged_words,
    numeric,
)

AS_TABLE = "--task {} takes the file as a table"
LANGUAGE = {  # settings against overfitting
    "dropout": 0.3,
    "readout": "    - dropout: 0.3\n",
    "loss": "\nloss: {kind: cross_entropy, label_smoothing: 0.1}\n",
}
NOTATION = {"dropout": 0.2, "readout": "", "loss": ""}
MANY = 5000  # sentences of a file whose number is not known
MOST_HELD_OUT = 2000
SHORT = 40  # characters of a line that is a text of its own, such as a name
UPDATES = 4000  # of training on pairs, which take some minutes
CHARACTERS = 10_000_000  # that a language model reads in training
NUMBER_EACH = {  # the parts of a starter config that are of numbers
    "targets": "number",
    "each": "a number each",
    "target": "  target: standardize  # undone in predictions and metrics\n",
    "outputs": "the number",
    "loss": "squared_error",
}


def starter_for_texts(
    task: TextTask, path: Path, folder: Path, label: str | None = None
) -> Starter:
    """A starter config for a file of texts.

    Args:
        task: what is predicted.
        path: the file.
        folder: the folder of the config.
        label: the column to predict, by its name or its index from 0; None for the second.

    Raises:
        DataError: the file cannot be read, or is not of that kind.
        UsageError: there is no such column.
    """
    place = path_in_config(path, folder)
    if task == "language_model":
        return _language_model(path, place)
    if task == "tagging" and _has_word_lines(path):
        return _tagging({"kind": "tagged", "path": place}, path, None)
    source, pairs = _pairs_of(task, path, label)
    source = {"kind": "pairs", "path": place, **source}
    if task == "tagging":
        return _tagging(source, path, pairs)
    if task == "translation":
        return _translation(source, pairs)
    starter = starter_for_labelled_texts(task, source, pairs)
    as_table = AS_TABLE.format(task.removeprefix("text_"))
    number = number_instead(task, pairs, "text_regression")
    return replace(starter, remarks=(*starter.remarks, *number, as_table))


def _has_word_lines(path: Path) -> bool:
    """Whether each line has a word and its tags, rather than a sentence."""
    return path.suffix in TAGGED or (path.suffix != ".csv" and have_tagged_words(first_lines(path)))


def _pairs_of(task: TextTask, path: Path, label: str | None) -> tuple[dict[str, Any], TextPairs]:
    """The settings of a source of pairs, without its path, and the pairs."""
    source: dict[str, Any] = {} if label is None else columns_for(path, label)
    columns = source.get("source", 0), source.get("target", 1)
    if path.suffix == ".csv":
        delimiter = csv_delimiter(path)
        source |= {"delimiter": delimiter, "header": True}
        pairs = read_csv_pairs(path, *columns, delimiter=delimiter)
        return source, _with_names_said(pairs)
    pairs = read_pairs(path, *columns)
    if _begins_with_names(task, pairs):
        return {**source, "header": True}, _with_names_said(read_pairs(path, *columns, header=True))
    return source, pairs


def number_instead(task: TextTask, pairs: TextPairs, other: str) -> tuple[str, ...]:
    """Says that classes which are numbers could be predicted as such, by the task `other`."""
    doubtful = task == "text_classification" and numeric(pairs.targets) == 1
    return (f"--task {other} predicts a number",) if doubtful else ()


def _begins_with_names(task: TextTask, pairs: TextPairs) -> bool:
    """Whether the first line, which was taken for a text and its label, names the columns."""
    if pairs.names or len(pairs.targets) < FEWEST_TO_SPLIT or task == "tagging":
        return False
    first, *others = (target.strip() for target in pairs.targets)
    if task == "text_regression":
        return not numeric([first]) and bool(numeric(others[:1]))
    if task == "translation":  # a name has other characters than 07:37
        return len(first.split()) == 1 and set(first.casefold()).isdisjoint(
            chain.from_iterable(map(str.casefold, others))
        )
    is_label = min(Counter(others).values()) == 1 or first in others
    return not is_label and len(pairs.sources[0].split()) == 1


def _with_names_said(pairs: TextPairs) -> TextPairs:
    """The pairs with a notice that the first row of their file names the columns."""
    names = ", ".join(pairs.names)
    said = (
        f"{pairs.path}:1: names the columns: {names}; 'header: false' under data.source reads a "
        "pair"
    )
    return replace(pairs, notices=(*pairs.notices, said))


def _translation(source: dict[str, Any], pairs: TextPairs) -> Starter:
    count = len(pairs.sources)
    units = 128 if count < 50_000 else 256
    subwords = parts_of_words(pairs.sources, pairs.targets)
    text, reason = subwords or symbols_of(pairs.sources, pairs.targets)
    parts = {
        "pairs": f"{count:,} pairs",
        "source": source,
        "text": text,
        "unit_reason": reason,
        "split": {"by": "source", **_held_out(count)},
        "embedding": units // 2,
        "units": units,
        **(LANGUAGE if subwords else NOTATION),
        **_length_of_training(count, 40 if subwords else 30),
    }
    remarks = (
        "taken as pairs of texts: the second column is written, given the first",
        "'source: 1' and 'target: 0' under data.source swap them; "
        + AS_TABLE.format("classification"),
        *cut_remarks(text),
        *pairs.notices,
    )
    return Starter(fill_template("translation", parts), remarks=remarks)


def _tagging(source: dict[str, Any], path: Path, pairs: TextPairs | None) -> Starter:
    count = len(pairs.sources) if pairs is not None else None
    size = "sentences" if count is None else f"{count:,} lines"
    parts = {
        "pairs": f"{size} of {path.name}",
        "source": source,
        "split": _held_out(count or MANY),
        **_length_of_training(count or MANY),
    }
    remark = "taken as sentences with a tag for each word; --task translation writes free texts"
    return Starter(fill_template("tagging", parts), remarks=(remark,))


def starter_for_labelled_texts(
    task: Literal["text_classification", "text_regression"],
    source: Mapping[str, Any],
    pairs: TextPairs,
) -> Starter:
    """A starter config for texts with a class or a number each.

    Args:
        task: which of the two it is.
        source: the settings of the source, apart from `targets`.
        pairs: the texts with their labels.
    """
    count = len(pairs.sources)
    text, reason = symbols_of(pairs.sources)
    of_task = _classes_of(pairs) if task == "text_classification" else NUMBER_EACH
    split = {name: part for name, part in _held_out(count).items() if name not in source}
    parts = {
        "pairs": f"{count:,} lines",
        "source": {**source, "targets": of_task["targets"]},
        "text": text,
        "unit_reason": reason,
        "split": split,
        **of_task,
        **_length_of_training(count),
    }
    remarks = (f"taken as texts with {of_task['each']}", *cut_remarks(text), *pairs.notices)
    return Starter(fill_template("texts", parts), remarks=remarks)


def _classes_of(pairs: TextPairs) -> dict[str, str]:
    """The parts of a starter config that are of classes."""
    names = sorted({target.strip() for target in pairs.targets})
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return {
        "targets": "class",
        "each": f"one of {len(names)} classes each: {shown}",
        "target": "",
        "outputs": "an output for each class",
        "loss": "cross_entropy",
    }


def _language_model(path: Path, place: str) -> Starter:
    read = read_lines_of(path)
    lines = [line for line in read.texts if line.strip()]
    if not lines:
        raise DataError(f"{path}: contains no text")
    characters = sum(map(len, lines))
    source = {"kind": "text", "path": place}
    parts = {"units": 128, "epochs": min(max(CHARACTERS // characters, 2), 30), "batch_size": 32}
    if median(map(len, lines)) <= SHORT and len(set(lines)) > 0.8 * len(lines):
        of_lines = {
            "content": f"{len(lines):,} short texts, one on each line",
            "source": {**source, "samples": "lines"},
            "settings": "  split: {validation: 0.1}\n",
            "longest": 2 * max(map(len, lines)),
        }
        remark = "taken as a text on each line; 'samples: document' reads one long text"
        text = fill_template("language_model", {**parts, **of_lines})
        return Starter(text, remarks=(remark, *read.notices))
    of_document = {
        "content": f"A text of {characters:,} characters",
        "source": {**source, "validation_part": 0.1},
        "settings": "  windows: {length: 64, stream: true}  # the state goes on in the next\n",
        "longest": 500,
    }
    remarks = (
        "taken as one long text; with 'samples: lines' each line is a text of its own",
        "its last tenth is held out as the validation set",
        *read.notices,
    )
    return Starter(fill_template("language_model", {**parts, **of_document}), remarks=remarks)


def _held_out(count: int) -> dict[str, float]:
    """The sizes of the validation and the test set."""
    part = 0 if count < FEWEST_TO_SPLIT else 0.1 if count < 10 * MOST_HELD_OUT else MOST_HELD_OUT
    return {"validation": part, "test": part}


def _length_of_training(count: int, most_epochs: int = 30) -> dict[str, int]:
    batch_size = 32 if count < 5000 else 64 if count < 20_000 else 128
    epochs = UPDATES * batch_size // max(count, 1)
    return {"epochs": min(max(epochs, 4), most_epochs), "batch_size": batch_size}
