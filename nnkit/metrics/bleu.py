"""BLEU: n-gram precision of texts against references (Papineni et al. 2002).

    BLEU = 100 · BP · (p₁ p₂ p₃ p₄)^¼,    BP = min(1, exp(1 − r/h))

p_n is the fraction of the hypotheses' n-grams that occur in a reference, each at most as often as
in one reference; h is the length of all hypotheses and r that of the references closest to them in
length, the shorter of two equally close. All are sums over the corpus, so BLEU is no mean over
sentences. A precision with no match counts as 1 / (2ᵏ · n-grams), the k-th time that it occurs
(Chen & Cherry 2014, smoothing 3); BLEU is 0 without any match, and where no hypothesis has 4
tokens. Case matters. These are the defaults of sacreBLEU, whose values these are (Post 2018, A call
for clarity in reporting BLEU scores).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from typing import ClassVar

from nnkit.metrics.bleu_tokenizers import (
    Tokenizer,
    tokens_13a,
    tokens_between_spaces,
    tokens_international,
    tokens_of_characters,
)
from nnkit.metrics.metric import metric
from nnkit.metrics.sample_counts import TextCounts

ORDER = 4  # the longest n-grams


def ngrams(tokens: Sequence[str], n: int) -> Counter[Sequence[str]]:
    """Counts each n-gram among the tokens."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


class BleuCounts(TextCounts):
    """Lengths, n-grams and matching n-grams of the tokens of mteval-v13a."""

    names: ClassVar[tuple[str, ...]] = (
        "hypothesis length",
        "reference length",
        *(f"matches {n}" for n in range(1, ORDER + 1)),
        *(f"n-grams {n}" for n in range(1, ORDER + 1)),
    )
    tokenizer: ClassVar[Tokenizer] = staticmethod(tokens_13a)

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        prediction = cls.tokenizer(hypothesis)
        targets = [cls.tokenizer(reference) for reference in references]
        closest = min(
            (len(target) for target in targets), key=lambda r: (abs(r - len(prediction)), r)
        )
        matches, totals = [], []
        for n in range(1, ORDER + 1):
            found, wanted = ngrams(prediction, n), Counter[Sequence[str]]()
            for target in targets:
                wanted |= ngrams(target, n)
            matches.append((found & wanted).total())
            totals.append(found.total())
        return (len(prediction), closest, *matches, *totals)


class BleuCountsInternational(BleuCounts):
    """Lengths, n-grams and matching n-grams of the tokens of mteval-v14."""

    tokenizer: ClassVar[Tokenizer] = staticmethod(tokens_international)


class BleuCountsBetweenSpaces(BleuCounts):
    """Lengths, n-grams and matching n-grams of what is between spaces."""

    tokenizer: ClassVar[Tokenizer] = staticmethod(tokens_between_spaces)


class BleuCountsOfCharacters(BleuCounts):
    """Lengths, n-grams and matching n-grams of characters."""

    tokenizer: ClassVar[Tokenizer] = staticmethod(tokens_of_characters)


def score(counts: BleuCounts) -> float:
    """The BLEU of the summed counts, from 0 to 100."""
    length, wanted, *sums = counts.sums.tolist()
    matches, totals = sums[:ORDER], sums[ORDER:]
    if not any(matches) or not all(totals):
        return 0.0
    logarithms, halvings = 0.0, 0
    for matching, total in zip(matches, totals, strict=True):
        halvings += matching == 0
        logarithms += log((matching or 0.5**halvings) / total)
    brevity = min(0.0, 1 - wanted / length)
    return 100 * exp(brevity + logarithms / ORDER)


@metric(BleuCounts, higher_is_better=True, most=100.0)
def bleu(counts: BleuCounts) -> float:
    """BLEU of the words that mteval-v13a splits at spaces and ASCII punctuation, 0 to 100."""
    return score(counts)


@metric(BleuCountsInternational, higher_is_better=True, most=100.0)
def bleu_intl(counts: BleuCountsInternational) -> float:
    """BLEU of the words that mteval-v14 splits at spaces, and at punctuation of any script."""
    return score(counts)


@metric(BleuCountsBetweenSpaces, higher_is_better=True, most=100.0)
def bleu_none(counts: BleuCountsBetweenSpaces) -> float:
    """BLEU of the words between spaces, for texts that are split already."""
    return score(counts)


@metric(BleuCountsOfCharacters, higher_is_better=True, most=100.0)
def bleu_char(counts: BleuCountsOfCharacters) -> float:
    """BLEU of the characters without spaces, for scripts that do not write them."""
    return score(counts)
