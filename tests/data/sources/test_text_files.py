"""Tests of the sources of texts: what becomes of a file's lines, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnkit.data.sources.source import ExpectedData
from nnkit.data.sources.text_files import Pairs, PlainText
from nnkit.errors import DataError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "texts.txt"


def test_blank_lines_are_left_out_counted_and_named(file: Path) -> None:
    file.write_text("one\n\ntwo\n \t\nthree")
    data = PlainText(path=str(file), samples="lines").read()
    assert data.samples.inputs[:].tolist() == ["one", "two", "three"]
    assert np.asarray(data.samples.lines).tolist() == [1, 3, 5]
    assert data.notices == (f"{file}: 2 blank lines (lines 2, 4) left out",)


def test_a_document_is_divided_in_its_order(file: Path) -> None:
    file.write_text("abcdefghij\u2028\n")
    source = PlainText(path=str(file), first=10, validation_part=0.2, test_part=3)
    data = source.read()
    assert data.validation is not None
    assert data.test is not None
    parts = (data.samples, data.validation, data.test)
    assert [part.inputs[:].tolist() for part in parts] == [["abcde"], ["fg"], ["hij"]]


@pytest.mark.parametrize("samples", ["document", "lines"])
def test_a_file_without_text_is_refused(file: Path, samples: str) -> None:
    file.write_text("\n \n")
    with pytest.raises(DataError, match=r"texts\.txt: contains no text"):
        PlainText.model_validate({"path": str(file), "samples": samples}).read()


def test_nothing_may_be_left_for_training(file: Path) -> None:
    file.write_text("abc")
    with pytest.raises(DataError, match="only 3 characters; none are left for training"):
        PlainText(path=str(file), validation_part=3).read()


def test_targets_may_be_classes_or_numbers(file: Path) -> None:
    file.write_text("one\t 2\ntwo\t10 \n")
    classes = Pairs(path=str(file), targets="class").read()
    assert classes.classes == ("10", "2")
    assert classes.samples.targets[:].tolist() == [1, 0]
    assert Pairs(path=str(file), targets="number").read().samples.targets[:].tolist() == [[2], [10]]


@pytest.mark.parametrize(
    ("target", "message"), [("two", "'two' is not a number"), ("inf", "is not a finite number")]
)
def test_a_target_that_is_no_number_is_named(file: Path, target: str, message: str) -> None:
    file.write_text(f"one\t1\ntwo\t{target}\n")
    with pytest.raises(DataError, match=rf"texts\.txt:2: .*{message}"):
        Pairs(path=str(file), targets="number").read()


def test_a_class_of_other_files_must_be_known(file: Path) -> None:
    file.write_text("one\tyes\ntwo\tperhaps\n")
    source = Pairs(path=str(file), targets="class")
    with pytest.raises(DataError, match="perhaps"):
        source.read_labelled(file, ExpectedData(classes=("no", "yes")))
