"""Tests of normalization: Unicode forms, spaces, case, and lone surrogates."""

from __future__ import annotations

from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.text_normalization import TextNormalization

ANY_TEXT = st.text(st.characters())  # lone surrogates included
SETTINGS = st.builds(
    TextNormalization,
    st.sampled_from(["nfc", "nfkc", "as_is"]),
    st.sampled_from(["plain", "as_is"]),
    st.booleans(),
    st.booleans(),
)


@given(SETTINGS, ANY_TEXT)
def test_normalizing_twice_changes_nothing_more(setting: TextNormalization, text: str) -> None:
    once = setting.apply(text)
    assert setting.apply(once) == once


@given(ANY_TEXT)
def test_normalized_text_is_composed_and_can_be_stored(text: str) -> None:
    normalized = TextNormalization().apply(text)
    assert is_normalized("NFC", normalized)
    assert normalized.encode().decode() == normalized


@given(st.text())
def test_text_can_stay_as_it_is(text: str) -> None:
    assert TextNormalization("as_is", "as_is").apply(text) == text


@pytest.mark.parametrize("space", "\u00a0\u202f\u2009\u3000")
def test_a_no_break_space_is_a_space(space: str) -> None:
    assert TextNormalization().apply(f"Va{space}!") == "Va !"
    assert TextNormalization(spaces="as_is").apply(f"Va{space}!") == f"Va{space}!"


@pytest.mark.parametrize(
    ("setting", "text", "normalized"),
    [
        (TextNormalization(), "e\u0301te\u0301", "été"),
        (TextNormalization(), "ﬁn", "ﬁn"),
        (TextNormalization("nfkc"), "ﬁn ½", "fin 1⁄2"),
        (TextNormalization(lower=True), "ÉTÉ ΣΑΣ", "été σας"),
        (TextNormalization(), "a\ud800b", "a\ufffdb"),
        (TextNormalization(), "tab\tand\u2028line", "tab\tand\u2028line"),
        (
            TextNormalization(lower=True, letters_only=True),
            "The Time Traveller (for so\nit will be convenient)",
            "the time traveller for so it will be convenient ",
        ),
    ],
)
def test_examples(setting: TextNormalization, text: str, normalized: str) -> None:
    assert setting.apply(text) == normalized
