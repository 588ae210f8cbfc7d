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
