"""Tests of data sets of arrays and tables in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nnkit.data.dataset import Column
from nnkit.data.in_memory import dataset_in_memory, samples_in_memory
from nnkit.errors import DataError

X = np.arange(8.0).reshape(4, 2)


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        (["b", "a", "b", "a"], ("a", "b"), [1, 0, 1, 0]),
        (np.array(["b", "a", "b", "a"]), ("a", "b"), [1, 0, 1, 0]),
        ([10, 9, 10, -1], ("-1", "9", "10"), [2, 1, 2, 0]),
        (np.array([[3], [1], [1], [3]]), ("1", "3"), [1, 0, 0, 1]),
        ([True, False, False, True], ("False", "True"), [1, 0, 0, 1]),
        (np.array([2, "x", 2, "x"], dtype=object), ("2", "x"), [0, 1, 0, 1]),
    ],
)
def test_classes(y: Any, classes: tuple[str, ...], numbers: list[int]) -> None:
    dataset = dataset_in_memory(X, y)
    assert dataset.classes == classes
    assert np.asarray(dataset.samples.targets).tolist() == numbers


@pytest.mark.parametrize(
    ("y", "shape"), [([0.5, 1, 2, 3], (4, 1)), (np.ones((4, 3)), (4, 3)), ([[1, 2]] * 4, (4, 2))]
)
def test_numbers(y: Any, shape: tuple[int, int]) -> None:
    dataset = dataset_in_memory(X, y)
    assert dataset.classes is None
    assert dataset.samples.targets.shape == shape
    assert dataset.samples.targets.dtype == np.float64


def test_whole_numbers_may_be_quantities() -> None:
    dataset = dataset_in_memory(X, [10, 9, 10, 8], integers_are_classes=False)
    assert (dataset.classes, dataset.samples.targets.shape) == (None, (4, 1))


def test_images_get_a_channel() -> None:
    assert dataset_in_memory(np.ones((4, 5, 6)), [0, 1, 0, 1]).input_shape == (1, 5, 6)
    assert dataset_in_memory(np.ones((4, 3, 5, 6)), [0, 1, 0, 1]).input_shape == (3, 5, 6)
    assert dataset_in_memory([1, 2, 3, 4], [0, 1, 0, 1]).input_shape == (1,)


def test_tables_have_columns() -> None:
    table = {"size": [1, None], "colour": ["red", "blue"], "sold": ["yes", "no"]}
    for given in (table, pa.table(table), [dict(zip(table, c)) for c in zip(*table.values())]):  # noqa: B905
        dataset = dataset_in_memory(given, "sold")
        assert dataset.columns == (Column("size"), Column("colour", ("blue", "red")))
        np.testing.assert_array_equal(dataset.samples.inputs, [[1, 1], [np.nan, 0]])
        assert (dataset.label, dataset.classes) == ("sold", ("no", "yes"))
    rows = dataset_in_memory([[1, "red"], [2, "blue"]], [0, 1])
    assert rows.columns == (Column("0"), Column("1", ("blue", "red")))


def test_equal_data_in_other_forms_has_one_fingerprint() -> None:
    table = {"a": [1.0, 2.0], "b": ["x", "y"], "c": [0.5, 1.5]}
    assert (
        len({dataset_in_memory(given, "c").fingerprint() for given in (table, pa.table(table))})
        == 1
    )
    assert dataset_in_memory(X, [0, 1, 0, 1]).fingerprint() == (
        dataset_in_memory(np.asfortranarray(X), np.array([0, 1, 0, 1])).fingerprint()
    )


def test_weights() -> None:
    dataset = dataset_in_memory(X, [0, 1, 0, 1], [1, 2, 3, 0])
    assert np.asarray(dataset.samples.weights).tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(
    ("inputs", "y", "message"),
    [
        (X, [0, 1], "X has 4 samples, but y has 2 targets"),
        (X, [1, 1, 1, 1], "all targets are '1'"),
        (
            X,
            ["a", None, "b", "a"],
            "row 2 of y: the target is missing; fill it in",
        ),
        (X, [0.5, np.nan, 1, 2], "row 2 of y: the target is missing"),
        (X, [0.5, np.inf, 1, 2], "row 2 of y: infinity; correct it"),
        (X, [[[1]]] * 4, r"targets of shape \(4, 1, 1\)"),
        (X, [object()] * 4, "neither numbers nor words"),
        (X, "sold", "X has no named columns"),
        ({"a": [1]}, "sold", "no column 'sold'; the columns are a"),
        (X * np.nan, [0, 1, 0, 1], "X: NaN in sample 0"),
        ([[1, 2], [3]], [0, 1], "the samples must all have the same shape"),
        (["a", "b"], [0, 1], "not a table"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(inputs: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset_in_memory(inputs, y)


@pytest.mark.parametrize(
    ("y", "classes", "targets"),
    [
        (["b", None, "a", "b"], ("a", "b"), [1, 0, 1]),
        ([0.5, np.nan, 1, 2], None, [[0.5], [1], [2]]),
        (np.array([1.0, np.nan, 0.0, 1.0]), ("0", "1"), [1, 0, 1]),  # as pandas stores 1, NA, 0, 1
        ([True, None, False, True], ("False", "True"), [1, 0, 1]),
        ([[1.5, 2], [np.nan, 2], [3, 4], [5, 6]], None, [[1.5, 2], [3, 4], [5, 6]]),
    ],
)
def test_samples_without_a_target_may_be_dropped(
    y: Any, classes: tuple[str, ...] | None, targets: list[Any]
) -> None:
    inputs = X.copy()
    inputs[1] = np.nan
    dataset = dataset_in_memory(inputs, y, [1, 2, 3, 4], missing_target="drop")
    samples = dataset.samples
    assert (dataset.classes, np.asarray(samples.targets).tolist()) == (classes, targets)
    np.testing.assert_array_equal(samples.inputs, X[[0, 2, 3]])
    assert np.asarray(samples.weights).tolist() == [1, 3, 4]
    assert np.asarray(samples.origins).tolist() == [1, 3, 4]
    (notice,) = dataset.notices
    assert notice.startswith(
        "row 2 of y: the target is missing; 1 of 4 rows lacks it and is left out"
    )


def test_no_target_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="y: no row has a target"):
        dataset_in_memory(X, [None] * 4, missing_target="drop")


def test_samples_for_a_model_have_its_classes() -> None:
    assert samples_in_memory(X, ["b", "b", "a", "b"], ("a", "b", "c")).targets[:].tolist() == [
        1,
        1,
        0,
        1,
    ]
    assert samples_in_memory(X, [3, 3, 1, 3], ("1", "3")).targets[:].tolist() == [1, 1, 0, 1]
    assert samples_in_memory(X, [3, 3, 1, 3], None).targets[:].tolist() == [[3], [3], [1], [3]]
    with pytest.raises(DataError, match="y: this model does not know the class d"):
        samples_in_memory(X, ["b", "d", "a", "b"], ("a", "b"))
