"""chrF and chrF++: F-scores of texts over n-grams of characters, and of words.

    chrF = 100 · (1 + β²) P R / (β² P + R),    β = 2

P and R are the means, over the lengths n, of the precision and the recall of n-grams, each from
sums over the corpus; lengths with no n-gram in the hypotheses or in the references are left out.
chrF has characters with n = 1 … 6, without spaces (Popović 2015); chrF++ adds words with n = 1, 2
(Popović 2017), where a punctuation mark at the end of a word, or else at its beginning, is a word
of its own. Of several references, the one with the highest score for the sentence counts. Case
matters. The values are sacreBLEU's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from string import punctuation
from typing import ClassVar

import numpy as np

from nnkit.metrics.bleu import ngrams
from nnkit.metrics.metric import Array, metric, ratio, share
from nnkit.metrics.sample_counts import TextCounts

CHARACTERS, WORDS = 6, 2  # the longest n-grams
RECALL_WEIGHT = 2.0**2  # β²


def f_score(sums: Array) -> float:
    """The F-score of n-gram counts, from 0 to 100.

    Args:
        sums: for each length, the n-grams of the hypotheses, those of the references, and the
            matching ones, (3 × lengths,).
    """
    found, wanted, matching = sums.reshape(-1, 3).T
    used = (found > 0) & (wanted > 0)
    if not used.any():
        return 0.0
    precision = float(ratio(matching, found)[used].mean())
    recall = float(ratio(matching, wanted)[used].mean())
    weighted = RECALL_WEIGHT * precision + recall
    return 100 * share((1 + RECALL_WEIGHT) * precision * recall, weighted)


def words(text: str) -> Iterator[str]:
    """The words of chrF++, with punctuation split from their ends."""
    for word in text.split():
        if len(word) > 1 and word[-1] in punctuation:
            yield from (word[:-1], word[-1])
        elif len(word) > 1 and word[0] in punctuation:
            yield from (word[0], word[1:])
        else:
            yield word


class ChrfCounts(TextCounts):
    """N-grams of the hypothesis and of its best reference, and matching ones, by length."""

    names: ClassVar[tuple[str, ...]] = tuple(
        f"{what} of {n} characters"
        for n in range(1, CHARACTERS + 1)
        for what in ("hypothesis", "reference", "matches")
    )

    @classmethod
    def ngrams(cls, text: str) -> list[Counter[Sequence[str]]]:
        """The n-grams of a text, for each length."""
        characters = "".join(text.split())
        return [ngrams(characters, n) for n in range(1, CHARACTERS + 1)]

    @classmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        found = cls.ngrams(hypothesis)
        candidates = []
        for reference in references:
            counts: list[float] = []
            for own, others in zip(found, cls.ngrams(reference), strict=True):
                # Hypothesis n-grams of a length that the reference lacks are not counted.
                own_total = own.total() if others else 0
                counts += [own_total, others.total(), (own & others).total()]
            candidates.append(counts)
        return max(candidates, key=lambda counts: f_score(np.array(counts)))


class ChrfWordCounts(ChrfCounts):
    """N-grams as for chrF, with those of words, by length."""

    names: ClassVar[tuple[str, ...]] = ChrfCounts.names + tuple(
        f"{what} of {n} words"
        for n in range(1, WORDS + 1)
        for what in ("hypothesis", "reference", "matches")
    )

    @classmethod
    def ngrams(cls, text: str) -> list[Counter[Sequence[str]]]:
        split = list(words(text))
        return super().ngrams(text) + [ngrams(split, n) for n in range(1, WORDS + 1)]


@metric(ChrfCounts, higher_is_better=True, most=100.0)
def chrf(counts: ChrfCounts) -> float:
    """chrF, the F₂-score of n-grams of up to 6 characters, 0 to 100."""
    return f_score(counts.sums)


@metric(ChrfWordCounts, higher_is_better=True, most=100.0)
def chrf_pp(counts: ChrfWordCounts) -> float:
    """chrF++, the F₂-score of n-grams of up to 6 characters and up to 2 words, 0 to 100."""
    return f_score(counts.sums)
