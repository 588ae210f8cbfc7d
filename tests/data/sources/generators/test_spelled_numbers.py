"""Numbers in words, compared with num2words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from nnkit.data.sources.generators.spelled_numbers import (
    LARGEST,
    english_words,
    french_words,
    german_words,
)

Words = Callable[[int], str]
LANGUAGES: list[tuple[str, Words]] = [
    ("en", english_words),
    ("fr", french_words),
    ("de", german_words),
]


def expected(number: int, language: str) -> str:
    """num2words, but for German 101,000 and the like, where it writes eins instead of ein.

    ICU's spelling rules write ein, too.
    """
    words = str(num2words(number, lang=language))
    is_wrong = language == "de" and number // 1000 > 1 and number // 1000 % 100 == 1
    return words.replace("einstausend", "eintausend") if is_wrong else words


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), LANGUAGES)
def test_every_number_below_1100_and_every_thousand(language: str, words: Words) -> None:
    for number in [*range(1100), *range(2000, LARGEST, 1000)]:
        assert words(number) == expected(number, language)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), LANGUAGES)
def test_every_number_up_to_ten_thousand(language: str, words: Words) -> None:
    for number in range(10_001):
        assert words(number) == expected(number, language)


@pytest.mark.parametrize(("language", "words"), LANGUAGES)
@given(number=st.integers(0, LARGEST))
def test_any_number(language: str, words: Words, number: int) -> None:
    assert words(number) == expected(number, language)
