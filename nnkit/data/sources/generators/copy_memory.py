"""The copy memory task: symbols are to be repeated after a long pause."""

from __future__ import annotations

from math import log
from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import (
    RandomlyGenerated,
    SampleCount,
    TextPair,
    paired_samples,
)
from nnkit.random import generator

SYMBOLS = "ABCDEFGH"
COPIED = 10  # symbols
BLANK, GO = "-", ":"


class CopyMemory(RandomlyGenerated):
    """Copy memory (Arjovsky, Shah & Bengio 2016): ten symbols, repeated after a pause of T symbols.

    The input is ten random symbols A to H, T − 1 blanks `-`, the sign `:` to begin, and ten blanks.
    The target, which is as long, is T + 10 blanks, then the ten symbols. Without memory, the least
    cross-entropy is 10 ln 8/(T + 20) nats per symbol.
    """

    kind: Literal["copy"] = "copy"
    count: SampleCount = 10_000
    pause: Count = Field(100, description="Symbols T from the last of the ten to the sign.")

    def read(self) -> Dataset:
        return Dataset(paired_samples(copy_memory(self.count, self.pause, self.seed)))


def copy_memory(count: int, pause: int, seed: int) -> list[TextPair]:
    """Inputs and targets, texts of T + 20 symbols, as described for `CopyMemory`.

    Args:
        count: the number of samples.
        pause: the length T of the pause, at least 1.
        seed: seed of the draws.
    """
    drawn = generator(seed, "copy memory").integers(0, len(SYMBOLS), (count, COPIED))
    letters = np.array(list(SYMBOLS))[drawn].view(f"U{COPIED}")[:, 0].tolist()
    rest = BLANK * (pause - 1) + GO + BLANK * COPIED
    wait = BLANK * (pause + COPIED)
    return [(symbols + rest, wait + symbols) for symbols in letters]


def memoryless_loss(pause: int) -> float:
    """The least cross-entropy without memory, in nats a symbol: 10 ln 8 / (T + 20)."""
    return COPIED * log(len(SYMBOLS)) / (pause + 2 * COPIED)
