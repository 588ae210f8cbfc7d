"""Characters that one would not expect in a set of texts, and kinds of spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from unicodedata import category, name

from nnkit.data.text.text_coding import Texts
from nnkit.data.text.text_finding import FindingKind, TextFinding, most_common
from nnkit.data.text.text_normalization import Spaces

# Characters of category C that texts contain: joiners of some scripts and of emoji, line ends.
USUAL = "\u200c\u200d\t\n"
ALIKE = ("LATIN", "CYRILLIC", "GREEK")  # scripts with letters that look the same


def new_characters(place: str, characters: Counter[str], known: set[str]) -> Iterator[TextFinding]:
    """Yields the characters that the training set does not contain."""
    new = Counter({char: count for char, count in characters.items() if char not in known})
    if new:
        yield _finding("new characters", place, new, characters, "are not in the training set")


def odd_characters(place: str, characters: Counter[str]) -> Iterator[TextFinding]:
    """Yields control and format characters, unassigned ones, and U+FFFD for lost ones."""
    odd = Counter({char: count for char, count in characters.items() if _is_odd(char)})
    if odd:
        yield _finding(
            "odd characters", place, odd, characters, "are control characters, invisible or lost"
        )


def mixed_scripts(place: str, texts: Iterable[str]) -> Iterator[TextFinding]:
    """Yields words with letters of scripts that look alike, such as Latin and Cyrillic a."""
    words = Counter(chain.from_iterable(map(str.split, texts)))
    mixed = Counter({word: count for word, count in words.items() if len(_scripts(word)) > 1})
    if mixed:
        yield TextFinding(
            "mixed scripts",
            place,
            mixed.total(),
            words.total(),
            "words",
            "mix letters of scripts that look alike",
            most_common(mixed),
        )


def kinds_of_spaces(place: str, texts: Texts, setting: Spaces) -> Iterator[TextFinding]:
    """Yields the spaces besides U+0020 in texts that are not normalized."""
    foreign = [text for text in texts if not text.isascii()]
    others = Counter(char for char in chain.from_iterable(foreign) if _is_other_space(char))
    if others:
        plain = sum(text.count(" ") for text in texts)
        yield TextFinding(
            "spaces",
            place,
            others.total(),
            others.total() + plain,
            "spaces",
            f"are not U+0020{', and become so' if setting == 'plain' else ''}",
            most_common(others, lambda char: f"{described(char)} ×{others[char]:,}"),
        )


def _finding(
    kind: FindingKind, place: str, found: Counter[str], all_of: Counter[str], statement: str
) -> TextFinding:
    examples = most_common(found, lambda char: f"{described(char)} ×{found[char]:,}")
    return TextFinding(
        kind, place, found.total(), all_of.total(), "characters", statement, examples
    )


def _is_odd(char: str) -> bool:
    return char == "\ufffd" or (category(char)[0] == "C" and char not in USUAL)


def _is_other_space(char: str) -> bool:
    return category(char) == "Zs" and char != " "


def _scripts(word: str) -> set[str]:
    """The scripts of a word's letters, of those that look alike."""
    if word.isascii():
        return set()
    return {name(char, "").partition(" ")[0] for char in word if char.isalpha()}.intersection(ALIKE)


def described(char: str) -> str:
    """A character for display: its code point, and itself if it can be seen."""
    code = f"U+{ord(char):04X}"
    return f"'{char}' ({code})" if char.isprintable() and char != " " else code
