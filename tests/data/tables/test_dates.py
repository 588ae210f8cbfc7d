"""Tests of dates: their forms, orders and parts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.dataset import Column
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.source import ExpectedData
from nnkit.data.tables.dates import (
    DateColumn,
    DateOrder,
    date_numbers,
    date_orders,
    default_parts,
    parse_date,
)
from nnkit.errors import DataError


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2024-02-29", "year_first", (2024, 2, 29)),
        ("2024/2/9", "year_first", (2024, 2, 9)),
        ("2024-02-29T23:59:30Z", "year_first", (2024, 2, 29, 23, 59, 30)),
        ("2024-02-29 23:59:30.125", "year_first", (2024, 2, 29, 23, 59, 30)),
        ("2024-02-29T23:30+01:00", "year_first", (2024, 2, 29, 22, 30)),
        ("29.2.2024", "day_first", (2024, 2, 29)),
        ("29/02/2024 4:05 PM", "day_first", (2024, 2, 29, 16, 5)),
        ("29 February 2024", "day_first", (2024, 2, 29)),
        ("29-Feb-2024", "day_first", (2024, 2, 29)),
        ("2/29/2024 12:05 AM", "month_first", (2024, 2, 29, 0, 5)),
        ("Feb 29, 2024", "month_first", (2024, 2, 29)),
        ("02/2024", "month_year", (2024, 2, 1)),
        ("Feb-2024", "month_year", (2024, 2, 1)),
        ("february 2024", "month_year", (2024, 2, 1)),
        ("4:05", "time_of_day", (1970, 1, 1, 4, 5)),
        ("4:05:30 pm", "time_of_day", (1970, 1, 1, 16, 5, 30)),
    ],
)
def test_forms(text: str, order: DateOrder, expected: tuple[int, ...]) -> None:
    assert parse_date(text, order) == datetime(*expected, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2023-02-29",
        "12",
        "1.5",
        "2024-1/2",
        "2024-01-01x",
        "1.2.24",
        "",
        "24:00",
        "1:2",
        "13/2024",
        "3/24",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert date_orders([text]) == ()


EARLIEST, LATEST = (datetime(year, 1, 1) for year in (1900, 2100))  # noqa: DTZ001


@given(st.datetimes(EARLIEST, LATEST))
def test_parts_are_those_of_numpy(moment: datetime) -> None:
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    numbers, wrong = date_numbers([text], "year_first", ["elapsed_days", "weekday"])
    seconds = np.datetime64(text.replace(" ", "T")).astype("datetime64[s]").astype(int)
    assert wrong == []
    assert numbers[0, 0] == pytest.approx(seconds / 86400, abs=1e-9)
    assert numbers[0, 1] == (np.datetime64(text[:10]).astype(int) + 3) % 7 + 1


def test_orders_are_found_where_they_can_be() -> None:
    assert date_orders(["1/2/2024", "3/4/2024"]) == ("day_first", "month_first")
    assert date_orders(["1/2/2024", "13/4/2024"]) == ("day_first",)
    assert date_orders(["1/2/2024", "4/13/2024"]) == ("month_first",)
    assert date_orders(["1/13/2024", "13/1/2024"]) == ()
    assert default_parts(["2024-01-01", "2024-02-01"], "year_first") == (
        "elapsed_days",
        "month",
        "weekday",
    )


def test_another_table_need_not_have_the_lines_above_the_header(tmp_path: Path) -> None:
    for name, above in (
        ("t.csv", "Prices\n2024,,\n"),
        ("new.csv", ""),
        ("same.csv", "A,x,y\n,,\n"),
    ):
        rows = [f"{i % 28 + 1}.3.2024,{i},{'ab'[i % 2]}" for i in range(40)]
        (tmp_path / name).write_text(above + "\n".join(["day,x,y", *rows]))
    dates = {"day": DateColumn(parts=("day",), order="day_first")}
    source = Csv(path=str(tmp_path / "t.csv"), dates=dates, skip_rows=2)
    columns = source.load().columns
    for name in ("new.csv", "same.csv"):
        found = source.read_table(tmp_path / name, columns)
        np.testing.assert_array_equal(found[:2], [[1, 0], [2, 1]])
        labelled = source.read_labelled(tmp_path / name, ExpectedData(columns, "y", ("a", "b")))
        assert labelled.targets[:3].tolist() == [0, 1, 0]


def test_a_column_of_dates_becomes_numbers_in_training_and_prediction(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i % 28 + 1}.3.2024,{i},{'ab'[i % 2]}" for i in range(90)]
    path.write_text("\n".join(["sold on,x,y", *rows]))
    source = Csv(
        path=str(path), dates={"sold on": DateColumn(parts=("year", "day"), order="day_first")}
    )
    dataset = source.load()
    columns = (Column("sold on.year"), Column("sold on.day"), Column("x"))
    assert dataset.columns == columns
    assert np.asarray(dataset.samples.inputs)[:2].tolist() == [[2024, 1, 0], [2024, 2, 1]]
    (tmp_path / "new.csv").write_text("x,sold on\n5,31.12.2025\n,\n")
    found = source.read_table(tmp_path / "new.csv", columns)
    np.testing.assert_array_equal(found, [[2025, 31, 5], [np.nan, np.nan, np.nan]])
    (tmp_path / "new.csv").write_text("x,sold on\n5,31.12.2025\n6,2025-12-31\n")
    with pytest.raises(DataError, match=r"new.csv:3: column 'sold on': '2025-12-31' is not a date"):
        source.read_table(tmp_path / "new.csv", columns)
