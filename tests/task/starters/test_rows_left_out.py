"""Tests of the rows of a table that hold no sample, which a starter config leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import DataError
from nnkit.task.starters.chosen_settings import TableSettings
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.table_settings import choose_settings

ROWS = 100


def choose(folder: Path, lines: list[str]) -> TableSettings:
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return choose_settings(folder / "t.csv", TableOptions())


def lines_of(*columns: list[str], delimiter: str = ",") -> list[str]:
    labels = [("no", "yes")[i % 2] for i in range(ROWS)]
    return [delimiter.join(row) for row in zip(*columns, labels, strict=True)]


@pytest.mark.parametrize("template", ["{}.5", "{} years", "word {}"])
def test_a_header_on_each_page(template: str, tmp_path: Path) -> None:
    """Whatever the columns hold, and with blank lines above it."""
    rows = lines_of([template.format(i % 30) for i in range(ROWS)])
    lines = ["", "a,y", *rows[:40], "", "a,y", *rows[40:80], "a,y", *rows[80:]]
    chosen = choose(tmp_path, lines)
    assert chosen.settings["leave_out"] == [44, 85]
    assert chosen.reasons["leave_out", "44"] == "2 lines repeat the header"
    dataset = chosen.source().load()
    assert len(dataset.samples) == ROWS
    assert dataset.classes == ("no", "yes")


def test_many_lines_that_are_left_out_are_one_message(tmp_path: Path) -> None:
    rows = 6 * lines_of([f"word {i % 30}" for i in range(ROWS)])
    pages = [line for i in range(0, len(rows), 25) for line in ("a,y", *rows[i : i + 25])]
    chosen = choose(tmp_path, pages)
    (said,) = (remark for remark in chosen.remarks() if "header" in remark)
    assert said.startswith("23 lines repeat the header: leave_out: [27, 53, 79, ")
    assert said.endswith(", … (23 in all)]")


def test_a_row_that_repeats_one_name_is_no_header(tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)], ["b", "c"] * (ROWS // 2))
    assert "leave_out" not in choose(tmp_path, ["a,b,y", *rows]).settings


def test_a_footer_and_broken_rows(tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)])
    rows[20] += ",more"
    chosen = choose(tmp_path, ["a,y", *rows, "exported by a device"])
    assert chosen.settings["leave_out"] == [22, 102]
    assert chosen.reasons["leave_out", "22"] == "line 22 has 3 cells, but the rows above have 2"
    assert chosen.reasons["leave_out", "102"] == "line 102 has 1 cell, but the rows above have 2"
    assert len(chosen.source().load().samples) == ROWS - 1


def test_ruled_lines(tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)], ["b", "c"] * (ROWS // 2))
    chosen = choose(tmp_path, ["a,b,y", "---,---,---", *rows[:50], "---,---,---", *rows[50:]])
    assert chosen.settings["leave_out"] == [2, 53]
    assert chosen.reasons["leave_out", "53"] == "line 53 holds '---' in every cell"
    data = chosen.source().load()
    assert (len(data.samples), [bool(c.categories) for c in data.columns]) == (ROWS, [False, True])


def test_signs_that_are_a_word_are_no_ruled_line(tmp_path: Path) -> None:
    rows = lines_of(["--", "++"] * (ROWS // 2), ["++", "--"] * (ROWS // 2))
    assert "leave_out" not in choose(tmp_path, ["a,b,y", *rows]).settings


def test_many_broken_rows_are_an_error(tmp_path: Path) -> None:
    rows = lines_of([f"{i},5" if i % 10 == 3 else f"{i}" for i in range(ROWS)])
    with pytest.raises(DataError, match=r"t\.csv:5: 3 cells, but the rows above have 2; put quot"):
        choose(tmp_path, ["a,y", *rows])


@pytest.mark.parametrize("delimiter", [";", ";;"])
def test_a_delimiter_at_the_end_of_each_line(delimiter: str, tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)], delimiter=";")
    chosen = choose(tmp_path, [line + delimiter for line in ("a;y", *rows)])
    assert chosen.settings["label"] == "y"
    assert len(chosen.settings["ignore"]) == len(delimiter)
    assert [column.name for column in chosen.source().load().columns] == ["a"]


def test_an_empty_label_with_a_name_is_not_passed_over(tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)])
    with pytest.raises(Exception, match="column 'z' holds no values, which cannot be predicted"):
        choose(tmp_path, ["a,y,z", *(f"{line}," for line in rows)])


@pytest.mark.parametrize("place", [ROWS, ROWS // 2])
@pytest.mark.parametrize("template", ["{}.5", "2024-01-{:02}", "word {}"])
def test_a_text_in_the_first_cell_alone(template: str, place: int, tmp_path: Path) -> None:
    """A footer, or a heading between rows: none of them is a value of its column."""
    rows = lines_of(
        [template.format(i % 28 + 1) for i in range(ROWS)],
        [f"{i}.5" for i in range(ROWS)],
    )
    below = [] if place < ROWS else [",,"]
    lines = ["a,b,y", *rows[:place], "Exported by a device,,", *below, *rows[place:]]
    chosen = choose(tmp_path, lines)
    line = place + 2
    assert chosen.settings["leave_out"] == [line]
    reason = chosen.reasons["leave_out", str(line)]
    assert reason == f"line {line} holds 'Exported by a device' and nothing else"
    dataset = chosen.source().load()
    assert len(dataset.samples) == ROWS
    assert not any("Exported" in word for c in dataset.columns for word in c.categories)
    is_date = template.startswith("2024")
    assert ("dates" in chosen.settings) is is_date


@pytest.mark.parametrize("cell", ["17.5", "word 3", "2024-01-31"])
def test_samples_of_which_most_is_missing_stay(cell: str, tmp_path: Path) -> None:
    rows = lines_of([f"word {i % 5}" for i in range(ROWS)], [f"{i}.5" for i in range(ROWS)])
    assert "leave_out" not in choose(tmp_path, ["a,b,y", *rows, f"{cell},,"]).settings


def test_many_rows_with_one_cell_stay(tmp_path: Path) -> None:
    rows = lines_of([f"word {i}" for i in range(ROWS)], [f"{i}.5" for i in range(ROWS)])
    alone = [f"only {i},," for i in range(10)]
    assert "leave_out" not in choose(tmp_path, ["a,b,y", *rows, *alone]).settings


def test_a_total_above_empty_rows(tmp_path: Path) -> None:
    rows = lines_of([f"{i}.5" for i in range(ROWS)], [f"{i}.5" for i in range(ROWS)])
    chosen = choose(tmp_path, ["a,b,y", *rows, "Total,4950,", *[",,"] * 3])
    assert chosen.settings["leave_out"] == [ROWS + 2]


def test_a_footer_below_texts_needs_no_setting(tmp_path: Path) -> None:
    texts = [f"a text with {i} words and more of them that differ {i * 7}" for i in range(ROWS)]
    rows = lines_of([f"{i}" for i in range(ROWS)], texts)
    chosen = choose(tmp_path, ["id,text,y", *rows, "Exported by a device,,"])
    assert chosen.texts == "text"


def test_totals_between_rows(tmp_path: Path) -> None:
    """As of each day; a total in most of whose cells are values is a sample."""
    days = [f"2024-01-{i % 28 + 1:02}" for i in range(ROWS)]
    numbers = [f"{i}.5" for i in range(ROWS)]
    rows = lines_of(days, numbers, ["total", "part"] * (ROWS // 2), numbers)
    subtotal = "Daily total,812.5,,,"
    chosen = choose(
        tmp_path, ["day,b,part,x,y", *rows[:50], subtotal, *rows[50:], subtotal, rows[0]]
    )
    assert chosen.settings["leave_out"] == [52, ROWS + 3]
    assert chosen.reasons["leave_out", "52"] == "'Daily total' is a total"
    assert "day" in chosen.settings["dates"]
