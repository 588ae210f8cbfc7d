"""Helpers that write data files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.data.dataset import Array
from nnkit.data.idx import TYPES


def idx_bytes(array: Array, kind: int = 0x08) -> bytes:
    """Encodes an array as an IDX file."""
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(TYPES[kind]).tobytes()


def write_npy(folder: Path, **arrays: Any) -> dict[str, Any]:
    """Writes each array to its own file; returns the settings for them."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
    return {name: str(folder / f"{name}.npy") for name in arrays}


def write_shard(folder: Path, name: str, X: Array, targets: Any, weights: Any = None) -> None:
    """A shard of .npy files."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.inputs.npy", X)
    np.save(folder / f"{name}.targets.npy", targets)
    if weights is not None:
        np.save(folder / f"{name}.weights.npy", weights)


def write_shards(folder: Path, X: Array, targets: Array, sizes: list[int]) -> Path:
    """The samples in shards of .npy files of those sizes, which they fill."""
    assert sum(sizes) == len(X)
    ends = np.cumsum(sizes)
    for number, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        write_shard(folder, f"{number:03d}", X[end - size : end], targets[end - size : end])
    return folder
