"""The task of a file of texts, judged by what its lines hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from nnkit.data.text.text_lines import read_lines
from nnkit.errors import DataError

TextTask = Literal[
    "translation", "tagging", "text_classification", "text_regression", "language_model"
]
TAGGED = (".conllu", ".iob")  # suffixes of files with a word and its tags on each line
MOST_CLASSES = 20
FEWEST_WORDS = 1.5  # of a text, on average; names and codes have fewer
FEWEST_NAMES = 20  # rows of single words that may be texts, such as names
LOOKED_AT = 2000  # lines that decide what a file contains
NUMBER = re.compile(r"[+-]?[.,]?\d[\d.,]* ?[^\d\s]{0,5}")


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
    if share_of_numbers(sources) > 0.5 or len(set(sources)) < len(sources) / 2:
        return None
    # Single words are texts, too, if nearly all differ: as categories they would tell nothing.
    are_single = not are_texts(sources)
    if are_single and (len(sources) < FEWEST_NAMES or _lettered(sources) < 0.9):
        return None
    if len(set(targets)) <= few:
        return "text_classification"
    if share_of_numbers(targets) > 0.5:
        return None if are_single else "text_regression"
    equal = sum(len(s.split()) == len(t.split()) for s, t in zip(sources, targets, strict=True))
    tags = {tag for target in targets for tag in target.split()}
    words = {word for source in sources for word in source.split()}
    are_tags = equal > 0.95 * len(sources) and len(tags) < len(words) / 2
    return "tagging" if are_tags and not are_single else "translation"


def share_of_numbers(cells: Sequence[str]) -> float:
    """The share of cells that are numbers, perhaps with a unit."""
    return sum(NUMBER.fullmatch(cell) is not None for cell in cells) / len(cells)


def _lettered(cells: Sequence[str]) -> float:
    """The share of cells that consist of letters, apart from hyphens and apostrophes."""
    return sum(cell.replace("-", "").replace("'", "").isalpha() for cell in cells) / len(cells)


def are_texts(cells: Sequence[str]) -> bool:
    """Whether cells have enough words to be texts, unlike names or codes."""
    return sum(len(cell.split()) for cell in cells) >= FEWEST_WORDS * len(cells)
