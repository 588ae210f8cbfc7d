"""Tests of reading a checkpoint's header without the arrays."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import nnkit
from nnkit.errors import CheckpointError
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import RunDirectory
from nnkit.runs.header import read_header


def test_it_is_that_of_the_whole_file(run: nnkit.Run) -> None:
    last = RunDirectory(run.directory).last
    assert read_header(last) == read_checkpoint(last).header


def test_the_arrays_are_not_read(run: nnkit.Run, tmp_path: Path) -> None:
    whole = RunDirectory(run.directory).last.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    end = 8 + length
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(whole[:end] + b"\xff" * (len(whole) - end))
    assert read_header(changed) == read_header(RunDirectory(run.directory).last)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(changed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 36) + b'{"__metadata__": {"nnkit": "[1, 2]"}}',
        struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
    ],
)
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not an nnkit checkpoint, or damaged"):
        read_header(path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_header(tmp_path / "none")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_header(tmp_path)
