"""Sampling from a model's distribution, and from the likely part of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, Fraction, Positive
from nnkit.decoding.decoder import Array, DecoderStep, OutputSymbols, Sentences
from nnkit.decoding.method import Decoding, Hypothesis, in_order
from nnkit.decoding.restrictions import Restrictions
from nnkit.decoding.single_path import follow
from nnkit.random import generator

DRAWN = 256  # numbers at a time


class Sampling(Decoding):
    """Symbols drawn at random by their probabilities, or from the likeliest of them.

    In this order: symbols that are not permitted are left out, each probability p becomes
    p^(1/temperature), and `top_k`, `top_p` and `min_p` leave out unlikely symbols, of equally
    likely ones those with the highest numbers first. What remains is scaled to the sum 1. Draws
    depend on the seed, the sentence and the number of the sample alone. Log-probabilities and
    scores are those of the model itself.
    """

    kind: Literal["sample"] = "sample"
    samples: Count = Field(1, description="Outputs drawn for each sentence.")
    temperature: Positive = Field(
        1.0, description="Below 1, likely symbols become likelier; above 1, less likely."
    )
    top_k: Count | None = Field(None, description="Draw from the k likeliest symbols.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="Draw from the likeliest symbols that together have at least this probability "
        "(nucleus sampling; Holtzman et al. 2020).",
    )
    min_p: Fraction = Field(
        0.0,
        description="Draw from symbols with at least this fraction of the highest probability "
        "(Nguyen et al. 2024).",
    )
    seed: int = Field(0, description="Seed of the draws.")

    def decode(
        self, step: DecoderStep, state: Any, sentences: Sentences, symbols: OutputSymbols
    ) -> list[list[Hypothesis]]:
        owners = np.repeat(np.arange(len(sentences)), self.samples)
        restrictions = Restrictions(self, sentences, symbols)
        draws = [
            _Draws(self.seed, int(key), sample)
            for key in sentences.random_keys
            for sample in range(self.samples)
        ]

        def choose(logs: Array, outputs: Array) -> Array:
            probabilities = self.probabilities(logs.astype(np.float64))
            uniform = np.array([draws[output].next() for output in outputs])
            return drawn(probabilities, uniform)

        found = follow(step, state.select(owners), sentences, owners, restrictions, choose)
        return [
            in_order(found[i * self.samples : (i + 1) * self.samples])
            for i in range(len(sentences))
        ]

    def probabilities(self, log_probabilities: Array) -> Array:
        """The probabilities with which symbols are drawn, (symbols, K), up to a common factor.

        Args:
            log_probabilities: those of the model, (symbols, K), −∞ for what is not permitted.
        """
        highest = log_probabilities.max(axis=0)
        with np.errstate(over="ignore"):  # of what has probability 0, at low temperatures
            p = np.exp((log_probabilities - highest) / self.temperature)
        if (self.top_k is not None and self.top_k < len(p)) or self.top_p < 1:
            order = np.argsort(-p, axis=0, kind="stable")
            ranked = np.take_along_axis(p, order, axis=0)
            if self.top_k is not None:
                ranked[self.top_k :] = 0
            if self.top_p < 1:
                above = np.cumsum(ranked, axis=0) - ranked  # the sum over those ranked before
                ranked[above >= self.top_p * ranked.sum(axis=0)] = 0
            np.put_along_axis(p, order, ranked, axis=0)
        p[p < self.min_p] = 0  # the highest is 1
        return p


class _Draws:
    """Uniform random numbers for one output, a block at a time."""

    def __init__(self, seed: int, sentence: int, sample: int) -> None:
        self._stream = generator(seed, "sampling", sentence, sample)
        self._block: list[float] = []

    def next(self) -> float:
        if not self._block:
            self._block = self._stream.random(DRAWN)[::-1].tolist()
        return self._block.pop()


def drawn(probabilities: Array, uniform: Array) -> Array:
    """Symbols by inverse transform sampling, (K,).

    Args:
        probabilities: up to a common factor for each column, (symbols, K).
        uniform: random numbers from 0 to below 1, (K,).
    """
    cumulative = np.cumsum(probabilities, axis=0)
    # Numbers up to 1 − 2⁻⁵³ times the sum are below it, also when rounded.
    return (cumulative <= uniform * cumulative[-1]).sum(axis=0)
