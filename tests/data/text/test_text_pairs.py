"""Tests of reading pairs of texts from tab-separated files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.text_pairs import TextPairs, read_pairs
from nnkit.errors import DataError

TATOEBA = "CC-BY 2.0 (France) Attribution: tatoeba.org #2877272 (CM) & #1158250 (Wittydev)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pairs.tsv"


def read(file: Path, content: str, *args: Any, **settings: Any) -> TextPairs:
    file.write_bytes(content.encode())
    return read_pairs(file, *args, **settings)


def test_pairs_have_the_numbers_of_their_lines(file: Path) -> None:
    pairs = read(file, 'Go.\tVa !\n\n"Hi."\tSalut !\r\n')
    assert pairs.sources == ("Go.", '"Hi."')
    assert pairs.targets == ("Va !", "Salut !")
    assert pairs.lines == (1, 3)
    assert pairs.names == ()


def test_the_columns_can_be_chosen_the_other_way_round(file: Path) -> None:
    pairs = read(file, "Go.\tVa !\n", 1, 0)
    assert (pairs.sources, pairs.targets) == (("Va !",), ("Go.",))
    assert read(file, "1\tGo.\tVa !\n", -2, -1).sources == ("Go.",)


def test_a_third_column_is_said_not_to_be_read(file: Path) -> None:
    pairs = read(file, f"Go.\tVa !\t{TATOEBA}\nHi.\tSalut !\t{TATOEBA}\n")
    assert pairs.targets == ("Va !", "Salut !")
    (notice,) = pairs.notices
    assert notice.startswith(f"{file}: column 2 is not read, such as line 2: 'CC-BY 2.0 (France)")
    (notice,) = read(file, "1\teng\tGo.\tVa !\n", 2, 3).notices
    assert "columns 0, 1 are not read" in notice


@pytest.mark.parametrize("header", ["English\tFrench", "src\ttgt", "en\tfr"])
def test_a_header_is_recognized_and_said(file: Path, header: str) -> None:
    pairs = read(file, f"{header}\nGo.\tVa !\n")
    assert pairs.names == tuple(header.split("\t"))
    assert (pairs.sources, pairs.lines) == (("Go.",), (2,))
    (notice,) = pairs.notices
    assert notice.startswith(f"{file}:1: taken for a header")
    assert "'header: false'" in notice
    assert len(read(file, f"{header}\nGo.\tVa !\n", header=False).sources) == 2
    assert read(file, f"{header}\tuser\nGo.\tVa !\tann\n").lines == (2,)


def test_columns_can_be_chosen_by_name(file: Path) -> None:
    content = "nr\tfrançais\tenglish\n1\tVa !\tGo.\n"
    assert read(file, content, "english", "français").sources == ("Go.",)
    for name, problem in [("german", "no column has"), ("id", "several columns have")]:
        with pytest.raises(DataError, match=f":1: {problem} the name '{name}'"):
            read(file, "id\tid\tenglish\n1\t2\t3\n", "english", name)
    with pytest.raises(DataError, match="chosen by their index"):
        read(file, content, "english", 1, header=False)


@given(st.lists(st.sampled_from(["Go.\tVa !", "\tVa !", "Go.\t \u00a0", "", " ", "\t"])))
def test_pairs_with_an_empty_side_are_left_out_and_named(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "empty.tsv"
    pairs = read(file, "".join(f"{line}\n" for line in ["Hi.\tSalut !", *lines]))
    assert pairs.lines == (1, *(i for i, line in enumerate(lines, 2) if line == "Go.\tVa !"))
    said = " ".join(pairs.notices)
    for number, line in enumerate(lines, 2):
        if line != "Go.\tVa !" and number <= 6:  # the first five are named
            assert str(number) in said


def test_how_many_are_left_out_is_said(file: Path) -> None:
    pairs = read(file, "a\tb\n\n\tb\n" + "a\t\n" * 6)
    assert pairs.notices == (
        f"{file}: 1 blank line (line 2) left out",
        f"{file}: 7 pairs (lines 3, 4, 5, 6, 7, …) with an empty side left out",
    )


@pytest.mark.parametrize(
    ("content", "args", "message"),
    [
        ("Go.,Va !\n", (), r":1: only one column, 'Go\.,Va !'; .* separated by a tab"),
        ("a\tb\na\tb\tc\n", (), ":2: 3 columns, but 2 in the first line; a tab within a text"),
        ("a\tb\tc\na\tb\n", (), ":2: 2 columns, but 3 in the first line"),
        ("a\tb\n", (0, 2), ":1: there is no column 2; the line has 2 columns"),
        ("a\tb\n", (0, -2), "source and target are the same column, 0"),
        ("\n \n", (), ": contains no pairs"),
        ("en\tfr\n", (), ": contains no pairs"),
        ("a\t\n", (), ": contains no pairs"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(
    file: Path, content: str, args: tuple[int, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(file, content, *args)
