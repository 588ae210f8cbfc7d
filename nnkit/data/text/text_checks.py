"""Checks of sets of texts: leaks, duplicates, lengths, unknown symbols, unexpected characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Literal
from unicodedata import category, name

import numpy as np
from numpy.typing import NDArray

from nnkit.data.text.symbol_table import Reserved
from nnkit.data.text.text_coding import TextEncoder, Texts

FindingKind = Literal[
    "leak", "duplicates", "empty", "cut", "unknown", "new characters", "odd characters",
    "mixed scripts", "spaces",
]  # fmt: skip
MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 40  # characters
JOINERS = "\u200c\u200d"  # format characters that some scripts, and emoji, need
ALIKE = ("LATIN", "CYRILLIC", "GREEK")  # scripts with letters that look the same


@dataclass(frozen=True, slots=True)
class TextSet:
    """The texts of a set.

    Attributes:
        sources: the input texts, (n,).
        targets: the target texts, (n,); None for other targets.
        lines: the line of each sample in its file, (n,); None if it is not known.
    """

    sources: Texts
    targets: Texts | None = None
    lines: Sequence[int] | NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class TextFinding:
    """A property of texts that a user should know of.

    Attributes:
        kind: the property.
        place: the set, and the side of pairs: `test` or `test source`.
        count: how many texts, symbols or characters have it.
        total: of how many.
        message: the finding as a sentence, with examples.
        is_fault: whether it makes results wrong, so that a strict check fails.
    """

    kind: FindingKind
    place: str
    count: int
    total: int
    message: str
    is_fault: bool = False


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


def check_texts(
    sets: Mapping[str, TextSet], source: TextEncoder, target: TextEncoder | None = None
) -> TextReport:
    """Checks sets of texts against each other and against the vocabulary.

    Args:
        sets: the sets by name; the vocabularies were built from `train`.
        source: the encoder of the sources.
        target: the encoder of the targets; None if they are not texts.
    """
    findings = [*_leaks(sets, source), *_duplicates(sets, source, target)]
    lengths = {}
    for side, encoder in (("source", source), ("target", target)):
        if encoder is None:
            continue
        texts = {
            f"{set_name} {side}" if target is not None else set_name: (found, one.lines)
            for set_name, one in sets.items()
            if (found := one.sources if side == "source" else one.targets) is not None
        }
        known: set[str] = set()
        for place, (found, lines) in texts.items():
            normalized = [encoder.normalize(text) for text in found]
            characters = Counter(chain.from_iterable(normalized))
            sizes = [len(encoder.split(text)) for text in found]
            lengths[place] = _lengths(sizes)
            findings += _empty(place, normalized, lines)
            findings += _cut(place, sizes, encoder.coding.longest)
            findings += _unknown(place, found, encoder)
            if place.startswith("train"):
                known = set(characters)
            elif known:
                findings += _new_characters(place, characters, known)
            findings += _odd_characters(place, characters)
            findings += _mixed_scripts(place, normalized)
            findings += _spaces(place, found, encoder.coding.spaces)
    return TextReport(tuple(findings), lengths)


def _leaks(sets: Mapping[str, TextSet], encoder: TextEncoder) -> Iterator[TextFinding]:
    """Yields for two sets that some of their sources are the same."""
    keys = {n: [encoder.normalize(text) for text in one.sources] for n, one in sets.items()}
    for first, second in combinations(keys, 2):
        seen = set(keys[first])
        found = [i for i, key in enumerate(keys[second]) if key in seen]
        if found:
            examples = _examples([keys[second][i] for i in found])
            yield TextFinding(
                "leak",
                second,
                len(found),
                len(keys[second]),
                f"{second}: {_share(len(found), len(keys[second]), 'texts')} are also in {first}: "
                f"{examples}; 'data.split.by: source' keeps them apart",
                is_fault=True,
            )


def _duplicates(
    sets: Mapping[str, TextSet], source: TextEncoder, target: TextEncoder | None
) -> Iterator[TextFinding]:
    """Yields how many samples of a set occur in it before."""
    for place, one in sets.items():
        keys: list[Any] = [source.normalize(text) for text in one.sources]
        if target is not None and one.targets is not None:
            keys = list(zip(keys, map(target.normalize, one.targets), strict=True))
        counts = Counter(keys)
        if repeated := len(keys) - len(counts):
            often = [key if isinstance(key, str) else " → ".join(key) for key in _repeated(counts)]
            yield TextFinding(
                "duplicates",
                place,
                repeated,
                len(keys),
                f"{place}: {_share(repeated, len(keys), 'samples')} occur before: "
                f"{_examples(often)}",
            )


def _repeated(counts: Counter[Any]) -> list[Any]:
    return [key for key, count in counts.most_common(MOST_EXAMPLES) if count > 1]


def _lengths(sizes: Sequence[int]) -> TextLengths:
    median = float(np.median(sizes)) if sizes else 0.0
    return TextLengths(len(sizes), sum(sizes), median, max(sizes, default=0))


def _empty(
    place: str, texts: Sequence[str], lines: Sequence[int] | NDArray[Any] | None
) -> Iterator[TextFinding]:
    found = [i for i, text in enumerate(texts) if not text.strip()]
    if found:
        numbers = [i + 1 if lines is None else int(lines[i]) for i in found[:MOST_EXAMPLES]]
        where = "texts" if lines is None else "lines"
        more = ", …" if len(found) > MOST_EXAMPLES else ""
        yield TextFinding(
            "empty",
            place,
            len(found),
            len(texts),
            f"{place}: {_share(len(found), len(texts), 'texts')} are empty: {where} "
            f"{', '.join(map(str, numbers))}{more}",
        )


def _cut(place: str, sizes: Sequence[int], longest: int | None) -> Iterator[TextFinding]:
    longer = [size for size in sizes if longest is not None and size > longest]
    if longer:
        yield TextFinding(
            "cut",
            place,
            len(longer),
            len(sizes),
            f"{place}: {_share(len(longer), len(sizes), 'texts')} are longer than {longest} "
            f"symbols, the longest {max(longer):,}",
        )


def _unknown(place: str, texts: Texts, encoder: TextEncoder) -> Iterator[TextFinding]:
    unknown: Counter[str] = Counter()
    total = 0
    for text in texts:
        pieces = encoder.split(text)
        total += len(pieces)
        unknown.update(piece for piece in pieces if piece not in encoder.symbols)
    if unknown:
        count = unknown.total()
        stated = "" if Reserved.UNKNOWN in encoder.symbols else ", so they cannot be encoded"
        yield TextFinding(
            "unknown",
            place,
            count,
            total,
            f"{place}: {_share(count, total, 'symbols')} are unknown{stated}: "
            f"{_most_common(unknown)}",
        )


def _new_characters(place: str, characters: Counter[str], known: set[str]) -> Iterator[TextFinding]:
    new = Counter({char: count for char, count in characters.items() if char not in known})
    if new:
        yield _of_characters(
            "new characters", place, new, characters, "are not in the training set"
        )


def _odd_characters(place: str, characters: Counter[str]) -> Iterator[TextFinding]:
    odd = Counter({char: count for char, count in characters.items() if _is_odd(char)})
    if odd:
        yield _of_characters(
            "odd characters", place, odd, characters, "are control or format characters, or lost"
        )


def _is_odd(char: str) -> bool:
    """Whether a character is no text: a control or format character, unassigned, or U+FFFD."""
    return char == "\ufffd" or (category(char)[0] == "C" and char not in f"{JOINERS}\t\n")


def _of_characters(
    kind: FindingKind, place: str, found: Counter[str], all_of: Counter[str], what: str
) -> TextFinding:
    names = ", ".join(
        f"{described(char)} {count:,} ×" for char, count in found.most_common(MOST_EXAMPLES)
    )
    count, total = found.total(), all_of.total()
    return TextFinding(
        kind,
        place,
        count,
        total,
        f"{place}: {_share(count, total, 'characters')} {what}: {names}",
    )


def _mixed_scripts(place: str, texts: Iterable[str]) -> Iterator[TextFinding]:
    """Yields words with letters of scripts that look alike, such as a Cyrillic а in a Latin word."""
    words = Counter(chain.from_iterable(map(str.split, texts)))
    mixed = Counter({word: n for word, n in words.items() if len(_scripts(word)) > 1})
    if mixed:
        yield TextFinding(
            "mixed scripts",
            place,
            mixed.total(),
            words.total(),
            f"{place}: {_share(mixed.total(), words.total(), 'words')} mix letters of several "
            f"scripts: {_most_common(mixed)}",
        )


def _scripts(word: str) -> set[str]:
    if word.isascii():
        return set()
    scripts = {name(char, "").partition(" ")[0] for char in word if char.isalpha()}
    return scripts.intersection(ALIKE)


def _spaces(place: str, texts: Texts, setting: str) -> Iterator[TextFinding]:
    """Yields the kinds of spaces, if there are several."""
    kinds = Counter(
        char for text in texts if not text.isascii() for char in text if _is_other_space(char)
    )
    if kinds:
        plain = sum(text.count(" ") for text in texts)
        outcome = "all become U+0020" if setting == "plain" else "they stay different symbols"
        others = ", ".join(f"{described(char)} {n:,} ×" for char, n in kinds.most_common())
        yield TextFinding(
            "spaces",
            place,
            kinds.total(),
            kinds.total() + plain,
            f"{place}: besides {plain:,} plain spaces there are {others}; {outcome}",
        )


def _is_other_space(char: str) -> bool:
    return category(char) == "Zs" and char != " "


def described(char: str) -> str:
    """A character for display: its code point, and itself if it can be seen."""
    code = f"U+{ord(char):04X}"
    return f"'{char}' ({code})" if char.isprintable() and char != " " else code


def _most_common(counts: Counter[str]) -> str:
    return _examples([symbol for symbol, _ in counts.most_common(MOST_EXAMPLES + 1)])


def _examples(texts: Sequence[str]) -> str:
    shown = [
        f"'{text if len(text) <= LONGEST_EXAMPLE else text[: LONGEST_EXAMPLE - 1] + '…'}'"
        for text in texts[:MOST_EXAMPLES]
    ]
    return ", ".join([*shown, *(["…"] if len(texts) > MOST_EXAMPLES else [])])


def _share(count: int, total: int, what: str) -> str:
    return f"{count:,} of {total:,} {what} ({count / max(total, 1):.2%})"
