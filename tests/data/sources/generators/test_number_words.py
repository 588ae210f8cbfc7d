"""Pairs of numbers in words, as the source gives them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nnkit.data.sources.generators.number_words import NumberWords, number_pairs


def test_numbers_are_in_the_two_languages() -> None:
    samples = NumberWords(source="digits", target="german", count=500).read().samples
    pairs = dict(zip(samples.inputs[:], samples.targets[:], strict=True))
    assert pairs["21"] == "einundzwanzig"


def test_numbers_are_different_and_of_all_lengths() -> None:
    digits = [pair[0] for pair in number_pairs(4_000, 5, "digits", "english", 3)]
    assert len(set(digits)) == 4_000
    lengths = [sum(len(number) == length for number in digits) for length in range(1, 6)]
    assert lengths == [10, 90, 900, 1_500, 1_500]
    assert all(number == "0" or number[0] != "0" for number in digits)


def test_all_numbers_can_be_wanted() -> None:
    digits = {int(pair[0]) for pair in number_pairs(1_000, 3, "digits", "english", 0)}
    assert digits == set(range(1_000))


def test_another_seed_gives_other_numbers() -> None:
    first, second = (number_pairs(100, 6, "digits", "french", seed) for seed in (0, 1))
    assert first != second
    assert first == number_pairs(100, 6, "digits", "french", 0)


def test_impossible_settings() -> None:
    with pytest.raises(ValidationError, match="source and target are both french"):
        NumberWords(source="french")
    with pytest.raises(ValidationError, match="only 100 numbers of up to 2 digits"):
        NumberWords(digits=2, count=101)
