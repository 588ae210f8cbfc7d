"""The tokenizers of BLEU, which split a text into words before n-grams are counted.

They are those of the scripts that NIST and WMT evaluate with, mteval-v13a and mteval-v14, as they
are fixed by Post 2018, A call for clarity in reporting BLEU scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from unicodedata import category

Tokenizer = Callable[[str], list[str]]

ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# Applied one after the other; a match begins where the one before it has ended.
RULES_13A = (
    (re.compile(r"([!-&(-+:-@\[-`{-~/])"), r" \1 "),  # ASCII punctuation but ' , - .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
# Patterns of general Unicode categories: number, punctuation, symbol; with the spaces to insert
# before the first, between the two, and after the last character of a match.
RULES_INTERNATIONAL = (
    (re.compile("[^N]P"), ("", " ", " ")),
    (re.compile("P[^N]"), (" ", " ", "")),
    (re.compile("S"), (" ", " ")),
)


def tokens_13a(text: str) -> list[str]:
    """Splits at spaces and ASCII punctuation, except within numbers, as mteval-v13a does."""
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} "
    for rule, replacement in RULES_13A:
        text = rule.sub(replacement, text)
    return text.split()


def tokens_international(text: str) -> list[str]:
    """Splits at spaces, symbols, and punctuation except between digits, as mteval-v14 does."""
    text = text.rstrip()
    for rule, spaces in RULES_INTERNATIONAL:
        categories = "".join(category(character)[0] for character in text)
        parts, end = [], 0
        for match in rule.finditer(categories):
            parts.append(text[end : match.start()])
            for space, character in zip_longest(
                spaces, text[match.start() : match.end()], fillvalue=""
            ):
                parts += [space, character]
            end = match.end()
        text = "".join(parts) + text[end:]
    return text.split()


def tokens_between_spaces(text: str) -> list[str]:
    """Splits at spaces alone."""
    return text.split()


def tokens_of_characters(text: str) -> list[str]:
    """Splits into characters, without the spaces."""
    return list("".join(text.split()))
