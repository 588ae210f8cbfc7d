"""Folders of text files, read as one text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nnkit.data.sources.text_files import PlainText
from nnkit.data.text.text_folder import holds_texts, read_lines_of
from nnkit.errors import DataError


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder of three text files, the last of them in a folder of its own, and other files."""
    (tmp_path / "later").mkdir()
    (tmp_path / "b.txt").write_text("two\n\nthree")
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "later" / "a.txt.gz").write_bytes(gzip.compress(b"four\n"))
    (tmp_path / "notes.md").write_text("# none\n")
    (tmp_path / ".hidden.txt").write_text("none\n")
    return tmp_path


def test_text_files_are_read_in_the_order_of_their_paths(letters: Path) -> None:
    found = read_lines_of(letters)
    assert found.texts == ("one", "two", "", "three", "four")
    assert found.notices == (
        f"{letters}: 3 text files, read one after the other in the order of their paths",
        f"{letters}: 1 other file is left out: notes.md",
    )


def test_a_file_is_read_as_such(letters: Path) -> None:
    assert read_lines_of(letters / "a.txt").texts == ("one",)


def test_a_fault_is_named_with_its_file(letters: Path) -> None:
    (letters / "b.txt").write_bytes(b"two\nthr\xe9")
    with pytest.raises(DataError, match=r"b\.txt:2:4: byte 0xe9 is not UTF-8"):
        read_lines_of(letters)


def test_a_folder_without_text_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no text files \(\.txt, \.txt\.gz\) in this folder"):
        read_lines_of(tmp_path)


def test_a_folder_of_mostly_other_files_does_not_hold_texts(letters: Path) -> None:
    assert holds_texts(letters)
    for i in range(2):
        (letters / f"{i}.png").touch()
    assert not holds_texts(letters)


def test_a_folder_is_one_document_or_lines(letters: Path) -> None:
    document = PlainText(path=str(letters), validation_part=4).load()
    assert document.samples.inputs[:].tolist() == ["one\ntwo\n\nthree\n"]
    assert document.validation is not None
    assert document.validation.inputs[:].tolist() == ["four"]
    lines = PlainText(path=str(letters), samples="lines").load().samples
    assert lines.inputs[:].tolist() == ["one", "two", "three", "four"]
    assert (lines.lines, lines.file) == (None, str(letters))
