"""Hostile files: each gets an answer or a clear error, and none brings anything else about."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from nnkit.data.segment import Reading
from nnkit.errors import DataError
from tests.data.hostile import hostile_files

FILES = dict(hostile_files())


def answer(path: Path, model: nnkit.TrainedModel) -> Reading | str:
    """What is read, or why not."""
    try:
        return model.read(path)
    except DataError as error:
        return str(error)


def test_there_are_a_hundred() -> None:
    assert len(FILES) >= 100


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_read_or_refused(
    name: str, tmp_path: Path, digit_reader: nnkit.TrainedModel
) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    found = answer(path, digit_reader)
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        assert "\n" not in found


@pytest.mark.parametrize(
    "name",
    [
        *("sixteen-bits.png", "sixteen-bits.tiff", "cmyk.jpg", "palette.png", "palette.gif"),
        *("bits.png", "animated.gif", "pages.tiff", "turned.jpg", "turned-nowhere.jpg"),
        *("png-called.jpeg", "with-a-tail.png", "wide.png"),
    ],
)
def test_what_is_merely_odd_is_read(
    name: str, tmp_path: Path, digit_reader: nnkit.TrainedModel
) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    found = answer(path, digit_reader)
    assert isinstance(found, Reading)
    assert len(found.digits) == 3


@pytest.mark.parametrize("name", ["one-pixel.png", "black.png", "invisible.png"])
def test_what_is_empty_says_so(name: str, tmp_path: Path, digit_reader: nnkit.TrainedModel) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert answer(tmp_path / name, digit_reader) == Reading(())
