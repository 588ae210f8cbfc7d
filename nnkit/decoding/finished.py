"""The finished outputs of a beam search."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from nnkit.decoding.decoder import Array
from nnkit.decoding.method import Hypothesis, in_order


class FinishedOutputs:
    """The finished outputs of each sentence; of those with equal texts the best.

    Attributes:
        to_beat: the `n_best`-th highest score of each sentence, −∞ where fewer are finished,
            (sentences,).

    Args:
        sentences: the number of sentences.
        width: the number of outputs in the beam.
        n_best: the number of outputs that are wanted.
        text_of: the text of an output.
    """

    def __init__(
        self,
        sentences: int,
        width: int,
        n_best: int,
        text_of: Callable[[tuple[int, ...]], Hashable],
    ) -> None:
        self._n_best = n_best
        self._text_of = text_of
        self.to_beat = np.full(sentences, -np.inf)
        self._outputs: list[dict[Hashable, Hypothesis]] = [{} for _ in range(sentences)]
        # The highest ln P / lp of each sentence, those of equal texts included, descending.
        self._highest = np.full((sentences, width), -np.inf)

    def add(self, owner: int, hypothesis: Hypothesis, normalized: float) -> None:
        """Adds a finished output of a sentence.

        Args:
            owner: the sentence.
            hypothesis: the output.
            normalized: its ln P / lp.
        """
        outputs, text = self._outputs[owner], self._text_of(hypothesis.symbols)
        if text not in outputs or outputs[text].score < hypothesis.score:
            outputs.pop(text, None)  # the order is that of finishing
            outputs[text] = hypothesis
        best = self.best(owner)
        if len(best) == self._n_best:
            self.to_beat[owner] = best[-1].score
        row = self._highest[owner]
        if normalized > row[-1]:
            row[-1] = normalized
            row[::-1].sort()

    def ahead_of(self, normalized: Array, owners: Array) -> Array:
        """The number of finished outputs that come before live ones, (K,).

        Args:
            normalized: ln P / lp of the live outputs, (K,).
            owners: their sentences, (K,).
        """
        return (self._highest[owners] >= normalized[:, None]).sum(axis=1)

    def best(self, owner: int) -> list[Hypothesis]:
        """The `n_best` best outputs of a sentence, the best first."""
        return in_order([*self._outputs[owner].values()])[: self._n_best]
