"""A tagger that ignores the context of words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class UnigramTagger(Generic[W, T]):
    """Gives each word its most frequent tag; words that did not occur have the most frequent tag.

    Of equally frequent tags it is the one that occurred first.

    Args:
        sentences: the words and the tags of each training sentence, as many of the one as of the
            other.
    """

    def __init__(self, sentences: Iterable[tuple[Sequence[W], Sequence[T]]]) -> None:
        every: Counter[T] = Counter()
        by_word: defaultdict[W, Counter[T]] = defaultdict(Counter)
        for words, tags in sentences:
            every.update(tags)
            for word, tag in zip(words, tags, strict=True):
                by_word[word][tag] += 1
        self._most_frequent = every.most_common(1)[0][0]
        self._tags = {word: tags.most_common(1)[0][0] for word, tags in by_word.items()}

    def tags(self, words: Sequence[W]) -> list[T]:
        """The tags of a sentence."""
        return [self._tags.get(word, self._most_frequent) for word in words]
