"""Beam search."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count, NonNegative
from nnkit.decoding.candidates import best_candidates
from nnkit.decoding.decoder import Array, DecoderStep, OutputSymbols, Sentences, checked_logs
from nnkit.decoding.finished import FinishedOutputs
from nnkit.decoding.live import LiveOutputs
from nnkit.decoding.method import Decoding, Hypothesis
from nnkit.decoding.restrictions import FINISHES, GOES_ON, Restrictions
from nnkit.errors import SettingError

SMALLEST = float(np.finfo(np.float64).tiny)  # attention sums are kept above 0 under the logarithm


class Beam(Decoding):
    """The outputs with the highest scores that a beam search finds.

    score = ln P / lp(|Y|) + β·Σ_i ln min(Σ_j a_ij, 1), where |Y| counts the symbols with the end
    symbol, a_ij is the attention of step j to position i of the source, and lp is ((5 + |Y|)/6)^α
    (Wu et al. 2016, eq. 14), or |Y|^α, the power of the length.

    The beam holds the `width` best of all finished outputs and of all extensions of unfinished ones
    by one symbol, by ln P / lp; with a width of 1 this is greedy decoding. The coverage term ranks
    finished outputs only, because others have not covered all they will. Of equal outputs, the one
    that was finished earlier comes first, then the one whose beginning did, then the one with the
    symbol of the lower number.

    The search for a sentence stops as soon as no unfinished output can come among its `n_best`.
    With another symbol, ln P never grows, and lp never decreases, as α ≥ 0; the coverage term is
    never positive, as β ≥ 0. So no continuation has a score above ln P / lp(L), with L the maximal
    length. Therefore the first output is the same whatever `n_best`.
    """

    kind: Literal["beam"] = "beam"
    shorthand: ClassVar[str | None] = "width"
    width: Count = Field(5, description="The number of outputs that are kept at each position.")
    n_best: Count = Field(1, description="The number of outputs returned, at most `width`.")
    length_penalty: NonNegative = Field(
        1.0, description="α; with 0, outputs are ranked by probability, which favours short ones."
    )
    normalization: Literal["wu", "power"] = Field(
        "wu",
        description="The function lp; with `power` and α = 1, ln P / lp is the mean over symbols.",
    )
    coverage_penalty: NonNegative = Field(
        0.0, description="β, against outputs that leave out parts of the source; needs attention."
    )

    @model_validator(mode="after")
    def _enough_outputs(self) -> Self:
        if self.n_best > self.width:
            raise ValueError(f"n_best is {self.n_best}, but the beam holds only {self.width}")
        return self

    def lp(self, length: int) -> float:
        """The divisor of the log-probability of outputs of a length, at least 1."""
        base = (5.0 + length) / 6.0 if self.normalization == "wu" else float(length)
        return float(base**self.length_penalty)

    @property
    def of_attention(self) -> str | None:
        return "coverage_penalty" if self.coverage_penalty else super().of_attention

    def score(
        self,
        log_probability: float,
        steps: int,
        attention: Array | None,
        source_length: int,
    ) -> float:
        score = log_probability / self.lp(max(steps, 1))
        if not self.coverage_penalty:
            return score
        if attention is None:
            path = ("decoding", "coverage_penalty")
            raise SettingError(path, "needs a decoder with attention; remove it")
        covered = np.clip(attention[:source_length].astype(np.float64), SMALLEST, 1.0)
        return score + self.coverage_penalty * float(np.log(covered).sum())

    def decode(
        self, step: DecoderStep, state: Any, sentences: Sentences, symbols: OutputSymbols
    ) -> list[list[Hypothesis]]:
        restrictions = Restrictions(self, sentences, symbols)
        longest = restrictions.maximum + (symbols.end is not None)
        final_lp = np.array([self.lp(int(length)) for length in longest])
        finished = FinishedOutputs(len(sentences), self.width, self.n_best, symbols.text_of)
        live, inputs = LiveOutputs.at_start(len(sentences)), sentences.starts
        while len(live.owners):
            log_probabilities, attention, state = step(state, inputs)
            if self.coverage_penalty:
                live.attend(attention)
            logs = checked_logs(log_probabilities)
            restrictions.apply(logs, live.history, live.owners)
            columns, inputs, totals, ranks = best_candidates(
                logs, live.totals, live.owners, self.width
            )
            live = live.extended(columns, inputs, totals)

            normalized = live.totals / self.lp(live.length)
            in_beam = ranks + finished.ahead_of(normalized, live.owners) < self.width
            codes = restrictions.finishes(inputs, live.length, live.owners)
            for i in np.flatnonzero(in_beam & (codes != GOES_ON)).tolist():
                output, reason = restrictions.output(live.history[:, i]), FINISHES[codes[i]]
                found = Hypothesis(
                    output, float(live.totals[i]), self._score(live, i, sentences), reason
                )
                finished.add(int(live.owners[i]), found, normalized[i])

            going = np.flatnonzero(in_beam & (codes == GOES_ON))
            owners = live.owners[going]
            bounds = live.totals[going] / final_lp[owners]
            going = going[undecided(bounds, owners, finished.to_beat)]
            live, inputs, state = live.select(going), inputs[going], state.select(columns[going])
        return [finished.best(owner) for owner in range(len(sentences))]

    def _score(self, live: LiveOutputs, column: int, sentences: Sentences) -> float:
        attention = None if live.attention is None else live.attention[:, column]
        source_length = int(sentences.source_lengths[live.owners[column]])
        return self.score(float(live.totals[column]), live.length, attention, source_length)


def undecided(bounds: Array, owners: Array, to_beat: Array) -> Array:
    """Whether an unfinished output of the same sentence can come among its best outputs, (K,).

    Args:
        bounds: upper bounds on the final scores of the unfinished outputs, (K,).
        owners: their sentences, (K,).
        to_beat: the score to exceed for each sentence, (sentences,).
    """
    highest = np.full(len(to_beat), -np.inf)
    np.maximum.at(highest, owners, bounds)
    return (highest > to_beat)[owners]
