"""Starter configs for files of texts: what each is taken for, and that its network can be built."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import nnkit
from nnkit.task.starter import starter_for
from nnkit.task.table_settings import TableOptions
from nnkit.task.text_starter import task_of_texts
from tests.inference.text_models import sentences

DATA = Path(__file__).parents[2] / "data" / "text"
NAMES = "\n".join(f"name{i} of {i * 7}" for i in range(50))


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("a.tsv", sentences("translate"), "translation"),
        ("a.tsv", sentences("label"), "text_classification"),
        ("a.tsv", sentences("number"), None),
        ("a.txt", sentences("lines"), "language_model"),
        ("a.txt", "1,2,a\n3,4,b\n", None),
        ("a.tsv", "1\t2\n3\t4\n", None),
        ("a.tsv", "height\tname\n1.5\tx\n", None),
        ("a.csv", sentences("translate"), None),
        ("a.conllu", "1\tgo\tgo\tVERB\n", "tagging"),
        ("a.txt", b"\xff\xfe", None),
    ],
)
def test_what_a_file_is_taken_for(
    tmp_path: Path, name: str, content: str | bytes, task: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert task_of_texts(path) == task


@pytest.mark.parametrize(
    ("file", "task"),
    [
        ("eng-fra-upto-5-words.tsv.gz", "translation"),
        ("ud-english-atis/train.tsv.gz", "tagging"),
        ("timemachine.txt", "language_model"),
    ],
)
def test_the_shipped_texts(file: str, task: str) -> None:
    assert task_of_texts(DATA / file) == task


def test_few_pairs_are_not_divided_and_commas_are_taken_for_a_table_of_pairs(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text('en,fr\n"one, two","un, deux"\nthree,trois\n')
    starter = starter_for(tmp_path / "a.csv", TableOptions(text_task="translation"), tmp_path)
    (tmp_path / "a.yaml").write_text(starter.text)
    config = nnkit.load_config(tmp_path / "a.yaml")
    assert config.data.split.validation == 0
    assert len(config.data.load().samples) == 2


@pytest.mark.parametrize("kind", ["translate", "label", "lines", "names", "tag"])
def test_a_starter_is_a_config_whose_network_fits_the_data(tmp_path: Path, kind: str) -> None:
    suffix = ".txt" if kind in ("lines", "names") else ".tsv"
    data, config = tmp_path / f"{kind}{suffix}", tmp_path / "config.yaml"
    data.write_text(NAMES if kind == "names" else sentences(kind), encoding="utf-8")
    options = TableOptions(text_task="tagging" if kind == "tag" else None)
    starter = starter_for(data, options, tmp_path)
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
