"""Arrays on disk: IDX files, NumPy's .npy (memory-mapped) and .npz (memory-mapped where stored)."""

from __future__ import annotations

import struct
import zipfile
from abc import abstractmethod
from pathlib import Path
from typing import BinaryIO, Literal, Self

import numpy as np
from pydantic import model_validator

from nnkit.config.base import FilePath
from nnkit.data.dataset import Array, Dataset, Samples, check_pair
from nnkit.data.digits import read_digit
from nnkit.data.idx import read_idx
from nnkit.data.sources.base import Source, existing, targets_of
from nnkit.errors import DataError


class _Arrays(Source):
    """Inputs and targets from two arrays, and a test set from two more where there is one."""

    inputs: str
    targets: str
    test_inputs: str | None = None
    test_targets: str | None = None

    @model_validator(mode="after")
    def _test_is_a_pair(self) -> Self:
        if (self.test_inputs is None) != (self.test_targets is None):
            raise ValueError("test_inputs and test_targets go together")
        return self

    @abstractmethod
    def read(self, name: str) -> Array:
        """The array that one of the four settings names."""

    def load(self) -> Dataset:
        test = None
        if self.test_inputs is not None and self.test_targets is not None:
            test = self.read(self.test_inputs), self.read(self.test_targets)
        return _dataset(self.read(self.inputs), self.read(self.targets), test, self.inputs)


class Idx(_Arrays):
    """Images and labels in IDX files, gzip-compressed or not."""

    kind: Literal["idx"] = "idx"
    inputs: FilePath
    targets: FilePath
    test_inputs: FilePath | None = None
    test_targets: FilePath | None = None

    def read(self, name: str) -> Array:
        return read_idx(existing(name, "file"))

    def read_input(self, path: Path, shape: tuple[int, ...]) -> Array:
        return read_digit(path, shape)


class Npy(_Arrays):
    """Two .npy files, memory-mapped: inputs (n, …), and targets (n,) or (n, outputs)."""

    kind: Literal["npy"] = "npy"
    inputs: FilePath
    targets: FilePath
    test_inputs: FilePath | None = None
    test_targets: FilePath | None = None

    def read(self, name: str) -> Array:
        return read_npy(name)


class Npz(_Arrays):
    """One .npz archive, memory-mapped where it is not compressed; the names are its arrays'."""

    kind: Literal["npz"] = "npz"
    path: FilePath
    inputs: str = "inputs"
    targets: str = "targets"

    def read(self, name: str) -> Array:
        return read_npz(existing(self.path, "file"), name)


def _dataset(inputs: Array, targets: Array, test: tuple[Array, Array] | None, what: str) -> Dataset:
    check_pair(inputs, targets, what)
    numbers, classes = targets_of(targets, what)
    inputs = _with_channel(inputs)
    if test is None:
        return Dataset(Samples(inputs, numbers), classes=classes)
    check_pair(*test, f"{what} (test)")
    test_inputs = _with_channel(test[0])
    if test_inputs.shape[1:] != inputs.shape[1:]:
        raise DataError(
            f"{what}: test inputs of shape {test_inputs.shape[1:]}, "
            f"but training inputs of shape {inputs.shape[1:]}"
        )
    test_numbers, test_classes = targets_of(test[1], f"{what} (test)")
    if (classes is None) != (test_classes is None) or len(test_classes or ()) > len(classes or ()):
        raise DataError(f"{what}: the test targets are of other classes than the training targets")
    return Dataset(Samples(inputs, numbers), Samples(test_inputs, test_numbers), classes)


def _with_channel(inputs: Array) -> Array:
    """Grey images (n, H, W) as (n, 1, H, W), single numbers (n,) as (n, 1)."""
    return inputs[:, None] if inputs.ndim in (1, 3) else inputs


def read_npy(path: str) -> Array:
    """A .npy file, memory-mapped.

    Raises:
        DataError: missing, damaged, or an array of Python objects.
    """
    try:
        array: Array = np.load(existing(path, "file"), mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: not a readable .npy file ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise DataError(f"{path}: not one array with a sample a row")
    return array


def read_npz(path: Path, name: str) -> Array:
    """One array of a .npz archive, memory-mapped where it is stored without compression.

    Raises:
        DataError: not an archive, no array of that name (says which there are), or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.removesuffix(".npy") for entry in archive.namelist()]
            if name not in names:
                raise DataError(f"{path}: no array '{name}'; there are {', '.join(names)}")
            entry = archive.getinfo(f"{name}.npy")
            if entry.compress_type == zipfile.ZIP_STORED:
                return _map_entry(path, entry)
            with archive.open(entry) as file:
                array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError, struct.error) as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from None
    if array.ndim == 0:
        raise DataError(f"{path}: '{name}' is a single number")
    return array


def _map_entry(path: Path, entry: zipfile.ZipInfo) -> Array:
    with path.open("rb") as file:
        # The local header: 26 bytes, then the lengths of the name and the extra field after it.
        file.seek(entry.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        file.seek(entry.header_offset + 30 + name_length + extra_length)
        shape, fortran, dtype = _npy_header(file)
        if dtype.hasobject:
            raise ValueError("an array of Python objects")
        return np.memmap(path, dtype, "r", file.tell(), shape, order="F" if fortran else "C")


def _npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    return read(file)
