"""Tests of the codes of words: those of a dictionary, in the order of the words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.tables import cells, vocabulary
from nnkit.data.tables.cells import ColumnCells, joined_cells
from nnkit.data.tables.vocabulary import Vocabulary

WORDS = st.text("ab é", max_size=3) | st.sampled_from(["x" * 8, "x" * 9, "x" * 64, "y" * 65])


def column(words: list[str]) -> ColumnCells:
    return joined_cells([[word] for word in words], range(len(words)), 1).column(0)


def check(parts: list[list[str]]) -> None:
    """Checks the codes of successive parts of a column."""
    found, codes = Vocabulary(), dict[str, int]()
    for part in parts:
        expected = [codes.setdefault(word.strip(), len(codes)) for word in part]
        assert found.encode(column(part)).tolist() == expected
    assert found.codes == codes
    assert list(found.codes) == list(codes)


PARTS = st.lists(st.lists(WORDS, min_size=1, max_size=12), min_size=1, max_size=3)


@given(PARTS)
def test_codes_are_those_of_a_dictionary(parts: list[list[str]]) -> None:
    check(parts)


def test_words_whose_hashes_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [["a", "b", "longer word", "a"], ["longer word", "b", "other words", "c"]]
    monkeypatch.setattr(vocabulary, "_slots", lambda words: np.zeros(len(words[0]), np.int64))
    check(parts)
    monkeypatch.setattr(cells, "text_keys", lambda words: np.zeros(len(words[0]), np.uint64))
    check(parts)


def test_more_words_than_are_remembered_have_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_KNOWN", 8)
    words = [f"word {i % 30}" for i in range(100)]
    check([words[:5], words[5:], words])
