"""Errors of YAML syntax in plain words."""

from __future__ import annotations

import re
from typing import Any

import yaml

from nnkit.config.node import Mark

# Parts of the parser's messages, and what they mean in plain words. {begin} is the position where
# the faulty construct begins, {character} the character at the fault.
PLAIN_WORDS = {
    "expected ',' or '}'": "a comma is missing before this, or the '{{' at {begin} is not closed",
    "expected ',' or ']'": "a comma is missing before this, or the '[' at {begin} is not closed",
    "did not find expected key": (
        "this does not continue the mapping that starts at {begin}; check the indentation, and "
        "quotes and brackets before it"
    ),
    "did not find expected '-'": (
        "this does not continue the list that starts at {begin}; check the indentation"
    ),
    "mapping values are not allowed": (
        "unexpected colon; check the indentation, and put quotes around a text that contains ': '"
    ),
    "expected <document start>": "this does not belong to the block above it",
    "expected node content": "a value cannot start with {character}; put quotes around the text",
    "expected alphabetic or numeric": (
        "a name is missing after '&' or '*'; put quotes around it if it is meant as text"
    ),
    "cannot start any token": "a value cannot start with {character}; put quotes around the text",
}
# Messages for faults that are at the beginning of the construct, not where the parser stopped.
PLAIN_WORDS_AT_BEGIN = {
    "could not find expected ':'": "expected a setting such as 'seed: 3', with a colon and a space",
    "unexpected end of stream": "the quote that opens here is never closed",
    "unknown escape character": "invalid backslash escape in double quotes; use single quotes",
}


def explain(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Mark, str]:
    """The position and reason of a YAML syntax error."""
    problem, lines = str(error.problem), text.splitlines() or [""]
    place = error.problem_mark or error.context_mark
    mark = mark_of(file, place) if place is not None else Mark(file, 1, 1)
    begin = mark_of(file, error.context_mark) if error.context_mark is not None else mark
    for part, words in PLAIN_WORDS_AT_BEGIN.items():
        if part in problem:
            return begin, words
    if mark.line > len(lines):  # the text ended too early
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        if "flow" in str(error.context):
            if begin.line <= len(lines):
                return begin, "the bracket that opens here is never closed"
            return mark, "the text ends here inside brackets"
    near = lines[max(0, mark.line - 2) : mark.line]
    if any(re.match(" *\t", line) for line in near):
        return mark, "there is a tab character here; indent with spaces"
    for number in range(mark.line, mark.line - len(near), -1):
        if re.match(r"\s*(- *)?\w+:[^\s:/]", lines[number - 1]):
            return mark, f"a colon needs a space after it (line {number})"
    rest = near[-1][mark.column - 1 :]
    facts = {
        "begin": f"{begin.line}:{begin.column}",
        "character": repr(rest[0]) if rest else "this",
    }
    for part, words in PLAIN_WORDS.items():
        if part in problem:
            return mark, words.format(**facts)
    return mark, " ".join(part for part in (error.context, problem) if part)


def mark_of(file: str, position: Any) -> Mark:
    """The mark of a position that the parser gives, which counts from 0."""
    return Mark(file, position.line + 1, position.column + 1)
