"""The header of a checkpoint: JSON at the start of the file, read without loading the arrays."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import IO, Any

from nnkit.errors import CheckpointError
from nnkit.mistaken_files import mistaken_for

HEADER_KEY = "nnkit"  # a single key, because safetensors does not preserve the order of keys


def read_header(path: Path) -> dict[str, Any]:
    """Reads the header of a checkpoint without verification: the checksum covers the whole file.

    Raises:
        CheckpointError: the file is missing or not a checkpoint.
    """
    try:
        with path.open("rb") as file:
            return parse_header(file, path.stat().st_size, path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_header(file: IO[bytes], size: int, path: Path) -> dict[str, Any]:
    """Parses nnkit's metadata from a safetensors header: 8 bytes of length, then JSON.

    Args:
        file: the file, positioned at its beginning.
        size: size of the file in bytes.
        path: path of the file, for messages.

    Raises:
        CheckpointError: there is no such header.
    """
    mistake = mistaken_for(path, "a checkpoint")
    problem = (
        f"{mistake}; give the name of a run" if mistake else "not an nnkit checkpoint, or damaged"
    )
    not_ours = CheckpointError(f"{path}: {problem}")
    start = file.read(8)
    if len(start) < 8:
        raise not_ours
    (length,) = struct.unpack("<Q", start)
    if length > size - 8:
        raise not_ours
    try:
        outer = json.loads(file.read(length))
        header = json.loads(outer["__metadata__"][HEADER_KEY])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise not_ours from None
    if not isinstance(header, dict):
        raise not_ours
    return header
