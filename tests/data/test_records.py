"""Tests of tables in memory: data frames, mappings and rows as raw inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nnkit.data.dataset import Column
from nnkit.data.records import (
    column_of,
    encoded,
    encoded_rows,
    is_table,
    table_of,
    wrong_words,
)
from nnkit.errors import DataError

COLUMNS = (Column("size"), Column("colour", ("blue", "red")))
EXPECTED = [[1.5, 1.0], [2.0, 0.0]]


@pytest.mark.parametrize(
    "X",
    [
        {"colour": ["red", "blue"], "size": [1.5, 2]},
        {"size": np.array([1.5, 2.0]), "colour": np.array(["red", "blue"]), "more": ["x", None]},
        [{"size": 1.5, "colour": "red"}, {"colour": "blue", "size": 2}],
        pa.table({"colour": ["red", "blue"], "size": [1.5, 2.0]}),
        pa.table({"colour": pa.array(["red", "blue"]).dictionary_encode(), "size": ["1.5", "2"]}),
    ],
    ids=["mapping", "arrays", "rows", "frame", "dictionary"],
)
def test_columns_are_matched_by_name(X: Any) -> None:
    assert is_table(X)
    np.testing.assert_array_equal(encoded(table_of(X), COLUMNS), EXPECTED)


@pytest.mark.parametrize(
    "X",
    [
        [[1.5, "red"], [2, "blue"]],
        [("1.5", "red"), ("2", 0)],
        np.array([["1.5", "red"], ["2", "blue"]]),
        np.array([[1.5, 1], [2, "blue"]], dtype=object),
    ],
    ids=["lists", "tuples", "text", "objects"],
)
def test_rows_are_in_the_order_of_the_columns(X: Any) -> None:
    assert not is_table(X)
    np.testing.assert_array_equal(encoded_rows(X, COLUMNS), EXPECTED)


def test_a_single_row() -> None:
    np.testing.assert_array_equal(encoded_rows([1.5, "red"], COLUMNS), [[1.5, 1]])
    np.testing.assert_array_equal(
        encoded(table_of({"size": 1.5, "colour": "red"}), COLUMNS), [[1.5, 1]]
    )


@pytest.mark.parametrize("gap", [None, np.nan, float("nan")])
def test_missing_values(gap: Any) -> None:
    assert np.isnan(encoded_rows([[gap, gap]], COLUMNS)).all()
    found = encoded(table_of([{"size": gap, "colour": gap}]), COLUMNS)
    assert np.isnan(found).all()
    frame = pa.table({"size": [1.0, None], "colour": [None, "red"]})
    np.testing.assert_array_equal(encoded(table_of(frame), COLUMNS), [[1, np.nan], [np.nan, 1]])


def test_a_word_may_look_like_a_number() -> None:
    column = (Column("code", ("1", "2", "x")),)
    found = encoded(table_of({"code": [2, 1.0, "x", None]}), column)
    np.testing.assert_array_equal(found, [[1], [0], [2], [np.nan]])


def test_a_number_is_no_word_of_a_table() -> None:
    with pytest.raises(DataError, match="row 1: column 'colour': '1' is not among the known"):
        encoded(table_of({"size": [1], "colour": [1]}), COLUMNS)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ({"size": [1]}, "no column 'colour'; the columns are size"),
        ({"size": [1, 2], "colour": ["red"]}, "differ in length: 'size' has 2, 'colour' has 1"),
        ([{"size": 1, "colour": "red"}, {"size": 1}], "row 2: no value for 'colour'; use None"),
        ([{"size": 1, "colour": "red"}, [1, "red"]], "row 2 is not a mapping, but row 1 is"),
        ({"size": [1], "colour": ["green"]}, "row 1: column 'colour': 'green' is not among"),
        ({"size": ["big"], "colour": ["red"]}, "row 1: column 'size': 'big' is not a number"),
        ({"size": np.ones((2, 2)), "colour": ["red"]}, r"a column of shape \(2, 2\)"),
        (
            {"size": np.array(["2024-03-01"], "datetime64[D]"), "colour": ["red"]},
            "is not a number; give dates as numbers",
        ),
    ],
)
def test_what_is_no_table_is_refused(X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encoded(table_of(X), COLUMNS)


@pytest.mark.parametrize("X", ["text", 1.0, None, [[1.5, "red", 2]], [["red"]], {1, 2}])
def test_what_is_no_row_is_refused(X: Any) -> None:
    with pytest.raises(DataError, match=r"this model expects \(n, 2\): size, colour"):
        encoded_rows(X, COLUMNS)


@pytest.mark.parametrize("number", [99, 2, 1.5, -1, np.inf])
def test_the_number_of_no_word_is_refused(number: float) -> None:
    assert wrong_words(np.array([[7.5, 1.0], [0.0, np.nan]]), COLUMNS) == {}
    found = wrong_words(np.array([[0.0, 1.0], [0.0, number]]), COLUMNS)
    assert found == {1: f"column 'colour': '{number:g}' is not among the known values blue, red"}


def test_a_column_with_text_is_one_of_words() -> None:
    assert column_of("c", np.array(["b", None, "a", 1], dtype=object)).categories == ("1", "a", "b")
    assert column_of("c", np.array([1.0, 2.0])).categories == ()
