"""Tests of byte-pair encoding against the implementation of its authors, subword-nmt."""

from __future__ import annotations

from collections import Counter
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

from nnkit.data.text.byte_pairs import Pair, learn_merges, merge, segment

END = "</w>"  # subword-nmt's mark of the last symbol of a word
README = Path(__file__).parents[3] / "README.md"


def marked(word: str) -> tuple[str, ...]:
    """The initial symbols of a word as subword-nmt has them."""
    return (*word[:-1], word[-1] + END)


def published(text: str, merges: int, min_count: int = 2) -> tuple[list[Pair], StringIO]:
    """The merges that subword-nmt learns, and its file of them."""
    codes = StringIO()
    with redirect_stderr(StringIO()):
        learn_bpe(StringIO(text), codes, merges, min_frequency=min_count)
    _, *lines = codes.getvalue().splitlines()
    codes.seek(0)
    return [(first, second) for first, second in map(str.split, lines)], codes


def learned(text: str, merges: int, min_count: int = 2) -> list[Pair]:
    words = Counter(text.split())
    return learn_merges({marked(word): n for word, n in words.items()}, merges, min_count)


@given(
    st.lists(st.text("abc", min_size=1, max_size=8), min_size=2, max_size=20),
    st.integers(0, 20),
    st.integers(1, 4),
)
def test_merges_and_segmentations_are_those_of_subword_nmt(
    words: list[str], merges: int, min_count: int
) -> None:
    if not any(len(word) > 1 for word in words):
        words = [*words, "ab"]  # subword-nmt needs a pair
    expected, codes = published(" ".join(words), merges, min_count)
    found = learned(" ".join(words), merges, min_count)
    assert found == expected
    if not expected:  # subword-nmt cannot read a file without merges
        return
    bpe = BPE(codes)
    for word in words:
        assert segments(word, found) == bpe.segment(word).replace("@@", "").split()


def test_a_document_is_divided_as_by_subword_nmt() -> None:
    text = README.read_text(encoding="utf-8").replace("@@", "")[:8000]
    expected, codes = published(text, 300)
    found = learned(text, 300)
    assert found == expected
    bpe = BPE(codes)
    for word in set(text.split()):
        assert segments(word, found) == bpe.segment(word).replace("@@", "").split()


def segments(word: str, merges: list[Pair]) -> list[str]:
    ranks = {pair: rank for rank, pair in reversed(list(enumerate(merges)))}
    *pieces, last = segment(marked(word), ranks)
    return [*pieces, last.removesuffix(END)] if last != END else pieces


def test_the_example_of_the_paper() -> None:
    """Sennrich et al. (2016), figure 1: low, lowest, newer, wider."""
    words = {(*word, "·"): n for word, n in {"low": 5, "lowest": 2, "newer": 6, "wider": 3}.items()}
    merges = learn_merges(words, 4)  # in another order than there, where ties are open
    assert {"".join(pair) for pair in merges} >= {"r·", "er·", "low"}
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    assert list(segment((*"lower", "·"), ranks)) == ["low", "er·"]


@pytest.mark.parametrize(
    ("word", "merged"),
    [("aaa", ["aa", "a"]), ("aaaa", ["aa", "aa"]), ("baab", ["b", "aa", "b"]), ("", [])],
)
def test_overlapping_pairs_are_merged_from_left_to_right(word: str, merged: list[str]) -> None:
    assert merge(word, ("a", "a")) == merged
