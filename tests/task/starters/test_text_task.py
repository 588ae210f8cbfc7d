"""Tests of what a file of texts is taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import DataError
from nnkit.task.starters.text_task import task_of_texts
from tests.inference.text_models import sentences

DATA = Path(__file__).parents[3] / "data" / "text"
WORDS = "".join(f"{chr(97 + i // 26)}{chr(97 + i % 26)}o\t{chr(97 + i % 26)}a\n" for i in range(80))
WORD_LINES = "show O\nflights O\nto O\nboston B-to\n\nto O\nthe O\nhague B-to\n\nleave O\nnow O\n"
ATTRIBUTED = "".join(
    f"{line}\tsentence {i} by user {i}\n"
    for i, line in enumerate(sentences("translate").split("\n")[:-1])
)


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("a.tsv", sentences("translate"), "translation"),
        ("a.tsv", sentences("label"), "text_classification"),
        ("a.tsv", sentences("number"), "text_regression"),
        ("a.tsv", sentences("tag"), "tagging"),
        ("a.tsv", WORDS, "translation"),
        ("a.tsv", WORDS[:30], None),
        ("a.tsv", WORDS.replace("o", "7"), None),
        ("a.txt", sentences("lines"), "language_model"),
        ("a.txt", "1,2,a\n3,4,b\n", None),
        ("a.tsv", "1\t2\n3\t4\n", None),
        ("a.tsv", "height\tname\n1.5\tx\n", None),
        ("a.csv", sentences("translate"), None),
        ("a.csv", "a,b\n" + sentences("translate").replace("\t", ","), "translation"),
        ("a.csv", "a,b\n" + sentences("label").replace("\t", ","), "text_classification"),
        ("a.csv", "a,b\n" + WORDS.replace("\t", ",1,"), None),
        ("a.csv", "a;b\n" + sentences("translate").replace("\t", ";"), "translation"),
        ("a.conllu", "1\tgo\tgo\tVERB\n", "tagging"),
        ("a.conll", WORD_LINES, "tagging"),
        ("a.txt", WORD_LINES, "tagging"),
        ("a.tsv", WORD_LINES.replace(" ", "\t"), "tagging"),
        ("a.txt", WORD_LINES.replace("\n\n", "\n"), "language_model"),
        ("a.csv", "a,b\n" + "".join(f"go {i},O B-x\n" for i in range(30)), "tagging"),
        ("a.txt", b"\xff\xfe", None),
        ("a.tsv", sentences("translate").encode("utf-16"), "translation"),
        ("a.tsv", sentences("translate").encode() + b"caf\xe9 noir\tblack coffee\n", "translation"),
        ("a.tsv", sentences("translate") + "one\ttwo\tthree\n\nfour\t\n", "translation"),
        ("a.tsv", ATTRIBUTED, "translation"),
        ("a.tsv", ATTRIBUTED.replace("sentence ", "").replace(" by user ", "-"), None),
        ("a.txt", bytes(range(256)) * 9, None),
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


def test_a_file_for_columns_that_has_no_tabs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(sentences("translate").replace("\t", "    "))
    with pytest.raises(DataError, match=r"a\.tsv:1: there is no tab in this line, .* a tab separ"):
        task_of_texts(tmp_path / "a.tsv")
