"""The task of a file of texts: pairs, tagged sentences, labelled or plain texts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from nnkit.data.gzip_files import read_bytes
from nnkit.data.text.text_lines import UTF_16_MARKS, split_lines
from nnkit.data.text.text_pairs import ColumnChoice
from nnkit.errors import DataError, UsageError

TextTask = Literal[
    "translation", "tagging", "text_classification", "text_regression", "language_model"
]
Rows = Sequence[Sequence[str]]

TAGGED = (".conllu", ".conll", ".iob", ".iob2", ".bio")  # with a word and its tags on each line
DELIMITERS = ",;|"  # of CSV files
REGULAR = 0.95  # share of lines with as many columns as most
MOST_CLASSES = 20
MOST_TAGS = 100
FEWEST_WORDS = 1.5  # of a text, on average; names and codes have fewer
FEWEST_NAMES = 20  # rows of single words that may be texts, such as names
LOOKED_AT = 2000  # lines that decide what a file contains
LONGEST_SENTENCE = 50  # words of tagged sentences, on average
ILLEGIBLE = 0.2  # share of characters from which on a file is not taken for text
NUMBER = re.compile(r"[+-]?[.,]?\d[\d.,]* ?[^\d\s]{0,5}")


def task_of_texts(path: Path) -> TextTask | None:
    """The task of a file of texts, judged by its first lines; None if it may be a table.

    Faults, such as a line with another number of columns or characters that are not UTF-8, do not
    matter here; who reads the file tells their places.

    Args:
        path: the file.

    Raises:
        DataError: a file that should have columns separated by tabs has none.
    """
    if path.suffix in TAGGED:
        return "tagging"
    if path.suffix not in (".csv", ".tsv", ".txt", ".gz"):
        return None
    try:
        lines = first_lines(path)
    except DataError:
        return None
    if path.suffix == ".csv":  # whose first row names the columns
        rows = csv_rows(lines, csv_delimiter(path))[1:]
    elif have_tagged_words(lines):
        return "tagging"
    else:
        rows = [line.split("\t") for line in lines if line.strip()]
    match columns_of(rows):
        case 1 if path.suffix in (".txt", ".gz"):
            return None if _is_delimited(lines) else "language_model"
        case 1 if path.suffix == ".tsv" and len(rows) > 1 and not _is_delimited(lines):
            _refuse_without_tabs(path, rows)
        case 2:
            return _task_of_pairs(rows)
        case 3 if path.suffix != ".csv" and _has_remarks(rows):
            return _task_of_pairs(rows)
    return None


def first_lines(path: Path) -> list[str]:
    """The first lines of a file, legible or not.

    Raises:
        DataError: the file cannot be read, or is not text.
    """
    content = read_bytes(path)
    encoding = "utf-16" if content.startswith(UTF_16_MARKS) else "utf-8"
    text = content.decode(encoding, errors="replace")
    if text.count("\0") + text.count("\ufffd") > ILLEGIBLE * len(text):
        raise DataError(f"{path}: not text")
    return list(split_lines(text.replace("\0", "").encode(), path).texts[:LOOKED_AT])


def csv_delimiter(path: Path) -> str:
    """The delimiter of a CSV file that gives two columns, or else some; a comma if none does."""
    lines = first_lines(path)
    columns = {mark: columns_of(csv_rows(lines, mark)) for mark in DELIMITERS}
    regular = [mark for mark, count in columns.items() if count > 1]
    return min(regular, key=lambda mark: columns[mark], default=",")


def csv_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The rows of a CSV file, without blank ones."""
    return [row for row in csv.reader(lines, delimiter=delimiter) if row]


def rows_of(path: Path) -> list[list[str]]:
    """The first rows of a file of columns: those of a CSV file, or separated by tabs."""
    lines = first_lines(path)
    if path.suffix == ".csv":
        return csv_rows(lines, csv_delimiter(path))
    return [line.split("\t") for line in lines if line.strip()]


def columns_of(rows: Rows) -> int:
    """The number of columns of nearly all rows; 0 if rows differ."""
    if not rows:
        return 0
    (columns, count), *_ = Counter(map(len, rows)).most_common(1)
    return columns if count >= REGULAR * len(rows) else 0


def have_tagged_words(lines: Sequence[str]) -> bool:
    """Whether lines have a word and its tags each, and blank lines separate sentences."""
    kept = [line.strip() for line in lines if not line.startswith("#")]
    separator = "\t" if any("\t" in line for line in kept) else None
    sentences = sum(not is_blank for is_blank, _ in groupby(kept, lambda line: not line))
    rows = [line.split(separator) for line in kept if line]
    words_of_each = len(rows) / max(sentences, 1)
    if sentences < 2 or not 2 <= words_of_each <= LONGEST_SENTENCE or columns_of(rows) < 2:
        return False
    tags = {row[-1] for row in rows}
    words = {row[0] for row in rows}
    return (
        len(tags) <= min(MOST_TAGS, len(words))
        and numeric([*tags]) < REGULAR
        and not any(" " in word for word in words)
    )


