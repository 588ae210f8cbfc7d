"""The units of text that become symbols: characters, words, byte pairs, symbols between spaces."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated, ClassVar, Literal
from unicodedata import category

from pydantic import Field

from nnkit.config.spec import Component, Count
from nnkit.config.tagged_union import Tagged
from nnkit.data.text.byte_pairs import Pair, learn_merges, segment

Split = Callable[[str], Sequence[str]]
MOST_REMEMBERED = 1 << 16  # words whose division into byte pairs is remembered


class TextUnit(Component):
    """The unit of text that is a symbol.

    Joining the symbols of a text gives the text again, character for character.

    Attributes:
        unknown: what stands for an unknown symbol in a text that is joined from symbols.
    """

    unknown: ClassVar[str] = "<unk>"

    def normalize(self, text: str) -> str:
        """The text as it can be joined again from its symbols."""
        return text

    def learn(self, texts: Iterable[str]) -> tuple[Pair, ...]:
        """Learns the merges of byte pairs from normalized training texts; others have none."""
        return ()

    def alphabet(self, texts: Iterable[str], min_count: int) -> frozenset[str]:
        """The symbols of normalized training texts that a vocabulary must contain in any case.

        Args:
            texts: the texts.
            min_count: rarer symbols are unknown.
        """
        return frozenset()

    @abstractmethod
    def splitter(self, merges: Sequence[Pair], known: Container[str] | None = None) -> Split:
        """A function that divides a normalized text into symbols.

        Args:
            merges: what `learn` returned.
            known: the vocabulary, once there is one.
        """

    @abstractmethod
    def join(self, pieces: Iterable[str]) -> str:
        """Joins symbols to a text."""


class CharacterUnit(TextUnit):
    """Characters: every code point is a symbol, spaces included."""

    kind: Literal["character"] = "character"
    elsewhere: ClassVar[tuple[str, ...]] = ("char", "characters")

    def splitter(self, merges: Sequence[Pair], known: Container[str] | None = None) -> Split:
        return str

    def join(self, pieces: Iterable[str]) -> str:
        return "".join(pieces)


class WordUnit(TextUnit):
    """Words, with the space before them, and single punctuation marks.

    A word is a run of letters, marks, digits and underscores. An apostrophe between letters ends
    it: `l'` and `homme`. Any other character is a symbol by itself. A space belongs to what
    follows it, and there is one before the text, so that a word is the same symbol everywhere.
    Languages without spaces between words need another unit.
    """

    kind: Literal["word"] = "word"
    elsewhere: ClassVar[tuple[str, ...]] = ("words",)
    unknown: ClassVar[str] = " <unk>"

    def splitter(self, merges: Sequence[Pair], known: Container[str] | None = None) -> Split:
        return split_words

    def join(self, pieces: Iterable[str]) -> str:
        return "".join(pieces).removeprefix(" ")


class BytePairUnit(TextUnit):
    """Parts of words, found by byte-pair encoding (Sennrich et al. 2016).

    Words are those of `word`. Within each, neighbouring symbols, at first the characters, are
    joined by merges learned from the training texts. A symbol outside the vocabulary is divided
    again, so that any text of known characters can be encoded.
    """

    kind: Literal["bpe"] = "bpe"
    shorthand: ClassVar[str | None] = "merges"
    elsewhere: ClassVar[tuple[str, ...]] = ("subword", "byte_pair")
    merges: Count = Field(4000, description="Number of merges to learn, at most.")

    def learn(self, texts: Iterable[str]) -> tuple[Pair, ...]:
        words: Counter[str] = Counter()
        for text in texts:
            words.update(split_words(text))
        return tuple(learn_merges({tuple(w): n for w, n in words.items()}, self.merges))

    def alphabet(self, texts: Iterable[str], min_count: int) -> frozenset[str]:
        characters = Counter(chain.from_iterable(texts))
        return frozenset({" "}.union(c for c, n in characters.items() if n >= min_count))

    def splitter(self, merges: Sequence[Pair], known: Container[str] | None = None) -> Split:
        # The symbol of a pair may arise from others later, and be merged once more.
        ranks = {pair: rank for rank, pair in reversed(list(enumerate(merges)))}
        pairs = {"".join(pair): pair for pair in reversed(merges)}

        def known_parts(piece: str) -> Iterator[str]:
            if known is None or piece in known or piece not in pairs:
                yield piece
            else:
                for part in pairs[piece]:
                    yield from known_parts(part)

        @lru_cache(MOST_REMEMBERED)
        def divided(word: str) -> tuple[str, ...]:
            pieces = segment(word, ranks)
            return tuple(part for piece in pieces for part in known_parts(piece))

        def split(text: str) -> list[str]:
            return [piece for word in split_words(text) for piece in divided(word)]

        return split

    def join(self, pieces: Iterable[str]) -> str:
        return "".join(pieces).removeprefix(" ")


class WhitespaceUnit(TextUnit):
    """Symbols separated by white space: commands, tags, numbers, or text that is tokenized.

    Any run of white space counts as one space; white space at the ends is removed.
    """

    kind: Literal["whitespace"] = "whitespace"
    elsewhere: ClassVar[tuple[str, ...]] = ("space", "symbols", "tokens")

    def normalize(self, text: str) -> str:
        return " ".join(text.split())

    def splitter(self, merges: Sequence[Pair], known: Container[str] | None = None) -> Split:
        return str.split

    def join(self, pieces: Iterable[str]) -> str:
        return " ".join(pieces)


AnyTextUnit = Annotated[CharacterUnit | WordUnit | BytePairUnit | WhitespaceUnit, Tagged()]


def split_words(text: str) -> list[str]:
    """Divides a text into words and punctuation marks, whose concatenation is a space and the text.

    An empty text has none.
    """
    return _words().findall(f" {text}") if text else []


@cache
def _words() -> re.Pattern[str]:
    """Words, other characters with marks upon them, and white space; one of them always matches."""
    marks = _marks()  # \w does not match them
    letter = rf"[\w{marks}]"
    return re.compile(rf" ?{letter}+(?:['’](?={letter}))?| ?[^\w\s{marks}][{marks}]*|\s")


@cache
def _marks() -> str:
    """The combining marks of Unicode, as ranges of a character class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
