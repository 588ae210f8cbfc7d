"""Tests of starter configs for files of texts: what is decided, and that the network suits it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.data.sources.text_files import Pairs
from nnkit.errors import DataError, UsageError
from nnkit.task.starters import starter_for
from nnkit.task.starters.table_options import TableOptions
from tests.inference.text_models import sentences
from tests.task.starters.configs import loaded, table

DATA = Path(__file__).parents[3] / "data" / "text"
NAMES = "\n".join(f"name{i} of {i * 7}" for i in range(50))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sentences("translate").encode("utf-16"), "a.tsv: UTF-16 text; convert it: iconv"),
        (sentences("translate").encode() + b"caf\xe9\tx y\n", "a.tsv:201:4: byte 0xe9 is not"),
        (sentences("translate").encode() + b"a\0\tx y\n", "a.tsv:201:2: a NUL character"),
        (sentences("translate").encode() + b"a\tb\tc\n", "a.tsv:201: 3 columns, but 2 in the fi"),
    ],
)
def test_a_fault_of_a_file_of_pairs_is_named_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """The file is not taken for a table because of it."""
    (tmp_path / "a.tsv").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        starter_for(tmp_path / "a.tsv", TableOptions(), tmp_path)


def test_a_text_far_longer_than_all_others_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(sentences("translate") + "one " * 5000 + "\tun\n")
    starter = starter_for(path, TableOptions(), tmp_path)
    text = loaded(starter, tmp_path).data.text
    assert text is not None
    assert (text.longest, text.too_long) == (50, "cut")
    assert any("are cut to 50 symbols" in remark for remark in starter.remarks)


def test_a_line_of_names_above_pairs(tmp_path: Path) -> None:
    """A name has other characters than all texts below it."""
    lines = "".join(f"{i} past {i * 7 % 24}\t{i * 7 % 24:02}:{i:02}\n" for i in range(60))
    for first, has_header in (("Words\tClock\n", True), ("7 past 7\t07:07\n", False)):
        (tmp_path / "a.tsv").write_text(first + lines)
        starter = starter_for(tmp_path / "a.tsv", TableOptions(), tmp_path)
        data = loaded(starter, tmp_path).data.load()
        assert len(data.samples) == (60 if has_header else 61)
        assert any("a.tsv:1: names the columns" in said for said in starter.remarks) == has_header


@pytest.mark.parametrize(("label", "columns"), [("mark", ("text", "mark")), ("1", (2, 1))])
def test_the_column_to_predict_from_texts_can_be_chosen(
    tmp_path: Path, label: str, columns: tuple[str | int, str | int]
) -> None:
    (tmp_path / "a.csv").write_text(table("label"))
    options = TableOptions(labels=(label,), text_task="text_classification")
    source = loaded(starter_for(tmp_path / "a.csv", options, tmp_path), tmp_path).data.source
    assert isinstance(source, Pairs)
    assert (source.source, source.target) == columns


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ("marks",)}, "--label marks: .*a.csv: no such column; available: id, mark, te"),
        ({"labels": ("id", "mark")}, "one column is predicted from texts, not several"),
        ({"missing": ("?",)}, "for tables, not for texts"),
    ],
)
def test_options_that_texts_do_not_take(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "a.csv").write_text(table("label"))
    with pytest.raises(UsageError, match=message):
        starter_for(
            tmp_path / "a.csv", TableOptions(text_task="text_regression", **options), tmp_path
        )


def test_texts_that_a_table_leaves_out_are_named(tmp_path: Path) -> None:
    rows = (f"{line},{i % 7}.5,{'ab'[i % 2]}" for i, line in enumerate(NAMES.splitlines()))
    (tmp_path / "a.csv").write_text("\n".join(["review,stars,mood", *rows]))
    remarks = starter_for(tmp_path / "a.csv", TableOptions(), tmp_path).remarks
    assert any("column 'review' holds texts, which a table cannot use" in said for said in remarks)


def test_few_pairs_are_not_divided_and_commas_are_taken_for_a_table_of_pairs(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text('en,fr\n"one, two","un, deux"\nthree,trois\n')
    starter = starter_for(tmp_path / "a.csv", TableOptions(text_task="translation"), tmp_path)
    config = loaded(starter, tmp_path)
    assert config.data.split.validation == 0
    assert len(config.data.load().samples) == 2


@pytest.mark.parametrize(("kind", "first"), [("label", "grade"), ("number", "sum")])
def test_a_line_of_names_is_no_text(tmp_path: Path, kind: str, first: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"text\t{first}\n{sentences(kind)}")
    config = loaded(starter_for(path, TableOptions(), tmp_path), tmp_path)
    assert len(config.data.load().samples) == 200
    assert config.data.load().label == first


def test_grades_are_classes_but_could_be_numbers(tmp_path: Path) -> None:
    lines = sentences("label").replace("\tlong", "\t5").replace("\tshort", "\t1")
    (tmp_path / "a.tsv").write_text(lines)
    remarks = starter_for(tmp_path / "a.tsv", TableOptions(), tmp_path).remarks
    assert "--task text_regression predicts a number" in remarks


@pytest.mark.parametrize("kind", ["translate", "label", "number", "lines", "names", "tag"])
def test_a_starter_is_a_config_whose_network_fits_the_data(tmp_path: Path, kind: str) -> None:
    suffix = ".txt" if kind in ("lines", "names") else ".tsv"
    data, config = tmp_path / f"{kind}{suffix}", tmp_path / "config.yaml"
    data.write_text(NAMES if kind == "names" else sentences(kind), encoding="utf-8")
    starter = starter_for(data, TableOptions(), tmp_path)
    config.write_text(starter.text, encoding="utf-8")
    assert starter.remarks
    assert nnkit.build_model(nnkit.load_config(config)).params.size > 1000


@pytest.mark.parametrize(("kind", "unit"), [("language", "bpe"), ("notation", "character")])
def test_the_symbols_suit_languages_and_notations(tmp_path: Path, kind: str, unit: str) -> None:
    lines = [f"{i * 7919 % 99991} + {i}\t{i * 7919 % 99991 + i}" for i in range(10_000)]
    if kind == "language":
        with gzip.open(DATA / "eng-fra-upto-5-words.tsv.gz", "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()[::30]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    starter = starter_for(path, TableOptions(text_task="translation"), tmp_path)
    (tmp_path / "config.yaml").write_text(starter.text, encoding="utf-8")
    text = nnkit.load_config(tmp_path / "config.yaml").data.text
    assert text is not None
    assert text.unit.kind == unit
