"""Shards in .npy files: NAME.inputs.npy, NAME.targets.npy and possibly NAME.weights.npy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np

from nnkit.data.lazy import Array
from nnkit.data.npy import UNREADABLE, npy_header
from nnkit.data.sharding.shard import Field, FieldType, Shard
from nnkit.errors import DataError
from nnkit.memory import ReusedMemory

SUFFIXES: Mapping[Field, str] = {
    "inputs": ".inputs.npy",
    "targets": ".targets.npy",
    "weights": ".weights.npy",
}
GROUP = 1 << 22  # bytes of inputs in a row group: few reads, yet several groups fit in memory
PIECE = 1 << 17  # bytes read at a time: while they are copied, the system reads ahead


@dataclass(frozen=True)
class NpyFile:
    """A C-ordered array in a .npy file, read without memory-mapping.

    Pages of a mapped file would count as memory of the process.

    Attributes:
        path: the file.
        start: offset of the first value in the file, in bytes.
        rows: the number of samples.
        sample: shape and type of one sample.
        memory: where samples are read to.
    """

    path: Path
    start: int
    rows: int
    sample: FieldType
    memory: ReusedMemory

    @classmethod
    def of(cls, path: Path, memory: ReusedMemory) -> Self:
        """Reads the header of a file, and checks that its values are complete and numeric.

        Raises:
            DataError: the file is damaged, or contains something other than rows of numbers.
        """
        try:
            with path.open("rb") as file:
                shape, fortran, dtype = npy_header(file)
                start = file.tell()
        except UNREADABLE as error:
            raise DataError(f"{path}: not a readable .npy file ({error})") from None
        if dtype.kind not in "buif":
            raise DataError(
                f"{path}: contains values of type {dtype}, not numbers; "
                "store numbers, and classes as 0, 1, 2, …"
            )
        if not shape:
            raise DataError(f"{path}: a single number; expected an array with one sample per row")
        if not prod(shape):
            raise DataError(f"{path}: no samples; its shape is {shape}")
        if fortran and len(shape) > 1:
            raise DataError(
                f"{path}: is in Fortran order, in which a sample's values are not adjacent; "
                "save np.ascontiguousarray(…)"
            )
        wanted = start + prod(shape) * dtype.itemsize
        if path.stat().st_size < wanted:
            raise DataError(
                f"{path}: has {path.stat().st_size:,} bytes, but its header promises {wanted:,}; "
                "write or copy it again"
            )
        return cls(path, start, shape[0], FieldType(shape[1:], dtype), memory)

    def read(self, first: int, rows: int) -> Array:
        """Reads samples from the given one on, (rows, *shape).

        Raises:
            DataError: the file has become unreadable or shorter.
        """
        shape, dtype = self.sample
        found = self.memory.empty((rows, *shape), dtype)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.start + first * (found.nbytes // rows))
                _fill(file, found.reshape(-1).view(np.uint8).data)
        except (OSError, EOFError) as error:
            raise DataError(
                f"{self.path}: cannot be read any more ({error}); it has changed since training "
                "began"
            ) from None
        return found


def _fill(file: Any, memory: memoryview) -> None:
    """Reads until the memory is full; a single read may return less."""
    while memory:
        count = file.readinto(memory[:PIECE])
        if not count:
            raise EOFError("it is shorter than it was")
        memory = memory[count:]


class NpyShard(Shard):
    """A pair of .npy files, with a third for sample weights."""

    def __init__(self, folder: Path, stem: str, memory: ReusedMemory, *, weighted: bool) -> None:
        """Opens the files NAME.inputs.npy, NAME.targets.npy and, if wanted, NAME.weights.npy.

        Args:
            folder: the folder of the files.
            stem: NAME.
            memory: where samples are read to.
            weighted: whether there must be weights.

        Raises:
            DataError: a file is missing or damaged, or the numbers of samples differ.
        """
        self.name = str(folder / stem)
        self._files: dict[Field, NpyFile] = {}
        for field in SUFFIXES:
            if field == "weights" and not weighted:
                continue
            path = folder / f"{stem}{SUFFIXES[field]}"
            if not path.is_file():
                needed = f"NAME{SUFFIXES['inputs']} and NAME{SUFFIXES['targets']}"
                if field == "weights":
                    needed += f", and NAME{SUFFIXES['weights']} if other shards have it"
                raise DataError(f"{path}: no such file; a shard needs {needed}")
            self._files[field] = NpyFile.of(path, memory)
        rows = self._files["inputs"].rows
        for field, file in self._files.items():
            if file.rows != rows:
                raise DataError(
                    f"{self.place('inputs')}: {rows} samples, but {file.rows} {field} in "
                    f"{file.path}; each sample needs one"
                )
        shape, dtype = self._files["inputs"].sample
        self.rows_per_group = max(1, GROUP // (prod(shape) * dtype.itemsize))
        self.row_groups = tuple(
            min(self.rows_per_group, rows - first) for first in range(0, rows, self.rows_per_group)
        )
        samples = {field: file.sample for field, file in self._files.items()}
        # (H, W) becomes (1, H, W), and () becomes (1,), as in a single .npy file.
        if len(shape) in (0, 2):
            samples["inputs"] = FieldType((1, *shape), dtype)
        self.fields = samples

    def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
        found = self._files[field].read(group * self.rows_per_group, self.row_groups[group])
        found = found.reshape(len(found), *self.fields[field].shape)
        return found if rows is None else found[rows]

    def place(self, field: Field) -> str:
        return str(self._files[field].path)
