"""Tests of folds: a partition, stratified as scikit-learn's, with a test set left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from nnkit.config.node import Mark, node_of
from nnkit.config.validation import validate
from nnkit.data.dataset import Dataset, Samples
from nnkit.data.folds import fold_numbers
from nnkit.data.splits import Split, split_dataset
from nnkit.errors import ConfigError, SettingError
from tests.data.test_splits import numbered

LABELS = st.lists(st.integers(0, 3), min_size=5, max_size=60)


@given(LABELS, st.integers(2, 5), st.integers(0, 99))
def test_folds_and_the_classes_in_them_are_of_equal_size(
    labels: list[int], folds: int, seed: int
) -> None:
    found = fold_numbers(len(labels), folds, seed, np.array(labels))
    counts = np.array(
        [np.bincount(np.array(labels)[found == k], minlength=4) for k in range(folds)]
    )
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_classes_are_divided_as_by_scikit_learn() -> None:
    labels = np.random.default_rng(0).integers(0, 3, size=100)
    reference = StratifiedKFold(4, shuffle=True, random_state=0).split(labels, labels)
    expected = sorted(np.bincount(labels[test], minlength=3).tolist() for _, test in reference)
    found = fold_numbers(100, 4, 0, labels)
    ours = sorted(np.bincount(labels[found == k], minlength=3).tolist() for k in range(4))
    assert np.abs(np.array(ours) - expected).max() <= 1
    assert np.sum(ours, axis=0).tolist() == np.sum(expected, axis=0).tolist()


@given(LABELS, st.integers(2, 5), st.integers(0, 99))
def test_each_sample_is_tested_once_and_never_trained_on_then(
    labels: list[int], folds: int, seed: int
) -> None:
    tested: list[int] = []
    for fold in range(1, folds + 1):
        split = Split(validation=0, folds=folds, fold=fold)
        sets = split_dataset(numbered(labels), split, seed)
        test, train = (np.asarray(sets[name].inputs).tolist() for name in ("test", "train"))
        assert sorted(test + train) == list(range(len(labels)))
        np.testing.assert_array_equal(sets["test"].origins, np.add(test, 1))
        tested += test
    assert sorted(tested) == list(range(len(labels)))


def test_validation_is_held_out_of_the_other_folds() -> None:
    sets = split_dataset(numbered([0, 1] * 50), Split(validation=0.1, folds=5, fold=2), seed=0)
    assert {name: len(samples) for name, samples in sets.items()} == {
        "validation": 8,
        "train": 72,
        "test": 20,
    }


def test_a_test_set_that_is_asked_for_is_left_out_of_all_folds() -> None:
    dataset = numbered([0, 1] * 50)
    left_out = set(
        np.asarray(split_dataset(dataset, Split(validation=0, test=0.2), 3)["test"].inputs)
    )
    seen: set[int] = set()
    for fold in range(1, 5):
        split = Split(test=0.2, folds=4, fold=fold)
        for samples in split_dataset(dataset, split, 3).values():
            seen |= set(np.asarray(samples.inputs).tolist())
    assert len(seen) == 80
    assert not seen & left_out


def test_the_source_s_own_test_set_is_left_out() -> None:
    dataset = numbered([0, 1] * 50)
    own = Dataset(
        dataset.samples, test=Samples(np.full(9, -1), np.zeros(9, int)), classes=("0", "1")
    )
    for samples in split_dataset(own, Split(folds=2, fold=1), 0).values():
        assert (np.asarray(samples.inputs) >= 0).all()


def test_real_targets_have_folds_too() -> None:
    dataset = Dataset(Samples(np.arange(50), np.linspace(0, 1, 50)[:, None]))
    assert len(split_dataset(dataset, Split(folds=7, fold=7), 0)["test"]) == 7


def test_the_seed_decides() -> None:
    dataset = numbered([0, 1] * 50)

    def tested(seed: int, own: int | None = None) -> list[int]:
        sets = split_dataset(dataset, Split(folds=4, fold=1, seed=own), seed)
        return np.asarray(sets["test"].inputs).tolist()

    assert tested(1) == tested(1) == tested(5, own=1) != tested(2)


def test_more_folds_than_samples_are_refused() -> None:
    with pytest.raises(SettingError, match="4 samples are too few for 5 folds"):
        split_dataset(numbered([0, 1, 0, 1]), Split(folds=5, fold=1), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 5}, "folds and fold must be given together"),
        ({"fold": 2}, "folds and fold must be given together"),
        ({"folds": 5, "fold": 6}, "there is no fold 6 of 5"),
    ],
)
def test_a_fold_has_its_number(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Split, node_of(settings, Mark("config")))
