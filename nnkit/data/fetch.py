"""Downloads MNIST into the user's cache, verified by SHA-256; only on request."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from nnkit.data.sources.mnist import FILES
from nnkit.errors import DataError
from nnkit.files import write_atomic

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# Hashes of the uncompressed files, because mirrors compress them differently.
SHA256 = dict(
    zip(
        FILES,
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        strict=True,
    )
)
LARGEST = 50_000_000  # bytes; the largest file has 47,040,016 uncompressed
TIMEOUT = 30  # seconds without a byte


def fetch_mnist(folder: Path, mirrors: tuple[str, ...] = MIRRORS) -> Iterator[Path]:
    """Downloads the missing files of MNIST into folder/mnist; yields the path of each file.

    Args:
        folder: the folder in which `mnist/` is created.
        mirrors: URLs to try in turn.

    Raises:
        DataError: no mirror responds, or the content is not MNIST; nothing invalid is written.
    """
    for name in FILES:
        path = folder / "mnist" / name
        if not (path.is_file() and _content_sum(path.read_bytes()) == SHA256[name]):
            _place(path, _download(name, mirrors))
        yield path


def _place(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror or error}; choose another folder with --to"
        ) from None


def _download(name: str, mirrors: tuple[str, ...]) -> bytes:
    failures = []
    for mirror in mirrors:
        address = mirror.rstrip("/") + "/" + name
        try:
            with urlopen(address, timeout=TIMEOUT) as response:  # noqa: S310 (checked by its sum)
                content: bytes = response.read(LARGEST)
        except (URLError, OSError, ValueError, HTTPException) as error:
            failures.append(f"{address}: {getattr(error, 'reason', error) or 'no answer'}")
            continue
        if _content_sum(content) == SHA256[name]:
            return content
        failures.append(f"{address}: the downloaded file is wrong (its SHA-256 differs)")
    failures.append("try another address with --mirror")
    raise DataError("MNIST could not be downloaded:\n" + "\n".join(failures))


def _content_sum(packed: bytes) -> str:
    try:
        # Limited, because a few bytes of gzip can decompress to more than the memory.
        return sha256(gzip.GzipFile(fileobj=BytesIO(packed)).read(LARGEST)).hexdigest()
    except (OSError, EOFError, zlib.error):
        return "not gzip"
