"""Tests of the units of text: what is a symbol, and that joining symbols gives the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.text_units import BytePairUnit, WhitespaceUnit, split_words


@given(st.text())
def test_words_are_a_partition_of_the_text(text: str) -> None:
    assert "".join(split_words(text)) == (f" {text}" if text else "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Go.", [" Go", "."]),
        ("Va !", [" Va", " !"]),
        ("l'homme qu’il a", [" l'", "homme", " qu’", "il", " a"]),
        ("the dogs' 'n' \"cats\"", [" the", " dogs", "'", " '", "n", "'", ' "', "cats", '"']),
        ("Est-ce 3.5 %?", [" Est", "-", "ce", " 3", ".", "5", " %", "?"]),
        ("a  b\n", [" a", " ", " b", "\n"]),
        (" a", [" ", " a"]),
        ("हिन्दी में", [" हिन्दी", " में"]),
        ("e\u0301te\u0301", [" e\u0301te\u0301"]),
        ("❤\ufe0f!", [" ❤\ufe0f", "!"]),
        ("שלום, עולם", [" שלום", ",", " עולם"]),
        ("snake_case<unk>", [" snake_case", "<", "unk", ">"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_white_space_separates_symbols_of_any_kind() -> None:
    unit = WhitespaceUnit()
    text = unit.normalize("  jump\ttwice <unk>\n")
    assert text == "jump twice <unk>"
    assert list(unit.splitter(())(text)) == ["jump", "twice", "<unk>"]


def test_byte_pairs_never_reach_across_words() -> None:
    unit = BytePairUnit(merges=1000)
    texts = ["to be, or not to be"] * 3
    pieces = unit.splitter(unit.learn(texts))(texts[0])
    assert pieces == [" to", " be", ",", " or", " not", " to", " be"]


def test_symbols_outside_the_vocabulary_are_divided_again() -> None:
    unit = BytePairUnit()
    merges = unit.learn(["abcabc"] * 2)
    word = unit.splitter(merges)("abcabc")
    assert word == [" abcabc"]
    known = {" ", "a", "b", "c", "abc"}
    assert unit.splitter(merges, known)("abcabc") == [" ", "abc", "abc"]
