"""Files that may be gzip-compressed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from nnkit.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 1 << 33  # largest decompressed size of a file


def read_bytes(path: Path) -> bytes:
    """Reads a file, decompressing it if it is gzip.

    Raises:
        DataError: the file cannot be read, or the gzip data is damaged.
    """
    try:
        raw = path.read_bytes()
        if not raw.startswith(GZIP_MAGIC):
            return raw
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip ({error}); download it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    return content
