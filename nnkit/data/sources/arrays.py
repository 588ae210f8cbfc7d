"""Arrays on disk: IDX files, .npy files and .npz archives (memory-mapped if uncompressed)."""

from __future__ import annotations

import struct
import zipfile
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import PATH_SETTINGS, FilePath
from nnkit.data.class_numbers import renumbered, targets_of
from nnkit.data.dataset import Array, Dataset, Samples, check_pair, sample_weights
from nnkit.data.idx import read_idx
from nnkit.data.missing_targets import MISSING_TARGET, MissingTargetsInMemory, OnMissing
from nnkit.data.npy import UNREADABLE, npy_header
from nnkit.data.sources.source import ExpectedData, Source, existing
from nnkit.errors import DataError

TEST_SET = {"test_inputs", "test_targets", "test_weights"}  # settings


class _Arrays(Source):
    """Inputs and targets from two arrays, and a test set from two more where there is one."""

    inputs: str = Field(description="Samples first, (n, …).", examples=["inputs"])
    targets: str = Field(
        description="One integer per sample is a class; anything else is a number to predict.",
        examples=["targets"],
    )
    test_inputs: str | None = Field(None, description="The same for a test set.")
    test_targets: str | None = Field(None, description="The same for a test set.")
    images: Literal["digits"] | None = Field(
        None,
        description="`digits` for grey images of digits in the form of MNIST's, light on black and "
        "centred: models then read the numbers in pictures.",
    )

    missing_target: OnMissing = Field("error", description=MISSING_TARGET)

    @property
    def has_digits(self) -> bool:
        return self.images == "digits"

    @model_validator(mode="after")
    def _test_is_a_pair(self) -> Self:
        if (self.test_inputs is None) != (self.test_targets is None):
            raise ValueError("test_inputs and test_targets must be given together")
        return self

    @property
    def weight_names(self) -> tuple[str | None, str | None]:
        """The names of the weight arrays for the samples and for the test set."""
        return None, None

    @abstractmethod
    def read_array(self, name: str) -> Array:
        """Reads the array with the name given in a setting."""

    def place(self, name: str) -> str:
        """The location of a named array, for messages."""
        return name

    def read(self) -> Dataset:
        weights, test_weights = self.weight_names
        samples, classes, missing = self._samples(self.inputs, self.targets, weights)
        if self.test_inputs is None or self.test_targets is None:
            return Dataset(samples, classes=classes, notices=missing.notices())
        test, test_classes, test_missing = self._samples(
            self.test_inputs, self.test_targets, test_weights
        )
        shape, test_shape = samples.inputs.shape[1:], test.inputs.shape[1:]
        if test_shape != shape:
            raise DataError(
                f"{self.place(self.test_inputs)}: samples of shape {test_shape}, "
                f"but training samples of shape {shape}"
            )
        kinds = len(classes or ()), len(test_classes or ())
        if kinds[1] > kinds[0] or (kinds[0] and not kinds[1]):
            names = [f"the classes 0 to {n - 1}" if n else "real numbers" for n in kinds]
            raise DataError(
                f"{self.place(self.test_targets)}: contains {names[1]}, but {self.targets} "
                f"{names[0]}"
            )
        notices = (*missing.notices(), *test_missing.notices())
        return Dataset(samples, test, classes, notices=notices)

    def is_single_set(self, place: Path) -> bool:
        return self.test_inputs is None

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        raise DataError(
            f"{path}: this model reads {self.tag()} data, not pictures; if its inputs are images "
            "of digits like MNIST's, set data.source.images: digits and train again"
        )

    def moved(self, place: Path) -> Self:
        """Returns a copy of the source with another path or, for several files, another folder."""
        if "path" in type(self).model_fields:
            return super().moved(place)
        named = {
            name: getattr(self, name) for name in type(self).model_fields if name in PATH_SETTINGS
        }
        folder = place.resolve()
        return self.model_copy(
            update={name: str(folder / Path(file).name) for name, file in named.items() if file}
        )

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        if place.suffix.lower() == ".npz" and not isinstance(self, Npz):
            archive = Npz(path=str(place), missing_target=self.missing_target)
            return archive.read_labelled(place, expected)
        no_test = dict.fromkeys(type(self).model_fields.keys() & TEST_SET)
        source = self.moved(place).model_copy(update=no_test)
        weights = source.weight_names[0]
        samples, names, missing = source._samples(source.inputs, source.targets, weights)
        missing.warn()
        numbers = renumbered(np.asarray(samples.targets), names, expected.classes, str(place))
        return replace(samples, targets=numbers)

    def _samples(
        self, inputs: str, targets: str, weights: str | None
    ) -> tuple[Samples, tuple[str, ...] | None, MissingTargetsInMemory]:
        """The samples that have a target, the class names, and which samples have none."""
        X, labels = self.read_array(inputs), self.read_array(targets)
        missing = MissingTargetsInMemory.in_array(labels, self.place(targets))
        missing.check(self.missing_target)
        if missing.count:
            labels = np.nan_to_num(labels, posinf=np.inf, neginf=-np.inf)  # NaN only
        check_pair(X, labels, self.place(inputs), self.place(targets))
        numbers, classes = targets_of(labels, self.place(targets))
        counts = None
        if weights is not None:
            counts = sample_weights(self.read_array(weights), len(X), self.place(weights))
        return missing.drop(Samples(_with_channel(X), numbers, counts)), classes, missing


