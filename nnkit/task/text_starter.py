"""Starter configs for texts: translation, tagging, their classes or numbers, language models."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from nnkit.data.text.csv_pairs import read_csv_pairs
from nnkit.data.text.text_lines import read_lines
from nnkit.data.text.text_pairs import TextPairs, read_pairs
from nnkit.errors import DataError
from nnkit.task.starter_symbols import parts_of_words, symbols_of

TextTask = Literal[
    "translation", "tagging", "text_classification", "text_regression", "language_model"
]
AS_TABLE = "--task {} takes the file as a table"
TAGGED = (".conllu", ".iob")  # suffixes of files with a word and its tags on each line
MOST_CLASSES = 20
FEWEST_WORDS = 1.5  # of a text, on average; names and codes have fewer
LOOKED_AT = 2000  # lines that decide what a file contains
LANGUAGE = {  # settings against overfitting
    "dropout": 0.3,
    "readout": "    - dropout: 0.3\n",
    "loss": "\nloss: {kind: cross_entropy, label_smoothing: 0.1}\n",
}
NOTATION = {"dropout": 0.2, "readout": "", "loss": ""}
MANY = 5000  # sentences of a file whose number is not known
FEWEST_TO_SPLIT = 20
FEWEST_NAMES = 20  # rows of single words that may be texts, such as names
MOST_HELD_OUT = 2000
SHORT = 40  # characters of a line that is a text of its own, such as a name
UPDATES = 4000  # of training on pairs, which take some minutes
NUMBER = re.compile(r"[+-]?[.,]?\d[\d.,]* ?[^\d\s]{0,5}")
CHARACTERS = 10_000_000  # that a language model reads in training
NUMBER_EACH = {  # the parts of a starter config that are of numbers
    "targets": "number",
    "each": "a number each",
    "target": "  target: standardize  # undone in predictions and metrics\n",
    "outputs": "the number",
    "loss": "squared_error",
}


@dataclass(frozen=True, slots=True)
class TextStarter:
    """The parts of a starter config for texts.

    Attributes:
        template: the name of the template.
        parts: what it is filled with.
        remarks: what was decided, and how to decide otherwise.
    """

    template: str
    parts: Mapping[str, Any]
    remarks: tuple[str, ...]


def task_of_texts(path: Path) -> TextTask | None:
    """The task of a file of texts, judged by its first lines; None if it may be a table.

    Args:
        path: the file.
    """
    if path.suffix in TAGGED:
        return "tagging"
    if path.suffix not in (".csv", ".tsv", ".txt", ".gz"):
        return None
    try:
        lines = [line for line in read_lines(path).texts[:LOOKED_AT] if line.strip()]
    except DataError:
        return None
    if path.suffix == ".csv":  # whose first row names the columns
        rows = [*csv.reader(lines)][1:]
    else:
        rows = [line.split("\t") for line in lines]
    columns = {len(row) for row in rows}
    if columns == {2}:
        return _task_of_pairs([row[0].strip() for row in rows], [row[1].strip() for row in rows])
    is_plain = columns == {1} and path.suffix in (".txt", ".gz") and not _is_delimited(lines)
    return "language_model" if is_plain else None


def _is_delimited(lines: Sequence[str]) -> bool:
    """Whether the lines may be the rows of a table, with equally many delimiters on each."""
    counts = ({line.count(mark) for line in lines} for mark in ",;|")
    return any(len(found) == 1 and found != {0} for found in counts)


def _task_of_pairs(sources: Sequence[str], targets: Sequence[str]) -> TextTask | None:
    """The task of two columns; None if the first is not text."""
    few = min(MOST_CLASSES, len(targets) / 10)
    if _numeric(sources) > 0.5 or len(set(sources)) < len(sources) / 2:
        return None
    # Single words are texts, too, if nearly all differ: as categories they would tell nothing.
    are_single = not are_texts(sources)
    if are_single and (len(sources) < FEWEST_NAMES or _lettered(sources) < 0.9):
        return None
    if len(set(targets)) <= few:
        return "text_classification"
    if _numeric(targets) > 0.5:
        return None if are_single else "text_regression"
    equal = sum(len(s.split()) == len(t.split()) for s, t in zip(sources, targets, strict=True))
    tags = {tag for target in targets for tag in target.split()}
    words = {word for source in sources for word in source.split()}
    are_tags = equal > 0.95 * len(sources) and len(tags) < len(words) / 2
    return "tagging" if are_tags and not are_single else "translation"


def starter_for_texts(task: TextTask, path: Path, place: str) -> TextStarter:
    """The parts of a starter config.

    Args:
        task: what is predicted.
        path: the file.
        place: its path as it is written in the config.

    Raises:
        DataError: the file cannot be read, or is not of that kind.
    """
    if task == "language_model":
        return _language_model(path, place)
    if task == "tagging" and path.suffix in TAGGED:
        return _tagging({"kind": "tagged", "path": place}, path, None)
    source: dict[str, Any] = {"kind": "pairs", "path": place}
    if path.suffix == ".csv":
        pairs = read_csv_pairs(path)
        pairs = replace(pairs, notices=(*pairs.notices, _named_columns(path, pairs)))
        source |= {"delimiter": ",", "header": True}
    else:
        pairs = read_pairs(path)
    if task == "tagging":
        return _tagging(source, path, pairs)
    if task == "translation":
        return _translation(source, pairs)
    if _begins_with_names(task, pairs):
        source["header"] = True
        pairs = read_pairs(path, header=True)
    starter = starter_for_labelled_texts(task, source, pairs)
    as_table = AS_TABLE.format(task.removeprefix("text_"))
    number = number_instead(task, pairs, "text_regression")
    return replace(starter, remarks=(*starter.remarks, *number, as_table))


def number_instead(task: TextTask, pairs: TextPairs, other: str) -> tuple[str, ...]:
    """Says that classes which are numbers could be predicted as such, by the task `other`."""
    doubtful = task == "text_classification" and _numeric(pairs.targets) == 1
    return (f"--task {other} predicts a number",) if doubtful else ()


def _begins_with_names(task: TextTask, pairs: TextPairs) -> bool:
    """Whether the first line, which was taken for a text and its label, names the columns."""
    if pairs.names or len(pairs.targets) < FEWEST_TO_SPLIT:
        return False
    first, *others = (target.strip() for target in pairs.targets)
    if task == "text_regression":
        return not _numeric([first]) and bool(_numeric(others[:1]))
    is_label = min(Counter(others).values()) == 1 or first in others
    return not is_label and len(pairs.sources[0].split()) == 1


def _named_columns(path: Path, pairs: TextPairs) -> str:
    """A notice that the first row of a table is not a pair."""
    names = ", ".join(pairs.names)
    return f"{path}:1: names the columns: {names}; 'header: false' under data.source reads a pair"


def _translation(source: dict[str, Any], pairs: TextPairs) -> TextStarter:
    count = len(pairs.sources)
    units = 128 if count < 50_000 else 256
    parts = parts_of_words(pairs.sources, pairs.targets)
    text, reason = parts or symbols_of(pairs.sources, pairs.targets)
    return TextStarter(
        "translation",
        {
            "pairs": f"{count:,} pairs",
            "source": source,
            "text": text,
            "unit_reason": reason,
            "split": {"by": "source", **_held_out(count)},
            "embedding": units // 2,
            "units": units,
            **(LANGUAGE if parts else NOTATION),
            **_length_of_training(count, 40 if parts else 30),
        },
        (
            "taken as pairs of texts: the second column is written, given the first",
            "'source: 1' and 'target: 0' under data.source turn this round; "
            + AS_TABLE.format("classification"),
            *pairs.notices,
        ),
    )


def _tagging(source: dict[str, Any], path: Path, pairs: TextPairs | None) -> TextStarter:
    count = len(pairs.sources) if pairs is not None else None
    size = "sentences" if count is None else f"{count:,} lines"
    return TextStarter(
        "tagging",
        {
            "pairs": f"{size} of {path.name}",
            "source": source,
            "split": _held_out(count or MANY),
            **_length_of_training(count or MANY),
        },
        ("taken as sentences with a tag for each word; --task translation writes free texts",),
    )


def starter_for_labelled_texts(
    task: Literal["text_classification", "text_regression"],
    source: Mapping[str, Any],
    pairs: TextPairs,
) -> TextStarter:
    """The parts of a starter config for texts with a class or a number each.

    Args:
        task: which of the two it is.
        source: the settings of the source, apart from `targets`.
        pairs: the texts with their labels.
    """
    count = len(pairs.sources)
    text, reason = symbols_of(pairs.sources)
    of_task = _classes_of(pairs) if task == "text_classification" else NUMBER_EACH
    split = {name: part for name, part in _held_out(count).items() if name not in source}
    return TextStarter(
        "texts",
        {
            "pairs": f"{count:,} lines",
            "source": {**source, "targets": of_task["targets"]},
            "text": text,
            "unit_reason": reason,
            "split": split,
            **of_task,
            **_length_of_training(count),
        },
        (f"taken as texts with {of_task['each']}", *pairs.notices),
    )


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


def _language_model(path: Path, place: str) -> TextStarter:
    lines = [line for line in read_lines(path).texts if line.strip()]
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
        return TextStarter("language_model", {**parts, **of_lines}, (remark,))
    of_document = {
        "content": f"A text of {characters:,} characters",
        "source": {**source, "validation_part": 0.1},
        "settings": "  windows: {length: 64, stream: true}  # the state goes on in the next\n",
        "longest": 500,
    }
    remarks = (
        "taken as one long text; with 'samples: lines' each line is a text of its own",
        "its last tenth is held out as the validation set",
    )
    return TextStarter("language_model", {**parts, **of_document}, remarks)


def _held_out(count: int) -> dict[str, float]:
    """The sizes of the validation and the test set."""
    part = 0 if count < FEWEST_TO_SPLIT else 0.1 if count < 10 * MOST_HELD_OUT else MOST_HELD_OUT
    return {"validation": part, "test": part}


def _length_of_training(count: int, most_epochs: int = 30) -> dict[str, int]:
    batch_size = 32 if count < 5000 else 64 if count < 20_000 else 128
    epochs = UPDATES * batch_size // max(count, 1)
    return {"epochs": min(max(epochs, 4), most_epochs), "batch_size": batch_size}


def _numeric(cells: Sequence[str]) -> float:
    """The share of cells that are numbers, perhaps with a unit."""
    return sum(NUMBER.fullmatch(cell) is not None for cell in cells) / len(cells)


def _lettered(cells: Sequence[str]) -> float:
    """The share of cells that consist of letters, apart from hyphens and apostrophes."""
    return sum(cell.replace("-", "").replace("'", "").isalpha() for cell in cells) / len(cells)


def are_texts(cells: Sequence[str]) -> bool:
    """Whether cells have enough words to be texts, unlike names or codes."""
    return sum(len(cell.split()) for cell in cells) >= FEWEST_WORDS * len(cells)
