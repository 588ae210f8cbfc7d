"""Tests of reading pairs of texts from CSV tables."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.csv_pairs import read_csv_pairs
from nnkit.errors import DataError

WORDS = st.text('ab,"\n é', min_size=1).filter(lambda text: text == text.strip() != "")


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20))
def test_texts_are_those_that_a_csv_writer_wrote(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "answer"), *pairs])
    found = read_csv_pairs(path, "text", "answer")
    assert list(zip(found.sources, found.targets, strict=True)) == pairs
    assert found.names == ("text", "answer")


def test_words_that_mean_a_missing_value_elsewhere_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nr;text;label\n1;NA;null\n2;;x\n3;1.50;-\n", encoding="utf-8")
    found = read_csv_pairs(path, 1, "label", delimiter=";")
    assert found.sources == ("NA", "1.50")
    assert found.targets == ("null", "-")
    assert found.lines == (2, 4)
    assert found.notices == (f"{path}: 1 pair (line 3) with an empty side left out",)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'answer'; available: text, label"):
        read_csv_pairs(path, "text", "answer")
