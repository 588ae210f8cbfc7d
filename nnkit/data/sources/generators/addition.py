"""Addition of decimal numbers, written as text."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import (
    RandomlyGenerated,
    SampleCount,
    TextPair,
    paired_samples,
)
from nnkit.random import generator


class Addition(RandomlyGenerated):
    """Sums such as `12+345` and their results, as in Keras's example addition_rnn.

    Each term has 1 to `digits` random digits, leading zeros removed. No sum occurs twice, nor with
    its terms exchanged.
    """

    kind: Literal["addition"] = "addition"
    count: SampleCount = 50_000
    digits: int = Field(3, ge=1, le=9, description="Most digits of a term.")
    reverse: bool = Field(
        False,
        description="Whether questions are written from back to front, which is easier to learn "
        "(Zaremba & Sutskever 2014).",
    )

    @model_validator(mode="after")
    def _are_enough(self) -> Self:
        most = distinct_sums(self.digits) // 2
        if self.count > most:
            raise ValueError(
                f"count may be at most {most:,}, half of all sums of up to {self.digits} digits"
            )
        return self

    def read(self) -> Dataset:
        sums = additions(self.count, self.digits, self.seed)
        if self.reverse:
            sums = [(question[::-1], result) for question, result in sums]
        return Dataset(paired_samples(sums))


def additions(count: int, digits: int, seed: int) -> list[TextPair]:
    """Different sums and their results, as described for `Addition`.

    Args:
        count: the number of sums, at most half of all of them.
        digits: the largest number of digits of a term.
        seed: seed of the draws.
    """
    draws = generator(seed, "addition")
    terms: dict[tuple[int, int], tuple[int, int]] = {}
    while len(terms) < count:
        limits = 10 ** draws.integers(1, digits + 1, (count, 2))
        for first, second in draws.integers(0, limits).tolist():
            terms.setdefault((min(first, second), max(first, second)), (first, second))
    return [(f"{a}+{b}", str(a + b)) for a, b in list(terms.values())[:count]]


def distinct_sums(digits: int) -> int:
    """The number of sums of two numbers of at most so many digits, terms in either order."""
    numbers = 10**digits
    return numbers * (numbers + 1) // 2
