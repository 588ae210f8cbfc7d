"""Agreement of texts: exact matches, equal tokens, and edit distances.

The edit distance is the smallest number of insertions, deletions and substitutions that turn one
sequence into the other (Levenshtein 1966). Characters are Unicode code points, words are what is
between spaces. Of several references, the closest counts: the one with the highest agreement or the
smallest distance, and the longest of those.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import inf
from typing import ClassVar

from nnkit.metrics.metric import metric, share
from nnkit.metrics.sample_counts import TextCounts


def levenshtein(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The edit distance of two sequences, by one addition of bit vectors for each item.

    Bit i of a vector is about row i of the table of distances, of which each item of the second
    sequence adds a column: Myers 1999, A fast bit-vector algorithm for approximate string matching
    based on dynamic programming, in the form of Hyyrö 2003.
    """
    if not first:
        return len(second)
    places: dict[Hashable, int] = {}
    for i, item in enumerate(first):
        places[item] = places.get(item, 0) | 1 << i
    last, mask = 1 << (len(first) - 1), (1 << len(first)) - 1
    rises, falls, distance = mask, 0, len(first)  # of the distance from row to row: +1, −1
    for item in second:
        equal = places.get(item, 0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls
        grows = falls | ~(diagonal | rises) & mask  # from the column before to this one
        shrinks = rises & diagonal
        distance += bool(grows & last) - bool(shrinks & last)
        grows = grows << 1 | 1
        shrinks <<= 1
        rises = (shrinks | ~(diagonal | grows)) & mask
        falls = grows & diagonal & mask
    return distance


def equal_positions(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The number of positions at which two sequences hold the same item."""
    return sum(a == b for a, b in zip(first, second, strict=False))


def nearest(
    references: Sequence[Sequence[Hashable]], prediction: Sequence[Hashable]
) -> list[float]:
    """The distance from the nearest reference, and the length of that reference."""
    pairs = ((levenshtein(reference, prediction), -len(reference)) for reference in references)
    distance, negative = min(pairs)
    return [distance, -negative]


def agreement(
    references: Sequence[Sequence[Hashable]], prediction: Sequence[Hashable]
) -> list[float]:
    """Equal positions with the most similar reference, and the length of the longer of the two."""
    pairs = [
        (equal_positions(reference, prediction), max(len(reference), len(prediction)))
        for reference in references
    ]
    return [*max(pairs, key=lambda pair: (share(*pair), pair[1]))]


class ExactMatches(TextCounts):
    """Whether a text equals one of its references."""

    names: ClassVar[tuple[str, ...]] = ("matches",)

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        return [hypothesis in references]


class CharacterAgreement(TextCounts):
    """Characters that equal those of the reference at the same position."""

    names: ClassVar[tuple[str, ...]] = ("equal", "longer")

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        return agreement(references, hypothesis)


class WordAgreement(TextCounts):
    """Words that equal those of the reference at the same position."""

    names: ClassVar[tuple[str, ...]] = ("equal", "longer")

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        return agreement([reference.split() for reference in references], hypothesis.split())


class CharacterEdits(TextCounts):
    """The edit distance in characters, and the length of the reference."""

    names: ClassVar[tuple[str, ...]] = ("distance", "length")

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        return nearest(references, hypothesis)


class WordEdits(TextCounts):
    """The edit distance in words, and the length of the reference."""

    names: ClassVar[tuple[str, ...]] = ("distance", "length")

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        return nearest([reference.split() for reference in references], hypothesis.split())


def error_rate(counts: CharacterEdits | WordEdits) -> float:
    """Σ distance / Σ length; 1 if the references are empty and the hypotheses are not."""
    distance, length = counts.sums
    return share(distance, length) if length else float(distance > 0)


@metric(ExactMatches, higher_is_better=True)
def exact_match(counts: ExactMatches) -> float:
    """Fraction of texts that equal one of their references."""
    return share(counts.sum("matches"), counts.total)


@metric(CharacterAgreement, higher_is_better=True)
def character_accuracy(counts: CharacterAgreement) -> float:
    """Fraction of positions with the right character, Σ equal / Σ length of the longer text.

    Characters that are missing and surplus ones count as wrong.
    """
    return share(*counts.sums)


@metric(WordAgreement, higher_is_better=True)
def token_accuracy(counts: WordAgreement) -> float:
    """Fraction of positions with the right word, Σ equal / Σ length of the longer text.

    Words that are missing and surplus ones count as wrong.
    """
    return share(*counts.sums)


@metric(CharacterEdits, higher_is_better=False, most=inf)
def edit_distance(counts: CharacterEdits) -> float:
    """Mean edit distance in characters."""
    return share(counts.sum("distance"), counts.total)


@metric(CharacterEdits, higher_is_better=False, most=inf)
def character_error_rate(counts: CharacterEdits) -> float:
    """Edit distance in characters over the length of the references, Σ distance / Σ length.

    It exceeds 1 for hypotheses that are long and wrong, and is 1 if only the references are empty.
    """
    return error_rate(counts)


@metric(WordEdits, higher_is_better=False, most=inf)
def word_error_rate(counts: WordEdits) -> float:
    """Edit distance in words over the length of the references, Σ distance / Σ length.

    It exceeds 1 for hypotheses that are long and wrong, and is 1 if only the references are empty.
    """
    return error_rate(counts)
