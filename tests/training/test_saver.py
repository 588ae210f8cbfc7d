"""The saver: what it holds back, and what is on the disk after each call."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from nnkit.runs.directory import RunDirectory
from nnkit.training.saver import Saver


class Content(bytes):
    """A checkpoint that is its own content."""

    def encode(self) -> bytes:
        return bytes(self)


@pytest.fixture
def saver(tmp_path: Path) -> Saver:
    directory = RunDirectory(tmp_path / "run-1")
    directory.create("")
    return Saver(directory, written=inf)  # never due


def on_disk(saver: Saver) -> tuple[bytes | None, bytes | None]:
    files = (saver.directory.best, saver.directory.last)
    best, last = (file.read_bytes() if file.is_file() else None for file in files)
    return best, last


def test_checkpoints_that_follow_closely_are_held_back(saver: Saver) -> None:
    saver.keep(Content(b"1"), best=True)
    saver.keep(Content(b"2"), best=True)
    saver.keep(Content(b"3"), best=False)
    assert on_disk(saver) == (None, None)
    saver.flush()
    assert on_disk(saver) == (b"2", b"3")


def test_a_checkpoint_that_is_due_is_written_at_once(saver: Saver) -> None:
    saver.written = -inf
    saver.keep(Content(b"1"), best=True)
    assert on_disk(saver) == (b"1", b"1")
    saver.keep(Content(b"2"), best=False)  # the interval begins anew
    assert on_disk(saver) == (b"1", b"1")


def test_a_best_checkpoint_that_was_held_back_comes_before_a_later_one(saver: Saver) -> None:
    saver.keep(Content(b"1"), best=True)
    saver.save(Content(b"2"))
    assert on_disk(saver) == (b"1", b"2")


def test_nothing_is_written_twice(saver: Saver) -> None:
    saver.save(Content(b"1"))
    saver.directory.last.unlink()
    saver.flush()
    assert on_disk(saver) == (None, None)
