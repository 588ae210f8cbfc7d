"""Greedy decoding."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nnkit.decoding.decoder import DecoderStep, OutputSymbols, Sentences
from nnkit.decoding.method import Decoding, Hypothesis
from nnkit.decoding.restrictions import Restrictions
from nnkit.decoding.single_path import follow


class Greedy(Decoding):
    """The likeliest symbol at each position; of equally likely ones, that of the lowest number."""

    kind: Literal["greedy"] = "greedy"

    def decode(
        self, step: DecoderStep, state: Any, sentences: Sentences, symbols: OutputSymbols
    ) -> list[list[Hypothesis]]:
        owners = np.arange(len(sentences))
        restrictions = Restrictions(self, sentences, symbols)
        found = follow(
            step, state, sentences, owners, restrictions, lambda logs, _: logs.argmax(axis=0)
        )
        return [[hypothesis] for hypothesis in found]
