"""The adding problem: two marked numbers of a sequence are to be added."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.data.dataset import Array, Dataset, Samples
from nnkit.data.sources.generators.generated import RandomlyGenerated, SampleCount
from nnkit.random import generator


class Adding(RandomlyGenerated):
    """The adding problem (Hochreiter & Schmidhuber 1997, experiment 4), inputs (2, length).

    The first channel holds random numbers, uniform between `low` and 1. The second one marks two of
    them by 1, one in each half, and the target is their sum (Arjovsky, Shah & Bengio 2016).
    Predicting the mean has a mean squared error of (1 − low)²/6: 2/3 for -1, 1/6 for 0.
    """

    kind: Literal["adding"] = "adding"
    count: SampleCount = 20_000
    length: int = Field(100, ge=2, lt=1 << 31, description="Numbers in a sequence.")
    low: Literal[-1, 0] = Field(-1, description="Smallest number.")

    def read(self) -> Dataset:
        inputs, sums = adding_problem(self.count, self.length, self.low, self.seed)
        return Dataset(Samples(inputs, sums), label="sum")


def adding_problem(count: int, length: int, low: float, seed: int) -> tuple[Array, Array]:
    """Samples of the adding problem.

    Args:
        count: the number of samples n.
        length: the length T of each sequence, at least 2.
        low: lower bound of the numbers; the upper one is 1.
        seed: seed of the draws.

    Returns:
        inputs (n, 2, T) as float32: numbers, and markers 0 or 1; sums (n, 1) as float64.
    """
    draws = generator(seed, "adding")
    numbers = draws.uniform(low, 1, (count, length)).astype(np.float32)
    half = length // 2
    marked = draws.integers((0, half), (half, length), (count, 2))
    inputs = np.zeros((count, 2, length), dtype=np.float32)
    inputs[:, 0] = numbers
    np.put_along_axis(inputs[:, 1], marked, 1, axis=1)
    sums = np.take_along_axis(numbers, marked, axis=1).sum(axis=1, dtype=np.float64)
    return inputs, sums[:, None]
