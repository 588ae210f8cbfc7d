"""The header of a .npy file, read without ever loading Python objects."""

from __future__ import annotations

import struct
import zipfile
import zlib
from tokenize import TokenError
from typing import IO, Any

import numpy as np

# Exceptions of NumPy and zipfile for damaged files, including those of the .npy header parser.
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    OverflowError,
    SyntaxError,
    TokenError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Reads a header, after which the file is at the first value.

    Returns:
        The shape, whether the values are in Fortran order, and their type.

    Raises:
        ValueError: the array contains Python objects; a damaged header raises any of `UNREADABLE`.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it contains Python objects, which are never loaded; save plain numbers")
    return shape, fortran, dtype
