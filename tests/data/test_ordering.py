"""Orderings: how an epoch is shuffled and sets are drawn, of data in memory."""

from __future__ import annotations

import numpy as np

from nnkit.data.ordering import FULL_SHUFFLE
from nnkit.random import generator


def test_an_epoch_is_a_permutation_drawn_from_its_own_stream() -> None:
    for epoch in range(3):
        found = np.array(FULL_SHUFFLE.epoch(50, 7, epoch)[:])
        np.testing.assert_array_equal(found, generator(7, "shuffle", epoch).permutation(50))


def test_a_full_shuffle_has_no_window() -> None:
    assert FULL_SHUFFLE.window is None


def test_sets_are_stratified_where_there_are_classes() -> None:
    strata = np.repeat([0, 1, 2], [60, 30, 10])
    shares = FULL_SHUFFLE.divide({"validation": 20, "test": 40}, 100, 0, strata)
    found = {name: np.array(share.indices) for name, share in shares.items()}
    assert {name: np.bincount(strata[part]).tolist() for name, part in found.items()} == {
        "validation": [12, 6, 2],
        "test": [24, 12, 4],
        "train": [24, 12, 4],
    }
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(100))
    assert all(share.ordering is FULL_SHUFFLE for share in shares.values())


def test_without_classes_any_samples_are_held_out() -> None:
    shares = FULL_SHUFFLE.divide({"test": 40}, 100, 0, None)
    assert {name: len(share.indices) for name, share in shares.items()} == {
        "test": 40,
        "train": 60,
    }