class _Weighted(_Arrays):
    """Inputs, targets and sample weights (n,), each in an array of its own."""

    weights: str | None = None
    test_weights: str | None = Field(None, description="The same for the test set.")

    @property
    def weight_names(self) -> tuple[str | None, str | None]:
        return self.weights, self.test_weights

    @model_validator(mode="after")
    def _test_weights_have_a_test(self) -> Self:
        if self.test_weights is not None and self.test_inputs is None:
            raise ValueError("test_weights requires test_inputs and test_targets")
        return self


class Idx(_Arrays):
    """Images and labels in IDX files, gzip-compressed or not."""

    kind: Literal["idx"] = "idx"
    inputs: FilePath = Field(examples=["images.idx.gz"])
    targets: FilePath = Field(examples=["labels.idx.gz"])
    test_inputs: FilePath | None = None
    test_targets: FilePath | None = None

    def read_array(self, name: str) -> Array:
        return read_idx(existing(name, "file"))


class Npy(_Weighted):
    """Two .npy files, memory-mapped: inputs (n, …), and targets (n,) or (n, outputs).

    A third may contain sample weights (n,).
    """

    kind: Literal["npy"] = "npy"
    inputs: FilePath = Field(examples=["inputs.npy"])
    targets: FilePath = Field(examples=["targets.npy"])
    test_inputs: FilePath | None = None
    test_targets: FilePath | None = None
    weights: FilePath | None = Field(None, description="Sample weights, (n,).")
    test_weights: FilePath | None = Field(None, description="The same for the test set.")

    def read_array(self, name: str) -> Array:
        return read_npy(name)


class Npz(_Weighted):
    """One .npz archive, memory-mapped if it is uncompressed; the settings name its arrays."""

    kind: Literal["npz"] = "npz"
    path: FilePath = Field(description="The archive.", examples=["data.npz"])
    inputs: str = "inputs"
    targets: str = "targets"
    weights: str | None = Field(None, description="The array of sample weights, (n,).")
    validation: FilePath | None = Field(
        None, description="Another archive with a validation set, in arrays of the same names."
    )
    test: FilePath | None = Field(None, description="The same with a test set.")

    def read_array(self, name: str) -> Array:
        return read_npz(existing(self.path, "file"), name)

    def place(self, name: str) -> str:
        return f"{self.path}: array '{name}'"


def _with_channel(inputs: Array) -> Array:
    """Adds a channel axis: (n, H, W) becomes (n, 1, H, W), and (n,) becomes (n, 1)."""
    return inputs[:, None] if inputs.ndim in (1, 3) else inputs


def read_npy(path: str) -> Array:
    """Reads a .npy file, memory-mapped.

    Raises:
        DataError: the file is missing, damaged, or contains Python objects.
    """
    try:
        return _mapped(existing(path, "file"), 0)
    except UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npy file ({error})") from None


def read_npz(path: Path, name: str) -> Array:
    """Reads an array of a .npz archive, memory-mapped if it is not compressed.

    Raises:
        DataError: the file is not an archive or is damaged, or the array does not exist.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.removesuffix(".npy") for entry in archive.namelist()]
            if name not in names:
                raise DataError(f"{path}: no array '{name}'; available: {', '.join(names)}")
            entry = archive.getinfo(f"{name}.npy")
            if entry.compress_type == zipfile.ZIP_STORED:
                return _mapped(path, _start(path, entry))
            with archive.open(entry) as file:
                npy_header(file)
                file.seek(0)
                array: Array = np.lib.format.read_array(file, allow_pickle=False)
                return array
    except UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from None


def read_npz_inputs(path: Path, name: str) -> Array:
    """Reads the array of inputs in a .npz archive: that of a name, or the only one.

    Raises:
        DataError: the file is not a readable archive, or has several arrays of other names.
    """
    names = archive_names(path)
    return read_npz(path, names[0] if len(names) == 1 else name)


def archive_names(path: Path) -> list[str]:
    """The names of the arrays in a .npz archive.

    Raises:
        DataError: the file is missing, not an archive, or damaged.
    """
    try:
        with zipfile.ZipFile(existing(str(path), "file")) as archive:
            return [entry.removesuffix(".npy") for entry in archive.namelist()]
    except UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from None


def _start(path: Path, entry: zipfile.ZipInfo) -> int:
    """The offset of an entry's content in the archive."""
    with path.open("rb") as file:
        # The local header: 26 bytes, then the lengths of the name and the extra field that follow.
        file.seek(entry.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
    return int(entry.header_offset + 30 + name_length + extra_length)


def _mapped(path: Path, start: int) -> Array:
    """Memory-maps the array whose .npy header begins at byte `start` of a file."""
    with path.open("rb") as file:
        file.seek(start)
        shape, fortran, dtype = npy_header(file)
        return np.memmap(path, dtype, "r", file.tell(), shape, order="F" if fortran else "C")
