"""Tests of splits by source: no source in two sets, whole groups, sizes close to those wanted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.source_groups import divide_groups, source_groups
from nnkit.data.splits import Split, split_dataset
from nnkit.errors import SettingError

TEXT = np.dtypes.StringDType()
SOURCES = [f"Sentence {i % 60}" for i in range(200)]


def dataset(sources: list[str]) -> Dataset:
    return Dataset(Samples(np.array(sources, dtype=TEXT), np.arange(len(sources))))


def test_sources_that_look_the_same_are_one() -> None:
    texts = ["I'm  fine.", "i'm fine.", "Va\u202f!", "Va !", "e\u0301", "É", "fine"]
    assert source_groups(texts).tolist() == [0, 0, 1, 1, 2, 2, 3]


@given(
    st.lists(st.integers(0, 30), min_size=1).map(lambda g: np.unique(g, return_inverse=True)[1]),
    st.integers(1, 10),
    st.integers(1, 10),
    st.integers(0, 99),
)
def test_groups_stay_whole_and_sets_are_not_larger_than_wanted(
    groups: np.ndarray[tuple[int], np.dtype[np.int64]], validation: int, test: int, seed: int
) -> None:
    wanted = {"validation": validation, "test": test}
    parts = divide_groups(groups, wanted, seed)
    assert [*parts] == ["validation", "test", "train"]
    assert sorted(np.concatenate([*parts.values()])) == list(range(len(groups)))
    for first, second in combinations(parts.values(), 2):
        assert not set(groups[first]) & set(groups[second])
    for name, count in wanted.items():
        assert len(parts[name]) <= count or len(set(groups[parts[name]])) == 1
    again = divide_groups(groups, wanted, seed)
    assert all((parts[name] == again[name]).all() for name in parts)


def test_no_source_is_in_two_sets() -> None:
    sets = split_dataset(dataset(SOURCES), Split(by="source", validation=0.1, test=0.2), 7)
    assert 16 < len(sets["validation"]) <= 20  # a source has up to four samples
    assert 36 < len(sets["test"]) <= 40
    for first, second in combinations(sets.values(), 2):
        assert not set(first.inputs[:]) & set(second.inputs[:])
    origins = np.concatenate([np.asarray(samples.targets) for samples in sets.values()])
    assert sorted(origins) == list(range(len(SOURCES)))


def test_no_source_is_in_two_folds() -> None:
    tests = []
    for fold in (1, 2, 3):
        split = Split(by="source", validation=0.1, folds=3, fold=fold)
        sets = split_dataset(dataset(SOURCES), split, 7)
        for first, second in combinations(sets.values(), 2):
            assert not set(first.inputs[:]) & set(second.inputs[:])
        tests.append(np.asarray(sets["test"].targets))
    assert sorted(np.concatenate(tests)) == list(range(len(SOURCES)))


@pytest.mark.parametrize(
    ("sources", "split", "message"),
    [
        (["a"] * 9 + ["b"], Split(by="source", test=0.2), "too few different sources"),
        (["a"] * 9 + ["b"], Split(by="source", folds=3, fold=1), "2 sources are too few for 3"),
    ],
)
def test_too_few_sources_are_refused(sources: list[str], split: Split, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        split_dataset(dataset(sources), split, 0)
    assert caught.value.exit_code == 3


def test_only_texts_are_split_by_source() -> None:
    numbers = Dataset(Samples(np.zeros((20, 2)), np.arange(20.0)[:, None]))
    with pytest.raises(SettingError, match=r"^data\.split\.by: only texts"):
        split_dataset(numbers, Split(by="source"), 0)