def columns_for(path: Path, label: str) -> dict[str, ColumnChoice]:
    """The columns of the texts and of what is predicted from them, as settings of `pairs`.

    Args:
        path: the file.
        label: the column to predict, by its name or its index from 0.

    Raises:
        UsageError: there is no such column, or none besides it.
    """
    header, *rows = rows_of(path) or [[]]
    is_named = label in header
    if not is_named and not (label.isdecimal() and int(label) < len(header)):
        raise UsageError(f"--label {label}: {path}: no such column; available: {', '.join(header)}")
    target = header.index(label) if is_named else int(label)
    others = [i for i in range(len(header)) if i != target]
    if not others:
        raise UsageError(f"--label {label}: {path}: there is no column besides it")
    regular = [row for row in rows if len(row) == len(header)]
    of_texts = [i for i in others if regular and are_texts([row[i] for row in regular])]
    source = (of_texts or others)[0]
    if is_named:
        return {"source": header[source], "target": label}
    return {"source": source, "target": target}


def _is_delimited(lines: Sequence[str]) -> bool:
    """Whether the lines may be the rows of a table, with equally many delimiters on each."""
    counts = ({line.count(mark) for line in lines if line.strip()} for mark in ",;|")
    return any(len(found) == 1 and found != {0} for found in counts)


def _refuse_without_tabs(path: Path, rows: Rows) -> None:
    """Refuses a file whose lines are sentences, of which a tab should separate two.

    Raises:
        DataError: they are sentences.
    """
    texts = [row[0] for row in rows]
    if columns_of([text.split() for text in texts]) == 0 and are_texts(texts):
        raise DataError(
            f"{path}:1: there is no tab in this line, nor in most others; in a .tsv file, a tab "
            "separates the columns, such as the two texts of a pair"
        )


def _has_remarks(rows: Rows) -> bool:
    """Whether a pair of texts stands before a third column of texts that differ, such as origins.

    In other tables the last column is a class or a number.
    """
    regular = [row for row in rows if len(row) == 3]
    columns = [[row[i] for row in regular] for i in range(3)]
    return all(map(are_texts, columns)) and all(map(_mostly_differ, columns))


def _mostly_differ(cells: Sequence[str]) -> bool:
    return len(set(cells)) >= len(cells) / 2


def _task_of_pairs(rows: Rows) -> TextTask | None:
    """The task of the first two columns; None if the first is not text."""
    pairs = [(row[0].strip(), row[1].strip()) for row in rows if len(row) > 1]
    pairs = [(source, target) for source, target in pairs if source and target]
    if not pairs:
        return None
    sources, targets = zip(*pairs, strict=True)
    few = min(MOST_CLASSES, len(targets) / 10)
    if numeric(sources) > 0.5 or not _mostly_differ(sources):
        return None
    # Single words are texts, too, if nearly all differ: as categories they would tell nothing.
    are_single = not are_texts(sources)
    if are_single and (len(sources) < FEWEST_NAMES or _lettered(sources) < 0.9):
        return None
    if not are_single and _are_tags(sources, targets):
        return "tagging"
    if len(set(targets)) <= few:
        return "text_classification"
    if numeric(targets) > 0.5:
        return None if are_single else "text_regression"
    return "translation"


def _are_tags(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether the targets are a tag for each word."""
    equal = sum(len(s.split()) == len(t.split()) for s, t in zip(sources, targets, strict=True))
    tags = {tag for target in targets for tag in target.split()}
    words = {word for source in sources for word in source.split()}
    return equal > REGULAR * len(sources) and len(tags) < len(words) / 2


def numeric(cells: Sequence[str]) -> float:
    """The share of cells that are numbers, perhaps with a unit."""
    return sum(NUMBER.fullmatch(cell) is not None for cell in cells) / len(cells)


def _lettered(cells: Sequence[str]) -> float:
    """The share of cells that consist of letters, apart from hyphens and apostrophes."""
    return sum(cell.replace("-", "").replace("'", "").isalpha() for cell in cells) / len(cells)


def are_texts(cells: Sequence[str]) -> bool:
    """Whether cells have enough words to be texts, unlike names or codes."""
    return sum(len(cell.split()) for cell in cells) >= FEWEST_WORDS * len(cells)
