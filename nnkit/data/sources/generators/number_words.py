"""Numbers in words of two languages, as pairs to translate."""

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
from nnkit.data.sources.generators.spelled_numbers import IN_WORDS
from nnkit.random import generator

Language = Literal["english", "french", "german", "digits"]


class NumberWords(RandomlyGenerated):
    """Whole numbers in words of one language and of another: `twenty-one`, `vingt et un`.

    Each number occurs once. As far as there are so many, numbers of one digit are as frequent as
    those of two, and so on.
    """

    kind: Literal["number_words"] = "number_words"
    source: Language = Field("english", description="Language of the inputs.")
    target: Language = Field("french", description="Language of the targets.")
    count: SampleCount = 20_000
    digits: int = Field(6, ge=1, le=6, description="Most digits of a number.")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source}; choose another target")
        if self.count > 10**self.digits:
            raise ValueError(
                f"there are only {10**self.digits:,} numbers of up to {self.digits} digits"
            )
        return self

    def read(self) -> Dataset:
        return Dataset(
            paired_samples(
                number_pairs(self.count, self.digits, self.source, self.target, self.seed)
            )
        )


def number_pairs(
    count: int, digits: int, source: Language, target: Language, seed: int
) -> list[TextPair]:
    """Different numbers, in words of two languages, as described for `NumberWords`.

    Args:
        count: the number of pairs.
        digits: the largest number of digits.
        source: the language to translate from.
        target: the language to translate to.
        seed: seed of the draws.
    """
    spell, translate = IN_WORDS[source], IN_WORDS[target]
    return [(spell(n), translate(n)) for n in _numbers(count, digits, seed)]


def _numbers(count: int, digits: int, seed: int) -> list[int]:
    """Different numbers, from those of one digit to those of most."""
    found: list[int] = []
    for length in range(1, digits + 1):
        low, high = 10 ** (length - 1) if length > 1 else 0, 10**length
        share = (count - len(found)) // (digits - length + 1)
        draws = generator(seed, "number words", length)
        chosen = draws.permutation(high - low)[:share]
        found += (chosen + low).tolist()
    return found
