"""Tests of sequences of different lengths."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.ragged import Ragged

SEQUENCES = st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=8)


@given(SEQUENCES)
def test_sequences_come_back(sequences: list[list[int]]) -> None:
    ragged = Ragged.joined(map(np.array, sequences))
    assert [each.tolist() for each in ragged.each()] == sequences
    assert ragged.flat().tolist() == [value for sequence in sequences for value in sequence]
    assert ragged.size == sum(map(len, sequences))


@given(SEQUENCES, st.randoms(use_true_random=False))
def test_a_selection_is_indexed_like_an_array(sequences: list[list[int]], random: object) -> None:
    ragged = Ragged.joined(map(np.array, sequences))
    chosen = np.array(range(len(sequences))[::-2], dtype=int)
    assert [each.tolist() for each in ragged[chosen].each()] == sequences[::-2]
    assert ragged[chosen].flat().tolist() == [v for s in sequences[::-2] for v in s]
    assert [each.tolist() for each in ragged[1:3].each()] == sequences[1:3]


@given(SEQUENCES)
def test_padding_is_zero_after_the_end_of_each_column(sequences: list[list[int]]) -> None:
    padded = Ragged.joined(map(np.array, sequences)).padded()
    longest = max(map(len, sequences), default=0)
    assert padded.shape == (longest, len(sequences))
    for column, sequence in zip(padded.T, sequences, strict=True):
        assert column.tolist() == sequence + [0] * (longest - len(sequence))


def test_sequences_may_overlap() -> None:
    windows = Ragged(np.arange(6), np.array([0, 1, 4]), np.array([3, 3, 2]))
    assert windows.padded().T.tolist() == [[0, 1, 2], [1, 2, 3], [4, 5, 0]]
    assert windows.flat().tolist() == [0, 1, 2, 1, 2, 3, 4, 5]
