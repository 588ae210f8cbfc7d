"""Tests of what a file of texts is taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.task.starters.text_task import task_of_texts
from tests.inference.text_models import sentences

DATA = Path(__file__).parents[3] / "data" / "text"
WORDS = "".join(f"{chr(97 + i // 26)}{chr(97 + i % 26)}o\t{chr(97 + i % 26)}a\n" for i in range(80))


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
