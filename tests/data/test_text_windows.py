"""Tests of windows of long sequences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.ragged import Ragged
from nnkit.data.text_windows import TextWindows


def windows_of(texts: list[list[int]], **settings: int) -> list[tuple[list[int], list[int]]]:
    inputs, targets = TextWindows.model_validate(settings).next_symbols(
        Ragged.joined(map(np.array, texts))
    )
    pairs = zip(inputs.each(), targets.each(), strict=True)
    return [(X.tolist(), T.tolist()) for X, T in pairs]


def test_windows_follow_one_another() -> None:
    """As the language models of Zhang et al., *Dive into Deep Learning*, §9.3, read a text."""
    assert windows_of([[1, 2, 3, 4, 5, 6, 7]], length=3) == [
        ([1, 2, 3], [2, 3, 4]),
        ([4, 5, 6], [5, 6, 7]),
    ]
    assert windows_of([[1, 2, 3, 4, 5, 6]], length=3)[1] == ([4, 5], [5, 6])


def test_windows_may_overlap_but_not_repeat_the_end() -> None:
    found = windows_of([[1, 2, 3, 4, 5]], length=3, stride=1)
    assert found == [([1, 2, 3], [2, 3, 4]), ([2, 3, 4], [3, 4, 5])]
    assert windows_of([[1, 2]], length=3, stride=1) == [([1], [2])]


@pytest.mark.parametrize("text", [[], [1]])
def test_a_text_without_a_next_symbol_has_no_window(text: list[int]) -> None:
    assert windows_of([text, [1, 2]], length=3) == [([1], [2])]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 5))
def test_every_symbol_but_the_first_is_predicted(
    lengths: list[int], length: int, stride: int
) -> None:
    """With a stride of at most the length; without overlap exactly once."""
    texts = [list(range(100 * i, 100 * i + count)) for i, count in enumerate(lengths)]
    stride = min(stride, length)
    found = windows_of(texts, length=length, stride=stride)
    for X, T in found:
        assert [x + 1 for x in X] == T
        assert 1 <= len(X) <= length
    predicted = [t for _, T in found for t in T]
    assert set(predicted) == {symbol for text in texts for symbol in text[1:]}
    if stride == length:
        assert len(predicted) == len(set(predicted))
