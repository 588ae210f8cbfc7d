"""Checkpoints: safetensors files in which every byte is covered by a SHA-256 checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nnkit.errors import CheckpointError
from nnkit.files import write_atomic
from nnkit.runs.header import HEADER_KEY, parse_header

Array = NDArray[Any]

FORMAT = 1
BLANK = "0" * 64
MAX_BYTES = 1 << 34


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The contents of a checkpoint file.

    Attributes:
        tensors: arrays by name: `params/…`, `state/…`, `optimizer/…`, `preprocess/…`,
            `target/…`.
        header: everything else, as JSON: config, classes, progress, figures, versions.
        path: the file.
    """

    tensors: Mapping[str, Array]
    header: Mapping[str, Any]
    path: Path

    def part(self, prefix: str) -> dict[str, Array]:
        """The tensors under `prefix/`, by the rest of their names."""
        start = prefix + "/"
        return {n.removeprefix(start): a for n, a in self.tensors.items() if n.startswith(start)}


def write_checkpoint(path: Path, tensors: Mapping[str, Array], header: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically.

    Raises:
        OSError: the file cannot be written; an existing file is left unchanged.
    """
    write_atomic(path, encode_checkpoint(tensors, header))


def encode_checkpoint(tensors: Mapping[str, Array], header: Mapping[str, Any]) -> bytes:
    """The content of a checkpoint file; equal contents give equal bytes."""
    described = json.dumps({"format": FORMAT, "sha256": BLANK, **header}, allow_nan=False)
    # safetensors writes the memory of an array regardless of its order, so it must be in C order.
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    blank = save(ordered, metadata={HEADER_KEY: described})
    start = blank.index(BLANK.encode())
    digest = sha256(blank).hexdigest().encode()
    return blank[:start] + digest + blank[start + len(digest) :]


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint and verifies its checksum.

    Raises:
        CheckpointError: the file is missing, not a checkpoint, damaged, or in a later format.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(f"{path}: too large for a checkpoint")
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    header = parse_header(BytesIO(content), len(content), path)
    digest = str(header.get("sha256", "")).encode(errors="replace")
    if len(digest) != len(BLANK) or content.count(digest) != 1:
        raise CheckpointError(f"{path}: damaged (no checksum)")
    if sha256(content.replace(digest, BLANK.encode())).hexdigest().encode() != digest:
        raise CheckpointError(
            f"{path}: damaged (its checksum does not match its contents); "
            "use another checkpoint, or train again"
        )
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: written in format {header.get('format')}; this version of nnkit "
            f"reads format {FORMAT}; try a later version"
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged ({error})") from None
    return Checkpoint(tensors, header, path)
