"""Sentences with a tag for each word, from CoNLL-U and IOB files or a sentence a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnkit.data.text.text_lines import read_lines
from nnkit.data.text.text_pairs import TextPairs, read_pairs
from nnkit.errors import DataError

CONLL_U_COLUMNS = 10  # ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC
CONLL_U_ID = re.compile(r"\d+([-.]\d+)?")
FORM, UPOS = 1, 3
NO_SENTENCE = "-DOCSTART-"  # begins a document in the files of CoNLL-2003


@dataclass(frozen=True, slots=True)
class TaggedSentences:
    """Sentences and tags, each as one text whose words are separated by spaces.

    Attributes:
        path: the file.
        sentences: the words of each sentence, (n,).
        tags: the tags of each sentence, as many as words, (n,).
        lines: the line on which each sentence begins, from 1, (n,).
        notices: messages on how the file was read.
    """

    path: Path
    sentences: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]
    notices: tuple[str, ...] = ()


def read_tagged(path: Path, word: int | None = None, tag: int | None = None) -> TaggedSentences:
    """Reads sentences with a tag for each word.

    Each line has a word and its tags, and a blank line separates sentences. Or, if the file has two
    columns separated by tabs and no blank lines, each line has a sentence and its tags.

    Columns are separated by tabs if the file contains any, otherwise by spaces. In CoNLL-U files,
    which have ten columns, comments, ranges of words (`1-2`) and empty words (`1.1`) are left out.

    Args:
        path: the file, in UTF-8, compressed by gzip or not.
        word: the column of the words from 0; default: 0, in CoNLL-U files 1, the form.
        tag: the column of the tags; default: the last, in CoNLL-U files 3, the universal part of
            speech.

    Raises:
        DataError: the file cannot be read, has no sentences, or a line lacks a column or a tag.
    """
    lines = read_lines(path)
    if word is None and tag is None and _has_sentence_a_line(lines.texts):
        return tagged_lines(read_pairs(path, header=False))
    notices = list(lines.notices)
    separator = "\t" if any("\t" in text for text in lines.texts) else None
    rows = [
        (number, text.split(separator) if text.strip() else [])
        for number, text in enumerate(lines.texts, 1)
        if not (separator and text.startswith("#") and separator not in text)
    ]
    first = next((cells for _, cells in rows if cells), None)
    if first is None:
        raise DataError(f"{path}: contains no sentences")
    is_conll_u = len(first) == CONLL_U_COLUMNS and CONLL_U_ID.fullmatch(first[0]) is not None
    if is_conll_u:
        rows = [row for row in rows if not row[1] or row[1][0].isdecimal()]
    word = (FORM if is_conll_u else 0) if word is None else word
    tag = (UPOS if is_conll_u else -1) if tag is None else tag
    kind = "a CoNLL-U file" if is_conll_u else f"{len(first)} columns"
    notices.append(
        f"{path}: {kind}; words are in column {word}, tags in column {tag % len(first)}, from 0"
    )
    sentences = list(_sentences(path, rows, word, tag, len(first)))
    if spaced := sum(len(form.split()) > 1 for _, words, _ in sentences for form in words):
        notices.append(f"{path}: {spaced:,} words contain spaces, which become underscores")
    return TaggedSentences(
        path,
        tuple(" ".join(map(_without_spaces, words)) for _, words, _ in sentences),
        tuple(" ".join(map(_without_spaces, tags)) for _, _, tags in sentences),
        tuple(number for number, _, _ in sentences),
        tuple(notices),
    )


def tagged_lines(pairs: TextPairs) -> TaggedSentences:
    """Sentences from pairs of a sentence and its tags, whose words are separated by spaces.

    Raises:
        DataError: a sentence has another number of words than of tags.
    """
    for sentence, tags, number in zip(pairs.sources, pairs.targets, pairs.lines, strict=True):
        words, labels = len(sentence.split()), len(tags.split())
        if words != labels:
            raise DataError(
                f"{pairs.path}:{number}: {words} words, but {labels} tags; each word needs one, "
                "separated by spaces"
            )
    return TaggedSentences(pairs.path, pairs.sources, pairs.targets, pairs.lines, pairs.notices)


def _has_sentence_a_line(lines: Sequence[str]) -> bool:
    rows = [text.split("\t") for text in lines]
    return all(len(row) == 2 for row in rows) and any(
        " " in words.strip() and " " in tags.strip() for words, tags in rows
    )


def _sentences(
    path: Path, rows: Sequence[tuple[int, list[str]]], word: int, tag: int, columns: int
) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yields the first line, the words and the tags of each sentence."""
    words: list[str] = []
    tags: list[str] = []
    began = 0
    for number, cells in [*rows, (0, [])]:
        if cells and cells[0] != NO_SENTENCE:
            began = began if words else number
            words.append(_cell(path, number, cells, word, columns))
            tags.append(_cell(path, number, cells, tag, columns))
        elif words:
            yield began, words, tags
            words, tags = [], []


def _without_spaces(cell: str) -> str:
    return "_".join(cell.split())


def _cell(path: Path, line: int, cells: Sequence[str], column: int, columns: int) -> str:
    """The cell of a column.

    Raises:
        DataError: the line has another number of columns than the first, or the cell is empty.
    """
    if len(cells) != columns:
        raise DataError(
            f"{path}:{line}: {len(cells)} columns, but {columns} in the first line; a blank line "
            "separates sentences"
        )
    if not -columns <= column < columns:
        raise DataError(f"{path}:{line}: there is no column {column}; the line has {columns}")
    if not cells[column].strip():
        raise DataError(f"{path}:{line}: column {column} is empty; each word needs a tag")
    return cells[column].strip()
