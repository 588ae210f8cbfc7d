"""The IDX format of the MNIST files (Y. LeCun): a magic number, the dimensions, then the values."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from nnkit.data.dataset import Array
from nnkit.data.gzip_files import read_bytes
from nnkit.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, dimensions: int | None = None) -> Array:
    """Reads an IDX file, gzip-compressed or not.

    Args:
        path: the file.
        dimensions: required number of dimensions, or None for any.

    Raises:
        DataError: the file is missing, not IDX, truncated, or of other dimensions.
    """
    raw = read_bytes(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in TYPES:
        raise DataError(
            f"{path}: not an IDX file, which starts with 00 00 and a type; "
            f"this file starts with {raw[:4].hex(' ') or 'nothing'}"
        )
    dtype, ndim = np.dtype(TYPES[raw[2]]), raw[3]
    if not ndim or dimensions not in (None, ndim):
        raise DataError(f"{path}: {ndim} dimensions, expected {dimensions or 'at least 1'}")
    header = 4 + 4 * ndim
    if len(raw) < header:
        raise DataError(f"{path}: damaged: cut short within its header; download or write it again")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", ndim, offset=4))
    expected = header + prod(shape) * dtype.itemsize
    if len(raw) != expected:
        raise DataError(
            f"{path}: damaged: {len(raw)} bytes, but its header says {expected}; "
            "download or write it again"
        )
    values = np.frombuffer(raw, dtype, offset=header).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)
