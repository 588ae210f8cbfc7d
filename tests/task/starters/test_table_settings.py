"""Tests of the settings that are chosen for a table: number formats, units, labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.errors import UsageError
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.table_settings import choose_settings

ROWS = 40


def choose(folder: Path, columns: dict[str, list[str]], delimiter: str = ";") -> TableSettings:
    """Chooses the settings of a table of some columns and a label."""
    rows = len(next(iter(columns.values())))
    columns = columns | {"y": [("no", "yes")[i % 2] for i in range(rows)]}
    lines = [list(columns), *zip(*columns.values(), strict=True)]
    path = folder / "t.csv"
    path.write_text("\n".join(map(delimiter.join, lines)), encoding="utf-8")
    return choose_settings(path, TableOptions())


def written(template: str) -> list[str]:
    """Numbers written as in a template, with thousands t from 1, and a rest r of three digits."""
    return [template.format(t=i % 9 + 1, r=f"{i * 37 % 1000:03d}") for i in range(ROWS)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": written("{t},{r}")}, {"decimal": ","}),
        ({"a": written("{t},{r}"), "b": written("{t}.5")}, {"thousands": ","}),
        ({"a": written("{t},5"), "b": written("{t}.{r},5")}, {"decimal": ",", "thousands": "."}),
        ({"a": written("{t}\u202f{r},5")}, {"decimal": ",", "thousands": " "}),
        ({"a": written("{t}'{r}.5")}, {"thousands": "'"}),
        ({"a": written("{t} %"), "b": written("{r}")}, {"units": ["%"]}),
        *(
            (columns, {"decimal": ",", "thousands": ".", "units": ["€"]})
            for price, size in [(written("{t}.{r} €"), written("{t},5"))]
            for columns in ({"a": price, "b": size}, {"a": size, "b": price})
        ),
        ({"a": written("{t} %"), "b": written("{t},5 €")}, {"decimal": ",", "units": ["%", "€"]}),
        (
            {"a": [*written("{t},{r}.5")[1:], "(1,234.5)"]},
            {"thousands": ",", "parentheses": "negative"},
        ),
        ({"a": [*written("{t}{r}")[2:], "(12)", "(9)"]}, {"parentheses": "negative"}),
        ({"a": [f"{i % 15} kg" for i in range(ROWS)]}, {"units": ["kg"]}),
        (
            {
                "way in km": [*written("{t}.{r} km")[:20], *written("{t}.{r}")[20:-1], "unknown"],
                "price": [*written("{t}.{r} €")[1:], "on request"],
                "litres": written("{t},5"),
            },
            {"decimal": ",", "thousands": ".", "units": ["km", "€"]},
        ),
        ({"a": written("\N{MINUS SIGN}{t}.{r}")}, {}),
    ],
)
def test_one_format_for_all_numbers(
    columns: dict[str, list[str]], expected: dict[str, Any], tmp_path: Path
) -> None:
    chosen = choose(tmp_path, columns)
    names = {"decimal", "thousands", "units", "parentheses"}
    assert {k: v for k, v in chosen.settings.items() if k in names} == expected
    assert all((name,) in chosen.reasons for name in expected)
    loaded = chosen.source().load()
    assert not any(column.categories for column in loaded.columns)


def test_a_unit_of_some_cells_is_found_if_the_column_is_named_after_it(tmp_path: Path) -> None:
    sizes = [f"{i}00k" if i % 2 else f"{i}00" for i in range(ROWS)]
    assert choose(tmp_path, {"a": written("{r}.5"), "size": sizes}).settings["ignore"] == ["size"]
    chosen = choose(tmp_path, {"a": written("{r}.5"), "size (k)": sizes})
    assert chosen.settings["units"] == ["k"]
    hours = [f"{i % 5}{' h' * (i % 9 == 0)}" for i in range(ROWS)]
    chosen = choose(tmp_path, {"a": written("{r}.5"), "time": hours})
    hint = "if 'h' changes no value, --unit 'h' reads them as numbers"
    assert hint in chosen.reasons["words", "time"]


def test_units_can_be_named(tmp_path: Path) -> None:
    prices = [f"{i * 37}.5{('', ' € VB', ',-')[i % 3]}" for i in range(ROWS)]
    choose(tmp_path, {"price": prices, "a": written("{r}.5")})
    with pytest.raises(UsageError, match=r"such as '0\.5', '37\.5 € VB', '74\.5,-': if they are n"):
        choose_settings(tmp_path / "t.csv", TableOptions(labels=["price"]))
    options = TableOptions(labels=["price"], units=["€ VB", ",-"])
    chosen = choose_settings(tmp_path / "t.csv", options)
    assert chosen.settings["task"] == "regression"
    targets = chosen.source().load().samples.targets
    assert np.asarray(targets[:3]).tolist() == [[0.5], [37.5], [74.5]]


def test_months_become_numbers(tmp_path: Path) -> None:
    months = [f"{i % 12 + 1:02d}/{2010 + i % 7}" for i in range(ROWS)]
    chosen = choose(tmp_path, {"first used": months})
    date = {"parts": ["elapsed_days", "year", "month"], "order": "month_year"}
    assert chosen.settings["dates"] == {"first used": date}
    numbers = chosen.source().load().samples.inputs
    assert np.asarray(numbers[:])[13, 1:].tolist() == [2016, 2]


def test_zero_has_no_thousands(tmp_path: Path) -> None:
    columns = {"a": [f"{i % 3},{i * 37 % 1000:03d}" for i in range(ROWS)]}
    assert choose(tmp_path, columns, "\t").settings["decimal"] == ","


def test_times_of_day_become_hours(tmp_path: Path) -> None:
    chosen = choose(tmp_path, {"at": [f"{i * 7 % 24}:{i:02d}" for i in range(ROWS)]})
    assert chosen.settings["dates"] == {"at": {"parts": ["hour"], "order": "time_of_day"}}
    inputs = chosen.source().load().samples.inputs
    assert np.asarray(inputs)[1].tolist() == [pytest.approx(7 + 1 / 60)]


@pytest.mark.parametrize(
    "other",
    ["{r}.5", "-{t}{r}"],  # in which -999 may be a number
)
def test_a_number_far_from_all_others_is_missing_in_its_column(other: str, tmp_path: Path) -> None:
    cells = [str(i) if i % 9 else "-999" for i in range(ROWS)]
    chosen = choose(tmp_path, {"a": cells, "b": [*written(other)[1:], "5"]})
    assert chosen.settings["missing_in"] == {"a": ["-999"]}
    assert 'are -999, far from all others: missing_in: {a: ["-999"]}' in "".join(chosen.remarks())
    inputs = chosen.source().load().samples.inputs[:]
    assert np.isnan(inputs).sum(axis=0).tolist()[0] == sum(cell == "-999" for cell in cells)
    assert not np.isnan(inputs[:, 1:]).any()


@pytest.mark.parametrize(
    ("other", "common"),
    [("{r}.5", True), ("-{t}{r}", False)],  # in which -999 may be a number
)
def test_a_number_that_is_missing_in_several_columns(
    other: str, common: bool, tmp_path: Path
) -> None:
    cells = [str(i) if i % 9 else "-999" for i in range(ROWS)]
    columns = {"a": cells, "c": cells[::-1], "b": [*written(other)[1:], "5"]}
    settings = choose(tmp_path, columns).settings
    own = {"a": ["-999"], "c": ["-999"]}
    assert settings.get("also_missing") == (["-999"] if common else None)
    assert settings.get("missing_in") == (None if common else own)


def test_a_text_between_numbers_that_is_a_word_elsewhere_is_missing_in_its_column(
    tmp_path: Path,
) -> None:
    numbers = [f"{i}.5" if i % 20 != 7 else "low" for i in range(ROWS)]
    words = [("low", "high")[i % 2] for i in range(ROWS)]
    chosen = choose(tmp_path, {"a": numbers, "b": words})
    assert chosen.settings["missing_in"] == {"a": ["low"]}
    assert chosen.source().load().columns[1].categories == ("high", "low")


def test_a_row_of_units_does_not_hide_percentages(tmp_path: Path) -> None:
    rest = [f"{i % 4 * 5} %" for i in range(ROWS - 1)]
    chosen = choose(tmp_path, {"share": ["%", *rest], "weight": ["kg", *written("{r}.5")[1:]]})
    assert chosen.settings["leave_out"] == [2]
    assert chosen.settings["units"] == ["%"]


def test_long_codes_are_told_apart(tmp_path: Path) -> None:
    codes = [f"1234567890123456789{i % 2}" for i in range(ROWS)]
    path = tmp_path / "t.csv"
    path.write_text("a,code\n" + "".join(f"{i}.5,{code}\n" for i, code in enumerate(codes)))
    chosen = choose_settings(path, TableOptions())
    assert chosen.settings["task"] == "classification"
    assert chosen.source().load().classes == ("12345678901234567890", "12345678901234567891")


def test_numbers_in_several_units_are_not_mixed_up(tmp_path: Path) -> None:
    """`1.2M` beside `300k` is a word, with a remark that says what to do."""
    sizes = [f"{i}.{i}M" if i % 2 else f"{i}00k" for i in range(ROWS)]
    chosen = choose(tmp_path, {"a": written("{r}.5"), "size": sizes})
    assert chosen.settings["ignore"] == ["size"]
    hint = "(such as '000k', '1.1M': if they are numbers, write all of them in one way, or "
    assert hint in chosen.reasons["ignore", "size"]
    with pytest.raises(UsageError, match="if they are numbers, write all of them in one way"):
        choose_settings(tmp_path / "t.csv", TableOptions(labels=["size"]))
    some = [sizes[i % 14] for i in range(ROWS)]
    notices = choose(tmp_path, {"a": written("{r}.5"), "size": some}).source().load().notices
    assert any("each of which becomes an input, such as '000k'; if they" in n for n in notices)


def test_a_word_or_nothing_is_no_constant(tmp_path: Path) -> None:
    checked = ["x" * (i % 3 == 0) for i in range(ROWS)]
    chosen = choose(tmp_path, {"a": written("{r}.5"), "smoker": checked})
    assert chosen.reasons["ignore", "smoker"] == (
        "column 'smoker' has one value in 14 of 40 rows and is empty in the others; a network "
        "needs a word there to tell them apart"
    )


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        (["a", "a"], None, "--label: 'a' is given twice"),
        (["a", "c"], None, "column 'c' holds no numbers, such as 'red'; several labels must be"),
        (["a", "d"], None, "column 'd' holds the same value in every row; several labels must be"),
        (["a", "b"], "classification", "classes must be in one column"),
        (["a", "x"], None, "--label x"),
        (["a", "e"], None, "column 'e': 30 of 60 cells are numbers, but line 3 holds 'x1'"),
    ],
)
def test_several_labels_must_be_numbers(
    labels: list[str], task: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    rows = (
        f"{i}.5,{i % 2},{('red', 'blue')[i % 2]},7,{'x' * (i % 2)}{i}{'.5' * (1 - i % 2)}\n"
        for i in range(60)
    )
    path.write_text("a,b,c,d,e\n" + "".join(rows))
    with pytest.raises(UsageError, match=message):
        choose_settings(path, TableOptions(labels=labels, task=task))


def test_a_label_that_is_another_word_in_most_rows_cannot_be_predicted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i}.5,name {i // 2 * 2}\n" for i in range(ROWS - 1)))
    with pytest.raises(UsageError, match="20 different words in 39 rows, too few rows"):
        choose_settings(path, TableOptions())


def test_words_that_tell_the_rows_of_a_small_table_apart_are_left_out(tmp_path: Path) -> None:
    columns = {"patient": [f"P{i:03d}" for i in range(ROWS)], "a": written("{t}.5")}
    assert choose(tmp_path, columns).settings["ignore"] == ["patient"]


@pytest.mark.parametrize("step", [1, 7])
def test_rows_in_the_order_of_time_may_be_forecast(step: int, tmp_path: Path) -> None:
    days = [f"2024-01-{1 + i * step % 29:02d}" for i in range(29)]
    chosen = choose(tmp_path, {"day": days, "a": [str(i % 5) for i in range(29)]})
    assert any("the source 'series' forecasts" in said for said in chosen.remarks()) == (step == 1)


def test_words_between_dates_are_missing(tmp_path: Path) -> None:
    dates = [f"{i % 28 + 1}.{i % 12 + 1}.2024" for i in range(ROWS)]
    chosen = choose(
        tmp_path, {"at": [*dates[:-2], "unknown", "n.b."], "b": written("{r}.5")[:ROWS]}
    )
    assert chosen.settings["also_missing"] == ["unknown", "n.b."]
    assert chosen.settings["dates"]["at"]["order"] == "day_first"
    assert chosen.reasons["also_missing", "unknown"].startswith("column 'at': ")
    assert "different cells are dates, but line" in chosen.reasons["also_missing", "n.b."]
    words = choose(tmp_path, {"at": dates[:20] + [f"word {i}" for i in range(20)]})
    assert "also_missing" not in words.settings
