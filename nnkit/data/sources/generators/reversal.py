"""Reversal of sequences of integers, with the draws of Joey NMT's generator."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import RandomlyGenerated, TextPair, paired_samples
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text.text_units import WhitespaceUnit

LONGER = 5  # integers by which held-out sequences may be longer than those for training


class Reversal(RandomlyGenerated):
    """Sequences of integers such as `3 17 40`, and the same from back to front.

    With the default settings, the files of the reverse task of Joey NMT (Kreutzer, Bastings &
    Riezler 2019). Sequences of the validation and the test set may be longer by five integers.
    """

    kind: Literal["reverse"] = "reverse"
    count: Count = Field(50_000, description="Sequences for training.")
    validation_count: Count = Field(1_000, description="Sequences for validation.")
    test_count: Count = Field(1_000, description="Sequences for the test.")
    longest: Count = Field(25, description="Most integers of a sequence for training.")
    below: Count = Field(50, description="All integers are smaller than this.")
    seed: int = Field(
        42, ge=0, lt=1 << 32, description="Seed of the draws, by NumPy's old generator."
    )

    @property
    def text_coding(self) -> TextCoding:
        return TextCoding(unit=WhitespaceUnit())

    def read(self) -> Dataset:
        train, validation, test = reversals(
            (self.count, self.validation_count, self.test_count),
            (self.longest, self.longest + LONGER, self.longest + LONGER),
            self.below,
            self.seed,
        )
        return Dataset(
            paired_samples(train), paired_samples(test), validation=paired_samples(validation)
        )


def reversals(
    counts: tuple[int, ...], limits: tuple[int, ...], below: int, seed: int
) -> tuple[list[TextPair], ...]:
    """Sets of sequences of integers, separated by spaces, and the same from back to front.

    The draws are those of scripts/generate_reverse_task.py of Joey NMT, from a generator of their
    own instead of NumPy's global one.

    Args:
        counts: the number of sequences of each set, which are drawn one after the other.
        limits: the number of integers of the longest sequence of each set.
        below: the integers are smaller than this, and not negative.
        seed: seed of the draws, 42 in Joey NMT.
    """
    draws = np.random.RandomState(seed)
    sets = []
    for count, limit in zip(counts, limits, strict=True):
        pairs: list[TextPair] = []
        for _ in range(count):
            length = draws.randint(1, limit + 1, dtype=np.int64)
            integers = [str(i) for i in draws.randint(0, below, length, dtype=np.int64)]
            pairs.append((" ".join(integers), " ".join(reversed(integers))))
        sets.append(pairs)
    return tuple(sets)
