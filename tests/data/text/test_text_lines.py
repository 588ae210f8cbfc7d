r"""Tests of reading lines: only \n ends one, and what is not UTF-8 text is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.text_lines import read_lines, split_lines
from nnkit.errors import DataError

PATH = Path("a.txt")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufeff"))))
def test_lines_are_those_that_were_written(texts: list[str]) -> None:
    for end in ("\n", "\r\n"):
        content = "".join(f"{text}{end}" for text in texts).encode()
        assert split_lines(content, PATH).texts == tuple(texts)
    unended = "\n".join(texts).encode()
    assert split_lines(unended, PATH).texts == tuple(texts[:-1] if texts[-1:] == [""] else texts)


def test_as_many_lines_come_out_as_line_feeds_went_in(tmp_path: Path) -> None:
    odd = ["", "a\u2028b", "a\u0085b", "a\x0bb\x0c", "a\x1cb", "  ", "a\u2029", "x"]
    texts = [odd[i % len(odd)] for i in range(2000)]
    (tmp_path / "a.txt").write_bytes("\n".join(texts).encode())
    assert read_lines(tmp_path / "a.txt").texts == tuple(texts)


def test_a_compressed_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("Été\n".encode()))
    assert read_lines(path).texts == ("Été",)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged gzip"):
        read_lines(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_lines(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ab\ncaf\xe9\n", r"^a\.txt:2:4: byte 0xe9 is not UTF-8 text; .*iconv"),
        (b"ab\r\n\xed\xa0\x80", r"^a\.txt:2:1: byte 0xed is not UTF-8"),  # a lone surrogate
        (b"ab\n\n c\0", r"^a\.txt:3:3: a NUL character"),
        ("ab".encode("utf-16"), r"^a\.txt: UTF-16 text; convert it: iconv"),
    ],
)
def test_what_is_no_utf_8_text_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_lines(content, PATH)


@pytest.mark.parametrize(
    ("content", "texts", "notice"),
    [
        ("a\n", ("a",), ""),
        ("", (), ""),
        ("\n", ("",), ""),
        ("\ufeffa\n\ufeffb", ("a", "\ufeffb"), "a.txt: the byte order mark at its beginning is"),
        ("a\r\nb\r\n", ("a", "b"), "a.txt: 2 lines end with \\r\\n"),
        ("a\nb\rc\r", ("a", "b\rc\r"), "a.txt:2: a carriage return within the line is kept as a"),
    ],
)
def test_how_a_file_was_read_is_said(content: str, texts: tuple[str, ...], notice: str) -> None:
    lines = split_lines(content.encode(), PATH)
    assert lines.texts == texts
    assert len(lines.notices) == bool(notice)
    assert "".join(lines.notices).startswith(notice)
