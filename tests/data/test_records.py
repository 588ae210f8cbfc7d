"""Tests of tables in memory: data frames, mappings and rows as raw inputs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nnkit.data.dataset import Column
from nnkit.data.frames import is_table, table_of
from nnkit.data.records import Notation, columns_of, encoded, encoded_rows, wrong_words
from nnkit.data.sources.csv import Csv
from nnkit.data.tables.dates import DateColumn, DatePart
from nnkit.data.tables.number_format import NumberFormat
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
            "'2024-03-01' is not a number",
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
    table = table_of({"c": ["b", None, "a", 1], "d": [1.0, 2.0, None, 4.0]})
    assert columns_of(table) == (Column("c", ("1", "a", "b")), Column("d"))


def test_only_listed_texts_are_missing() -> None:
    table = table_of({"c": ["None", "-", "a", None]})
    assert columns_of(table) == (Column("c", ("-", "None", "a")),)
    notation = Notation(form=NumberFormat(("-",)))
    (column,) = columns_of(table, notation)
    assert column.categories == ("None", "a")
    np.testing.assert_array_equal(
        encoded(table, (column,), notation), [[0], [np.nan], [1], [np.nan]]
    )


@pytest.mark.parametrize("cells", [np.array([1.0, 9.0, 9.5]), np.array([1, 9, 9.5], dtype=object)])
def test_a_number_is_missing_in_its_column_alone(cells: Any) -> None:
    notation = Notation(form=NumberFormat((), missing_in=(("a", ("9",)),)))
    found = encoded({"a": cells, "b": cells}, (Column("a"), Column("b")), notation)
    np.testing.assert_array_equal(found, [[1, 1], [np.nan, 9], [9.5, 9.5]])


def test_the_number_of_a_word_is_no_missing_value() -> None:
    notation = Notation(form=NumberFormat((), missing_in=(("colour", ("1", "red")),)))
    colour = (Column("colour", ("blue", "green", "red")),)
    found = encoded_rows(np.array([[1], ["red"]], dtype=object), colour, notation)
    np.testing.assert_array_equal(found, [[1], [np.nan]])


# Dates

TIMES = ("2024-02-29 23:59:30", "1969-12-31 06:00:00", None, "2023-01-01 00:00:00")
PARTS: tuple[DatePart, ...] = ("elapsed_days", "year", "month", "day", "weekday", "hour")
SOLD = Notation({"sold": DateColumn(parts=PARTS)})
MOMENTS = [None if text is None else datetime.fromisoformat(text) for text in TIMES]
BERLIN = timezone(timedelta(hours=1))


def zoned(moment: datetime | None) -> datetime | None:
    """The same moment in another time zone."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone(BERLIN)


@pytest.mark.parametrize(
    "X",
    [
        {"sold": list(TIMES)},
        {"sold": MOMENTS},
        {"sold": [zoned(moment) for moment in MOMENTS]},
        {"sold": np.array(TIMES, dtype="datetime64[s]")},
        {"sold": list(np.array(TIMES, dtype="datetime64[ms]"))},
        pd.DataFrame({"sold": pd.to_datetime(pd.Series(TIMES))}),
        pd.DataFrame({"sold": pd.to_datetime(pd.Series(TIMES)).dt.tz_localize("UTC")}),
        pd.DataFrame({"sold": pd.Series(MOMENTS, dtype=object)}),
        pl.DataFrame({"sold": MOMENTS}),
        pl.DataFrame({"sold": [zoned(moment) for moment in MOMENTS]}),
        pl.DataFrame({"sold": list(TIMES)}),
        pa.table({"sold": pa.array(MOMENTS, pa.timestamp("ms"))}),
        pa.table({"sold": pa.array([zoned(m) for m in MOMENTS], pa.timestamp("us", "UTC"))}),
    ],
)
def test_dates_give_the_parts_that_a_file_gives(X: Any, tmp_path: Path) -> None:
    rows = [f"{text or ''},{i}" for i, text in enumerate(TIMES)]
    (tmp_path / "t.csv").write_text("\n".join(["sold,y", *rows]))
    of_file = Csv(path=str(tmp_path / "t.csv"), dates=dict(SOLD.dates), task="regression").read()
    table = table_of(X)
    assert columns_of(table, SOLD) == of_file.columns
    np.testing.assert_array_equal(encoded(table, of_file.columns, SOLD), of_file.samples.inputs)


def test_days_have_parts_too() -> None:
    columns = (Column("sold.day"), Column("sold.weekday"))
    for day in (date(2024, 3, 1), np.datetime64("2024-03-01"), "2024-03-01"):
        np.testing.assert_array_equal(encoded(table_of({"sold": [day]}), columns, SOLD), [[1, 5]])
    frame = pl.DataFrame({"sold": [date(2024, 3, 1)]})
    np.testing.assert_array_equal(encoded(table_of(frame), columns, SOLD), [[1, 5]])


def test_rows_may_have_the_dates_of_a_table_or_their_parts() -> None:
    columns = (Column("a"), Column("sold.month"), Column("sold.day"))
    of_parts = encoded_rows([[1, 3, 2], [None, 5, 4]], columns, SOLD)
    dates = [[1, "2024-03-02"], [None, date(2024, 5, 4)]]
    np.testing.assert_array_equal(encoded_rows(dates, columns, SOLD), of_parts)
    np.testing.assert_array_equal(encoded_rows(dates[0], columns, SOLD), of_parts[:1])
    with pytest.raises(DataError, match=r"this model expects \(n, 2\): a, sold"):
        encoded_rows([[1, 2, 3, 4]], columns, SOLD)


def test_the_parts_of_a_date_may_be_given_themselves() -> None:
    found = encoded(table_of({"sold.month": [3]}), (Column("sold.month"),), SOLD)
    np.testing.assert_array_equal(found, [[3]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            {"sold": ["2024-03-01", "1.3.2024"]},
            "row 2: column 'sold': '1.3.2024' is not a date",
        ),
        ({"sold": [None, 3]}, "row 2: column 'sold': '3' is not a date"),
        ({"bought": [1]}, "no column 'sold'; the columns are bought"),
    ],
)
def test_what_is_no_date_is_refused(X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encoded(table_of(X), (Column("sold.month"),), SOLD)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"on day": MOMENTS}), pl.DataFrame({"on day": MOMENTS})]
)
def test_dates_need_a_setting(frame: Any) -> None:
    message = r"column 'on day' holds dates; .* data\.source\.dates: \{on day: \[elapsed_days,"
    with pytest.raises(DataError, match=message):
        columns_of(table_of(frame))
    with pytest.raises(DataError, match=r"data\.source\.dates: no column 'sold'"):
        columns_of(table_of(frame), SOLD)
