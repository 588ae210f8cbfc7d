"""The symbols of texts in starter configs: words, parts of words, or characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.data.text.text_units import WordUnit

Texts = tuple[str, ...]
Choice = tuple[dict[str, Any], str]  # the setting `data.text`, and the reason for it

RARE = 0.1  # share of words that occur once, above which characters are better symbols
RARE_IN_LANGUAGE = 0.005  # the least share of such words in a language, those with digits left out
FEWEST_OF_LANGUAGE = 10_000  # words from which byte pairs can be learned
WORDS_PER_MERGE, MOST_MERGES = 27, 4000
LEAST_LONGEST = 50  # symbols of the longest text that is accepted
OUTLYING = 10  # how many times longer than 99 % of the texts those are that are cut


def symbols_of(*sides: Texts) -> Choice:
    """Words, or characters if many words are rare."""
    words = _words(*sides)
    rare = max(sum(n == 1 for n in counts.values()) / max(counts.total(), 1) for counts in words)
    if rare > RARE:
        reason = f"{rare:.0%} of the words occur once; characters are known"
        return {"unit": "character", **_limit(_characters(*sides))}, reason
    split = WordUnit().splitter(())
    text = {"unit": "word", **_limit([len(split(each)) for side in sides for each in side])}
    if sum(map(len, sides)) > 10_000:
        text["min_count"] = 2
    return text, "rarer and new words are unknown"


def parts_of_words(*sides: Texts) -> Choice | None:
    """Byte pairs, for pairs of texts of two languages; None for other pairs.

    In a language some words occur once, however many texts there are, unlike in notations of dates
    or numbers. From few sentences, a small number of merges translates best (Sennrich & Zhang 2019,
    Revisiting low-resource neural machine translation).
    """
    words = _words(*sides)
    least = min(counts.total() for counts in words)
    rare = (sum(n == 1 and _has_no_digit(w) for w, n in counts.items()) for counts in words)
    if least < FEWEST_OF_LANGUAGE or max(rare) < RARE_IN_LANGUAGE * least:
        return None
    merges = min(least // WORDS_PER_MERGE // 100 * 100, MOST_MERGES)
    text = {"unit": {"bpe": merges}, **_limit(_characters(*sides))}
    return text, "frequent words, and parts of rarer ones"


def cut_remarks(text: Mapping[str, Any]) -> list[str]:
    """A remark that texts far longer than all others are cut, if `data.text` says so."""
    if text.get("too_long") != "cut":
        return []
    said = (
        f"a few texts are more than {OUTLYING} times as long as 99 % of them, and are cut to "
        f"{text['longest']} symbols: too_long: cut; `nnkit data check` names them"
    )
    return [said]


def _words(*sides: Texts) -> list[Counter[str]]:
    """The occurrences of each word on each side."""
    split = WordUnit().splitter(())
    return [Counter(word for text in texts for word in split(text)) for texts in sides]


def _has_no_digit(word: str) -> bool:
    return not any(map(str.isdigit, word))


def _characters(*sides: Texts) -> list[int]:
    """The length of each text in characters."""
    return [len(text) for side in sides for text in side]


def _limit(lengths: Sequence[int]) -> dict[str, Any]:
    """The most symbols of a text that is accepted, of which new ones may be longer.

    A few texts that are far longer than all others, such as a file in one line, would make training
    slow and large; they are cut.

    Args:
        lengths: the length of each text in symbols.
    """
    usual = sorted(lengths)[(len(lengths) - 1) * 99 // 100]
    most = max(OUTLYING * usual, LEAST_LONGEST)
    limit = max(2 * max(length for length in lengths if length <= most), LEAST_LONGEST)
    return {"longest": limit, **({"too_long": "cut"} if max(lengths) > limit else {})}
