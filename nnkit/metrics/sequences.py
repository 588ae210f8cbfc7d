"""Metrics of sequences with a label at each position, such as tags or the symbols of a text.

A sample is a sequence, as long as its target: positions of padding are in none of them
(`without_padding` cuts them off), so they never count.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import exp, inf, log
from typing import ClassVar

from nnkit.errors import DataError
from nnkit.metrics.metric import Array, PredictionForm, metric, share
from nnkit.metrics.sample_counts import SampleCounts


def without_padding(ids: Array, lengths: Array) -> list[Array]:
    """The sequences of a padded batch, each of its own length.

    Args:
        ids: labels, (positions, n).
        lengths: the number of positions of each sequence, (n,).
    """
    return [ids[:length, i] for i, length in enumerate(lengths)]


class LabelMatches(SampleCounts):
    """Positions of a sequence, correct ones, and whether all are correct."""

    takes: ClassVar[PredictionForm] = "decisions"
    names: ClassVar[tuple[str, ...]] = ("correct", "positions", "exact")

    @classmethod
    def count(cls, target: Sequence[Hashable], prediction: Sequence[Hashable]) -> Sequence[float]:
        if len(target) != len(prediction):
            raise DataError(
                f"{len(prediction)} labels were predicted for a sequence of {len(target)} positions"
            )
        correct = sum(a == b for a, b in zip(target, prediction, strict=True))
        return [correct, len(target), correct == len(target)]


class Surprisals(SampleCounts):
    """Positions of a sequence, and −Σ ln p over them, p the probability of the true label."""

    takes: ClassVar[PredictionForm] = "log_probabilities"
    names: ClassVar[tuple[str, ...]] = ("nats", "positions")

    @classmethod
    def count(cls, target: Sequence[Hashable], prediction: Array) -> Sequence[float]:
        given, positions = len(prediction), len(target)
        if given != positions:
            raise DataError(
                f"{given} probabilities were given for a sequence of {positions} positions"
            )
        return [-float(sum(prediction.tolist())), positions]


@metric(LabelMatches, higher_is_better=True)
def token_accuracy(counts: LabelMatches) -> float:
    """Fraction of positions with the right label, over all sequences."""
    return share(counts.sum("correct"), counts.sum("positions"))


@metric(LabelMatches, higher_is_better=True)
def exact_match(counts: LabelMatches) -> float:
    """Fraction of sequences with the right label at every position."""
    return share(counts.sum("exact"), counts.total)


@metric(Surprisals, higher_is_better=False, least=1.0, most=inf)
def perplexity(counts: Surprisals) -> float:
    """Exponential of the mean of −ln p over all positions, p the probability of the true label.

    It is 1 without positions. Jelinek et al. 1977, Perplexity, a measure of the difficulty of
    speech recognition tasks.
    """
    return perplexity_of(share(counts.sum("nats"), counts.sum("positions")))


@metric(Surprisals, higher_is_better=False, most=inf)
def bits_per_symbol(counts: Surprisals) -> float:
    """Mean of −log₂ p over all positions; bits per character, if the symbols are characters."""
    return bits_per_character(counts.sum("nats"), counts.sum("positions"))


def perplexity_of(loss: float) -> float:
    """The perplexity exp(loss), of a mean loss in nats; inf beyond the range of numbers."""
    return exp(loss) if loss < log(1.7e308) else inf


def bits_per_character(nats: float, characters: float) -> float:
    """Bits per character of a text, Σ −ln p / (ln 2 · characters); 0 without characters.

    Unlike the perplexity it can be compared between models of characters, words and parts of words.

    Args:
        nats: Σ −ln p over all symbols of the text.
        characters: the number of its characters, however many symbols they make.
    """
    return share(nats / log(2), characters)
