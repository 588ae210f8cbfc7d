"""Tests of splits: every sample in exactly one set, stratified by class, reproducible by seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.splits import Split, split_conflict, split_dataset
from nnkit.errors import SettingError

CUTS = ("validation", "test")


def numbered(labels: list[int]) -> Dataset:
    """Returns samples whose input is their own number."""
    classes = tuple(map(str, range(max(labels) + 1)))
    return Dataset(Samples(np.arange(len(labels)), np.array(labels)), classes=classes)


def labels_of(
    sets: Mapping[str, Samples], *names: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([sets[name].targets for name in names if name in sets])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], Split]:
    """Draws labels of a few classes, and a split by fraction or count that leaves training data."""
    labels = draw(st.lists(st.integers(0, 4), min_size=3, max_size=200))
    held_out: dict[str, Any] = {}
    left = len(labels) - 1
    for name in CUTS:
        count = draw(st.integers(0, left // 2))
        left -= count
        share = draw(st.booleans())
        held_out[name] = count / len(labels) if share else float(count)
    return labels, Split(**held_out)


@given(cases(), st.integers(0, 2**63 - 1))
def test_a_split_is_a_partition_of_exact_sizes(case: tuple[list[int], Split], seed: int) -> None:
    labels, split = case
    sets = split_dataset(numbered(labels), split, seed)
    numbers = np.concatenate([samples.inputs for samples in sets.values()])
    assert sorted(numbers) == list(range(len(labels)))
    for samples in sets.values():
        np.testing.assert_array_equal(samples.targets, np.array(labels)[samples.inputs])
        if samples.origins is not None:
            np.testing.assert_array_equal(samples.origins, np.asarray(samples.inputs) + 1)
    assert any(samples.origins is None for samples in sets.values()) == (len(sets) == 1)
    for name in CUTS:
        share = getattr(split, name)
        size = round(share * len(labels)) if share < 1 else share
        assert len(sets.get(name, ())) == size


@given(cases(), st.integers(0, 2**63 - 1))
def test_each_class_is_held_out_in_proportion(case: tuple[list[int], Split], seed: int) -> None:
    labels, split = case
    labels = labels * 5  # so that every class has enough samples to leave one for training
    sets = split_dataset(numbered(labels), split, seed)
    for name, whole in (
        ("validation", ("validation", "test", "train")),
        ("test", ("test", "train")),
    ):
        if name in sets:
            pool = np.bincount(labels_of(sets, *whole), minlength=5)
            cut = np.bincount(sets[name].targets, minlength=5)
            exact = pool * len(sets[name]) / pool.sum()
            if (pool[pool > 0] > exact[pool > 0] + 1).all():
                assert (np.abs(cut - exact) < 1).all()


@given(cases(), st.integers(0, 2**63 - 1))
def test_no_class_is_held_out_as_a_whole(case: tuple[list[int], Split], seed: int) -> None:
    labels, split = case
    sets = split_dataset(numbered(labels), split, seed)
    classes = np.unique(labels)
    if len(sets["train"]) >= len(classes):
        assert np.unique(sets["train"].targets).tolist() == classes.tolist()


def test_single_samples_are_trained_on_and_the_rest_stays_in_proportion() -> None:
    sets = split_dataset(numbered([0] * 40 + [1] * 40 + list(range(2, 12))), Split(), seed=0)
    assert set(labels_of(sets, "train")) == set(range(12))
    for name, size in (("validation", 9), ("test", 18)):
        counts = np.bincount(sets[name].targets, minlength=12)
        assert (abs(counts[0] - counts[1]), counts[2:].sum(), counts.sum()) == (size % 2, 0, size)


@pytest.mark.parametrize(("samples", "held_out"), [(2, 1), (3, 2)])
def test_few_samples_are_held_out_once_one_is_left_for_training(
    samples: int, held_out: int
) -> None:
    labels = [0] * samples + [1] * samples
    sets = split_dataset(numbered(labels), Split(validation=0, test=2 * held_out), seed=0)
    assert np.bincount(sets["test"].targets).tolist() == [held_out, held_out]


def test_a_set_has_the_wanted_size_even_if_every_class_has_one_sample() -> None:
    sets = split_dataset(numbered(list(range(20))), Split(validation=2, test=4), seed=0)
    assert {name: len(samples) for name, samples in sets.items()} == {
        "validation": 2,
        "test": 4,
        "train": 14,
    }


@given(cases(), st.integers(0, 2**63 - 1))
def test_the_seed_alone_decides(case: tuple[list[int], Split], seed: int) -> None:
    labels, split = case
    dataset = numbered(labels)
    first, again = split_dataset(dataset, split, seed), split_dataset(dataset, split, seed)
    own_seed = split_dataset(dataset, split.model_copy(update={"seed": seed}), seed=0)
    for name, samples in first.items():
        np.testing.assert_array_equal(samples.inputs, again[name].inputs)
        np.testing.assert_array_equal(samples.inputs, own_seed[name].inputs)


def test_another_seed_gives_another_split() -> None:
    dataset = numbered([0, 1] * 50)
    held_out = [
        tuple(np.asarray(split_dataset(dataset, Split(), seed)["test"].inputs))
        for seed in range(20)
    ]
    assert len(set(held_out)) == 20


def test_every_sample_is_held_out_by_some_seed() -> None:
    dataset = numbered([0, 1, 1] * 10)
    seen = [split_dataset(dataset, Split(), seed)["test"].inputs for seed in range(40)]
    assert set(np.concatenate(seen)) == set(range(30))


def test_real_targets_are_split_too() -> None:
    dataset = Dataset(Samples(np.arange(50), np.linspace(0, 1, 50)[:, None]))
    sets = split_dataset(dataset, Split(validation=7, test=0.5), seed=0)
    assert {name: len(samples) for name, samples in sets.items()} == {
        "validation": 7,
        "test": 25,
        "train": 18,
    }


def test_defaults_hold_out_a_tenth_and_a_fifth() -> None:
    sets = split_dataset(numbered([0, 1] * 50), Split(), seed=0)
    assert (len(sets["validation"]), len(sets["test"])) == (10, 20)


def test_a_test_set_of_its_own_is_kept() -> None:
    dataset = numbered([0, 1] * 50)
    own = Dataset(dataset.samples, test=dataset.samples.take(np.arange(5)), classes=dataset.classes)
    sets = split_dataset(own, Split(), seed=0)
    assert sets["test"] is own.test
    assert len(sets["train"]) == 90
    with pytest.raises(SettingError, match="has its own test set"):
        split_dataset(own, Split(test=0.2), seed=0)


def test_a_share_that_has_no_effect_is_said() -> None:
    dataset = numbered([0, 1] * 50)
    own = replace(dataset, validation=dataset.samples.take(np.arange(5)))
    conflict = split_conflict(own, Split(validation=0.3))
    assert conflict is not None
    assert "validation: 0.3 has no effect" in conflict
    silent = [(own, Split()), (own, Split(validation=0)), (dataset, Split(validation=0.3))]
    assert [split_conflict(*pair) for pair in silent] == [None] * 3


def test_what_nothing_is_held_out_of_stays_where_it_is() -> None:
    dataset = numbered([0, 1] * 5)
    sets = split_dataset(dataset, Split(validation=0, test=0), seed=0)
    assert set(sets) == {"train"}
    assert sets["train"] is dataset.samples


@pytest.mark.parametrize(
    ("split", "path", "message"),
    [
        (
            Split(validation=0.001),
            "validation",
            "0.001 of 20 samples gives an empty validation set",
        ),
        (Split(test=0.01), "test", "0.01 of 20 samples gives an empty test set"),
        (Split(test=1.5), "test", "1.5 samples is not a whole number"),
        (Split(validation=0.5, test=0.5), "split", "holding out 20 of 20 samples leaves none"),
        (Split(validation=0, test=21), "split", "holding out 21 of 20 samples leaves none"),
    ],
)
def test_a_split_that_leaves_a_set_empty_is_refused(split: Split, path: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        split_dataset(numbered([0, 1] * 10), split, seed=0)
    assert caught.value.path[-1] == path
