"""Tests of the kinds of columns, and of the objections to those that are not clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nnkit.data.sources.csv import Csv
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.kinds import ColumnProfile, Kind, profile_column
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.objections import objection
from nnkit.data.tables.table_reader import read_table
from nnkit.errors import SettingError

FLOATS = [f"{i * 37 % 101 / 7:.3f}" for i in range(100)]


def written(folder: Path, cells: Sequence[str], name: str = "a") -> Path:
    path = folder / "t.csv"
    lines = [f'"{cell}",{"yes" if i % 2 else "no"}' for i, cell in enumerate(cells)]
    path.write_text("\n".join([f"{name},y", *lines]) + "\n", encoding="utf-8")
    return path


def profile(folder: Path, cells: Sequence[str], name: str = "a") -> ColumnProfile:
    table = read_table(written(folder, cells, name), Dialect(), NumberFormat())
    return profile_column(table, 0)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (FLOATS, Kind.NUMBERS),
        ([*FLOATS, "NULL", "n/a", "-", "?", ""], Kind.NUMBERS),
        ([*FLOATS, "12O"], Kind.MIXED),
        ([*FLOATS, "Total"], Kind.MIXED),
        ([f"{i},{i}" for i in range(50)], Kind.MIXED),
        (["1,5", "2,5"] * 20, Kind.MIXED),
        ([f"{i} %" for i in range(50)], Kind.MIXED),
        ([f"${i},000" for i in range(1, 90)], Kind.MIXED),
        ([*FLOATS[:60], *["low"] * 40], Kind.MIXED),
        (["1.5", "2.5", "x"], Kind.MIXED),
        (["0", "1", "2", "3+"] * 20, Kind.WORDS),
        (["red", "blue"] * 20, Kind.WORDS),
        ([f"w{i % 51}" for i in range(306)], Kind.WORDS),
        ([f"u{i}" for i in range(60)], Kind.UNIQUE),
        ([f"{i // 2} 17{i}" if i % 4 else str(i) for i in range(200)], Kind.UNIQUE),
        ([f"2024-01-{i % 28 + 1:02d}" for i in range(60)], Kind.DATES),
        (["7"] * 20, Kind.CONSTANT),
        (["x"] * 20, Kind.CONSTANT),
        (["7", "", "7"] * 10, Kind.CONSTANT),
        (["", "NA", "?"] * 10, Kind.EMPTY),
        (["1e3", "inf", "2.5"] * 10, Kind.MIXED),
    ],
)
def test_the_kind_of_a_column(cells: list[str], kind: Kind, tmp_path: Path) -> None:
    assert profile(tmp_path, cells).kind is kind


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        ([str(i) for i in range(50)], True),
        ([str(i * 37 % 50 + 1) for i in range(50)], True),  # shuffled
        ([str(2 * i) for i in range(50)], False),
        ([str(i % 49) for i in range(50)], False),
        ([str(i) for i in range(5)], False),
    ],
)
def test_what_counts_the_rows(cells: list[str], counts: bool, tmp_path: Path) -> None:
    assert profile(tmp_path, cells).counts_rows is counts


@pytest.mark.parametrize(
    ("name", "cells", "identifies"),
    [
        ("", [str(i) for i in range(50)], True),
        ("Unnamed: 0", [str(i) for i in range(50)], True),
        ("customer_id", [str(i * 7919 % 5003) for i in range(50)], True),
        ("Fall-Nr.", [str(i * 7919 % 5003) for i in range(50)], True),
        ("width", [str(i * 7919 % 5003) for i in range(50)], False),
        ("year", [str(1960 + i) for i in range(50)], False),
        ("id", [str(i % 10) for i in range(50)], False),
        ("paid", [str(i) for i in range(50)], False),
        ("name", [f"u{i}" for i in range(60)], True),
    ],
)
def test_what_identifies_rows(
    name: str, cells: list[str], identifies: bool, tmp_path: Path
) -> None:
    assert profile(tmp_path, cells, name).identifies_rows is identifies


@pytest.mark.parametrize(
    ("cells", "settings"),
    [
        ([*FLOATS, "12O"], 'also_missing: ["12O"]'),
        ([*FLOATS, "12O"], "leave_out: [102]"),
        ([*FLOATS, "12O"], "words: [a]"),
        (["1,5", "2,5"] * 20, 'decimal: ","'),
        ([f"{i} %" for i in range(50)], 'units: ["%"]'),
        ([f"${i},000" for i in range(1, 90)], 'thousands: ",", units: ["$"]'),
        ([f"u{i}" for i in range(60)], "ignore: [a]"),
        ([f"u{i}" for i in range(60)], "words: [a]"),
        ([f"{i % 28 + 1}.{i % 12 + 1}.2024" for i in range(90)], ", order: day_first"),
    ],
)
def test_every_remedy_that_an_objection_names_remedies(
    cells: list[str], settings: str, tmp_path: Path
) -> None:
    import yaml

    path = written(tmp_path, cells)
    table = read_table(path, Dialect(), NumberFormat())
    text = objection(table, profile_column(table, 0))
    assert text is not None
    assert text.startswith("column 'a': ")
    if settings.startswith(", order"):
        assert settings in text
        settings = "dates: {a: {parts: [elapsed_days], order: day_first}}"
    else:
        for part in settings.split(", "):
            assert f"data.source.{part}" in text or f'"{part}' in text
    with pytest.raises(SettingError) as caught:
        Csv(path=str(path)).load()
    assert text in str(caught.value)
    wanted = yaml.safe_load(f"{{{settings}}}")
    ignored = "ignore" in wanted
    label: int | str = "y"
    found = Csv.model_validate({"path": str(path), "label": label, **wanted})
    if ignored:
        with pytest.raises(Exception, match="no input column is left"):
            found.load()
    else:
        assert found.load().columns


def test_every_column_that_is_not_clear_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i}.5,u{i},{'ab'[i % 2]}" for i in range(60)] + ["x,u60,a"]
    path.write_text("\n".join(["n,id,y", *rows]))
    with pytest.raises(SettingError) as caught:
        Csv(path=str(path)).load()
    first, second = str(caught.value).splitlines()
    assert "column 'n': 60 of 61 cells are numbers, but line 62 holds 'x'" in first
    assert second.startswith("column 'id': 61 different words in 61 rows, such as 'u0'")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (",x,y\n" + "".join(f"{i},{i % 7}.5,{i % 2}\n" for i in range(40)), "numbers the rows"),
        ("c,x,y\n" + "".join(f"5,{i % 7}.5,{i % 2}\n" for i in range(40)), "'c' never changes"),
        ("c,x,y\n" + "".join(f",{i % 7}.5,{i % 2}\n" for i in range(40)), "'c' has no values"),
        ("c,x,y\n" + "".join(f"{i % 4 or 'z'},{i}.5,{i % 2}\n" for i in range(40)), "is read as w"),
        ("x,x,y\n" + "".join(f"{i},{i % 7}.5,{i % 2}\n" for i in range(40)), "is called 'x.1'"),
        ("d,x,y\n" + "".join(f"2024-0{i % 7 + 1}-01,{i}.5,{i % 2}\n" for i in range(40)), "dates"),
        ("1.5,2,a\n" + "".join(f"{i}.5,{i % 7},{'ab'[i % 2]}\n" for i in range(40)), "header: fal"),
        ("zip,y\n" + "".join(f"{i % 17},{i % 2}\n" for i in range(40)), "data.source.words: [zip]"),
        (
            "x,y\n" + "".join(f"{i % 9 or -999},{i % 2}\n" for i in range(40)),
            'missing_in: {x: ["-999"]}',
        ),
        ("x,y\n" + "".join(f"{i},{i + 0.5 if i % 9 else -999}\n" for i in range(40)), "'y': 5 of"),
        ("x,y\n" + "".join(f"{i}.5,{i % 12}\n" for i in range(48)), "task: regression predicts"),
        ("x,y\n" + "".join(f"{i}.5,{i}\n" for i in range(15)), "task: classification predicts"),
        ("x,y\n" + "".join(f"{i}.5,{('1', '1.0', '2')[i % 3]}\n" for i in range(30)), "one class"),
    ],
)
def test_what_is_decided_is_said(text: str, notice: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    notices = Csv(path=str(path)).load().notices
    assert any(notice in found for found in notices), notices


@pytest.mark.parametrize("count", [40, 400])  # few different cells are read as words, too
@pytest.mark.parametrize("word", ["-999", "-999.0"])
def test_a_number_that_means_a_missing_value_is_missing(
    count: int, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{(i % 9 and i) or word},{i % 2}\n" for i in range(count)))
    inputs = Csv(path=str(path), also_missing=("-999",)).load().samples.inputs
    assert np.isnan(inputs[::9]).all()
    assert np.isnan(inputs).sum() == len(inputs[::9])


def test_a_plain_table_has_no_notices(tmp_path: Path) -> None:
    path = written(tmp_path, FLOATS)
    assert Csv(path=str(path)).load().notices == ()


@pytest.mark.parametrize(
    ("names", "notices"),
    [
        (["a", "b", "c"], ["column 'c' never changes; data.source.ignore: [c] leaves it out"]),
        (["x1", "x2", "x3"], ["column 'x3' never changes; data.source.ignore: [x3] leaves it out"]),
        ([f"pixel_{i // 4}_{i % 4}" for i in range(16)], []),
        ([*(f"p{i}" for i in range(15)), "q"], ["14 of 16 columns never change"]),
    ],
)
def test_constant_columns_are_named_unless_they_are_many(
    names: list[str], notices: list[str], tmp_path: Path
) -> None:
    """The first two columns vary, the others do not."""
    constant = ",1" * (len(names) - 2)
    rows = [f"{i * 7 % 11},{i % 5}{constant},{'ab'[i % 2]}" for i in range(30)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([",".join([*names, "y"]), *rows]))
    assert list(Csv(path=str(path)).load().notices) == notices


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (range(15), True),
        (range(15, 0, -1), True),
        (range(250_000, 265_000, 1000), False),
        (range(30), False),
        ([i + 0.5 for i in range(15)], False),
    ],
)
def test_only_few_small_whole_numbers_could_be_classes(
    labels: Sequence[float], hint: bool, tmp_path: Path
) -> None:
    rows = [f"{i * 7 % 11}.5,{label}" for i, label in enumerate(labels)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,y", *rows]))
    found = Csv(path=str(path)).load().notices
    assert [("classification predicts classes" in notice) for notice in found] == [True] * hint


def test_a_number_that_may_mean_a_missing_value(tmp_path: Path) -> None:
    """The remedy has effect in its column alone: others may contain the number."""
    rows = "".join(f"{(1, 2, 9)[i % 3]},{(9, 0.25, 20)[i % 3]},{'xy'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}")
    source = Csv(path=str(tmp_path / "t.csv"))
    (notice,) = source.load().notices
    assert "column 'a': 13 of 40 cells are 9, far from all others" in notice
    assert notice.endswith('set data.source.missing_in: {a: ["9"]}')
    healed = source.model_copy(update={"missing_in": {"a": ("9",)}}).load()
    assert healed.notices == ()
    assert np.isnan(healed.samples.inputs[:]).sum(axis=0).tolist() == [13, 0]


def test_words_that_differ_in_case_only_are_named(tmp_path: Path) -> None:
    rows = "".join(
        f"{('EU', 'US', 'Eu')[i % 3]},{i}.5,{('Yes', 'no', 'yes')[i % 3]}\n" for i in range(30)
    )
    (tmp_path / "t.csv").write_text(f"region,b,y\n{rows}")
    column, label = Csv(path=str(tmp_path / "t.csv")).load().notices
    assert column.startswith("column 'region': 'EU' and 'Eu' differ in upper and lower case only")
    assert label.startswith("column 'y': 'Yes' and 'yes' differ")
