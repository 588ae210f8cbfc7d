"""Starter configs for files of texts: what each is taken for, and that its network can be built."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import nnkit
from nnkit.errors import UsageError
from nnkit.task.config import Config
from nnkit.task.starters import starter_for
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.table_options import TableOptions
from tests.inference.text_models import sentences

DATA = Path(__file__).parents[3] / "data" / "text"
NAMES = "\n".join(f"name{i} of {i * 7}" for i in range(50))


def table(kind: str) -> str:
    """A table of numbered sentences, with their class or half of a number before them."""
    rows = (line.split("\t") for line in sentences(kind).splitlines())
    half = ".5" if kind == "number" else ""
    cells = (f'{i},{mark}{half},"{text}, {i}"' for i, (text, mark) in enumerate(rows))
    return "\n".join(["id,mark,text", *cells])


def loaded(starter: Starter, folder: Path) -> Config:
    """The config of a starter, from a file in a folder."""
    (folder / "a.yaml").write_text(starter.text, encoding="utf-8")
    return nnkit.load_config(folder / "a.yaml")


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


@pytest.mark.parametrize("kind", ["label", "number"])
def test_a_table_of_texts_and_a_label(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.csv").write_text(table(kind))
    starter = starter_for(tmp_path / "a.csv", TableOptions(labels=("mark",)), tmp_path)
    assert starter.remarks[0] == "column 'text' holds texts, 'mark' their labels"
    config = loaded(starter, tmp_path)
    assert config.data.source.model_dump()["target"] == "mark"
    data = config.data.load()
    assert data.classes == (("long", "short") if kind == "label" else None)
    assert len(data.samples) == 200


def test_a_table_of_texts_with_a_test_set_of_its_own(tmp_path: Path) -> None:
    for name in ("a.csv", "test.csv"):
        (tmp_path / name).write_text(table("number"))
    options = TableOptions(labels=("mark",))
    starter = starter_for(tmp_path / "a.csv", options, tmp_path, {"test": tmp_path / "test.csv"})
    sets = loaded(starter, tmp_path).data.load()
    assert (len(sets.samples), len(sets.test or ())) == (200, 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,mark\n" + "".join(f"a{i},{i}.5\n" for i in range(60)), "no input column is left"),
        (table("number").replace(",", ";").replace(".5", ",5"), "if the file needed no setting d"),
    ],
)
def test_a_table_that_cannot_be_taken_as_texts(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UsageError, match=message):
        starter_for(tmp_path / "a.csv", TableOptions(labels=("mark",)), tmp_path)


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
