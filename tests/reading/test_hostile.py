"""Tests of hostile files: each gives a result or a clear error, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import nnkit
from nnkit.errors import DataError
from nnkit.reading.reader import read_digits
from nnkit.reading.segmentation import Reading
from tests.reading.hostile import hostile_files

FILES = dict(hostile_files())


Ask = Callable[[str], Reading | str]


@pytest.fixture
def answer(tmp_path: Path, digit_reader: nnkit.TrainedModel) -> Ask:
    """Returns the text read in a file, or the error."""

    def ask(name: str) -> Reading | str:
        path = tmp_path / name
        path.write_bytes(FILES[name])
        try:
            return read_digits(path, digit_reader)
        except DataError as error:
            return str(error)

    return ask


def test_there_are_a_hundred() -> None:
    assert len(FILES) >= 100


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_read_or_refused(name: str, tmp_path: Path, answer: Ask) -> None:
    found = answer(name)
    if isinstance(found, str):
        assert found.startswith(f"{tmp_path / name}: ")
        assert "\n" not in found


@pytest.mark.parametrize(
    "name",
    [
        *("sixteen-bits.png", "sixteen-bits.tiff", "cmyk.jpg", "palette.png", "palette.gif"),
        *("bits.png", "animated.gif", "pages.tiff", "turned.jpg", "turned-nowhere.jpg"),
        *("png-called.jpeg", "with-a-tail.png", "wide.png"),
    ],
)
def test_what_is_merely_odd_is_read(name: str, answer: Ask) -> None:
    found = answer(name)
    assert isinstance(found, Reading)
    assert len(found.digits) == 3


@pytest.mark.parametrize("name", ["one-pixel.png", "black.png", "invisible.png"])
def test_what_is_empty_says_so(name: str, answer: Ask) -> None:
    assert answer(name) == Reading(())
