"""Checks of sets of texts: leaks, duplicates, lengths, unknown symbols, unexpected characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.text.text_coding import TextEncoder, Texts, place_of
from nnkit.data.text.text_finding import MOST_EXAMPLES, TextFinding, most_common, quoted_all
from nnkit.data.text.unexpected_characters import (
    kinds_of_spaces,
    mixed_scripts,
    new_characters,
    odd_characters,
)

Lines = Sequence[int] | NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class TextSet:
    """The texts of a set.

    Attributes:
        sources: the input texts, (n,).
        targets: the target texts, (n,); None for other targets.
        lines: the line of each sample in its file, (n,); None if it is not known.
        file: that file.
    """

    sources: Texts
    targets: Texts | None = None
    lines: Lines = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class TextLengths:
    """The lengths of the texts of a set, in symbols.

    Attributes:
        texts: the number of texts.
        symbols: the number of symbols of all texts.
        median: the median of the lengths.
        longest: the greatest length.
    """

    texts: int
    symbols: int
    median: float
    longest: int


@dataclass(frozen=True, slots=True)
class TextReport:
    """The findings about sets of texts, and the lengths of each set and side."""

    findings: tuple[TextFinding, ...]
    lengths: Mapping[str, TextLengths]

    @property
    def faults(self) -> tuple[TextFinding, ...]:
        """The findings because of which a strict check fails."""
        return tuple(finding for finding in self.findings if finding.is_fault)


@dataclass(frozen=True, slots=True)
class _Side:
    """The texts of a set, or of one side of its pairs, with what the checks need of them."""

    place: str
    raw: Texts
    texts: Sequence[str]  # normalized
    pieces: Sequence[Sequence[str]]
    encoder: TextEncoder
    where: Callable[[int], str]  # the place of a text in its file

    @classmethod
    def of(cls, place: str, raw: Texts, encoder: TextEncoder, one: TextSet) -> _Side:
        texts = encoder.coding.normalize_all(raw)
        where = partial(place_of, lines=one.lines, place=one.file)
        return cls(place, raw, texts, list(map(encoder.split, texts)), encoder, where)


def check_texts(
    sets: Mapping[str, TextSet], source: TextEncoder, target: TextEncoder | None = None
) -> TextReport:
    """Checks sets of texts against each other and against the vocabulary.

    Args:
        sets: the sets by name; the vocabularies were built from `train`.
        source: the encoder of the sources.
        target: the encoder of the targets; None if they are not texts.
    """
    side = " source" if target is not None else ""
    sources = {
        name: _Side.of(f"{name}{side}", one.sources, source, one) for name, one in sets.items()
    }
    targets = {
        name: _Side.of(f"{name} target", one.targets, target, one)
        for name, one in sets.items()
        if target is not None and one.targets is not None
    }
    findings = list(_leaks({name: one.texts for name, one in sources.items()}))
    for name, one in sources.items():
        samples = one.texts
        if name in targets:
            samples = list(map(" → ".join, zip(samples, targets[name].texts, strict=True)))
        findings += _duplicates(name, samples)
    for sides in (sources, targets):
        known = set(chain.from_iterable(sides["train"].texts)) if "train" in sides else None
        for one in sides.values():
            findings += _of_side(one, known)
    both = (*sources.values(), *targets.values())
    return TextReport(tuple(findings), {one.place: _lengths(one.pieces) for one in both})


def _leaks(sets: Mapping[str, Sequence[str]]) -> Iterator[TextFinding]:
    """Yields for two sets that some of their sources are the same."""
    for first, second in combinations(sets, 2):
        seen = set(sets[first])
        if leaked := [text for text in sets[second] if text in seen]:
            yield TextFinding(
                "leak",
                second,
                len(leaked),
                len(sets[second]),
                "texts",
                f"are in {first}, too; sets drawn with `data.split.by: source` share none",
                quoted_all(leaked),
                is_fault=True,
            )


def _duplicates(place: str, samples: Sequence[str]) -> Iterator[TextFinding]:
    """Yields the samples of a set that occur in it before."""
    counts = Counter(samples)
    if len(counts) < len(samples):
        repeated = Counter({sample: count for sample, count in counts.items() if count > 1})
        yield TextFinding(
            "duplicates",
            place,
            len(samples) - len(counts),
            len(samples),
            "samples",
            "occur before",
            most_common(repeated),
        )


def _of_side(side: _Side, known: set[str] | None) -> Iterator[TextFinding]:
    """Yields the findings about texts by themselves.

    Args:
        side: the texts.
        known: the characters of the training set, if there is one.
    """
    place, characters = side.place, Counter(chain.from_iterable(side.texts))
    yield from _empty(side)
    yield from _too_long(side)
    yield from _unknown_symbols(side)
    if known is not None:
        yield from new_characters(place, characters, known)
    yield from odd_characters(place, characters)
    yield from mixed_scripts(place, side.texts)
    yield from kinds_of_spaces(place, side.raw, side.encoder.coding.spaces)


def _empty(side: _Side) -> Iterator[TextFinding]:
    empty = [i for i, text in enumerate(side.texts) if not text.strip()]
    if empty:
        examples = tuple(map(side.where, empty[: MOST_EXAMPLES + 1]))
        total = len(side.texts)
        yield TextFinding("empty", side.place, len(empty), total, "texts", "are empty", examples)


def _too_long(side: _Side) -> Iterator[TextFinding]:
    longest = side.encoder.coding.longest
    if longest is None:
        return
    longer = [(i, len(p)) for i, p in enumerate(side.pieces) if len(p) > longest]
    if longer:
        yield TextFinding(
            "too long",
            side.place,
            len(longer),
            len(side.pieces),
            "texts",
            f"have more than {longest:,} symbols",
            tuple(f"{side.where(i)} with {size:,}" for i, size in longer[: MOST_EXAMPLES + 1]),
        )


def _unknown_symbols(side: _Side) -> Iterator[TextFinding]:
    counts = Counter(chain.from_iterable(side.pieces))
    known = side.encoder.symbols
    unknown = Counter({piece: n for piece, n in counts.items() if piece not in known})
    if unknown:
        yield TextFinding(
            "unknown symbols",
            side.place,
            unknown.total(),
            counts.total(),
            "symbols",
            "are not in the vocabulary",
            most_common(unknown),
        )


def _lengths(pieces: Sequence[Sequence[str]]) -> TextLengths:
    sizes = list(map(len, pieces))
    middle = float(np.median(sizes)) if sizes else 0.0
    return TextLengths(len(sizes), sum(sizes), middle, max(sizes, default=0))
