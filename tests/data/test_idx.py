"""Tests of IDX files: every type, compressed or not, and invalid files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from nnkit.data.idx import TYPES, read_idx
from nnkit.errors import DataError
from tests.data.files import idx_bytes


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read(kind: int, packed: bool, tmp_path: Path) -> None:
    array = np.arange(-12, 12).reshape(2, 3, 4) if kind != 0x08 else np.arange(24).reshape(2, 3, 4)
    content = idx_bytes(array, kind)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    read = read_idx(path)
    assert read.dtype == np.dtype(TYPES[kind]).newbyteorder("=")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n", "starts with 89 50 4e 47"),
        (bytes([0, 0, 0x07, 1]), "not an IDX file"),
        (bytes([0, 0, 0x08, 0, 1]), "0 dimensions"),
        (bytes([0, 0, 0x08, 1, 0, 0]), "cut short within its header"),
        (idx_bytes(np.arange(9))[:-1], "16 bytes, but its header says 17"),
        (idx_bytes(np.arange(9)) + b"x", "18 bytes, but its header says 17"),
        (idx_bytes(np.zeros((2, 2))), "2 dimensions, expected 1"),
        (bytes([0, 0, 0x08, 1, 255, 255, 255, 255]), "damaged"),
        (gzip.compress(idx_bytes(np.arange(9)), mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(idx_bytes(np.arange(9)), mtime=0)[:-8] + bytes(8), "damaged gzip"),
    ],
)
def test_what_is_no_idx_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.idx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, dimensions=1)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_idx(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)
