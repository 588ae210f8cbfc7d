"""Tests of reading sentences with a tag for each word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.data.text.tagged_sentences import TaggedSentences, read_tagged
from nnkit.errors import DataError

CONLL_U = """\
# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
2.1\telided\t_\tX\t_\t_\t_\t_\t_\t_
3\t10 000\tmar\tNUM\t_\t_\t1\tobl\t_\t_

# sent_id = 2
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""
CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O


. . O O
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tagged.txt"


def read(file: Path, content: str, **columns: Any) -> TaggedSentences:
    file.write_text(content, encoding="utf-8")
    return read_tagged(file, **columns)


def test_words_and_parts_of_speech_of_a_conll_u_file(file: Path) -> None:
    found = read(file, CONLL_U)
    assert found.sentences == ("vamos nos 10_000", "#")
    assert found.tags == ("VERB PRON NUM", "SYM")
    assert found.lines == (4, 10)
    kind, spaces = found.notices
    assert kind == f"{file}: a CoNLL-U file; words are in column 1, tags in column 3, from 0"
    assert spaces.startswith(f"{file}: 1 words contain spaces")
    assert read(file, CONLL_U, tag=7).tags == ("root obj obl", "root")


def test_entities_of_a_conll_2003_file(file: Path) -> None:
    found = read(file, CONLL_2003)
    assert found.sentences == ("EU rejects", ".")
    assert found.tags == ("B-ORG O", "O")
    assert found.lines == (3, 7)
    assert read(file, CONLL_2003, tag=1).tags == ("NNP VBZ", ".")


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("a X\nb\n", {}, ":2: 1 columns, but 2 in the first line"),
        ("a X\n", {"tag": 2}, ":1: there is no column 2"),
        ("a\tX\nb\t \n", {}, ":2: column -1 is empty"),
        ("\n\n", {}, ": contains no sentences"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(
    file: Path, content: str, columns: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(file, content, **columns)


def test_a_sentence_a_line_needs_as_many_tags_as_words(file: Path) -> None:
    found = read(file, "yes\tINTJ\ngo home\tVERB ADV\n")
    assert found.sentences == ("yes", "go home")
    assert found.tags == ("INTJ", "VERB ADV")
    assert found.lines == (1, 2)
    with pytest.raises(DataError, match=":2: 2 words, but 1 tags"):
        read(file, "go home\tVERB ADV\ngo home\tVERB\n")
