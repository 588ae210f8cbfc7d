"""What a source of data hands over: samples first, as read, before any preprocessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.errors import DataError

Array = NDArray[Any]
CHUNK = 1 << 22  # values checked at a time, so that a memory-mapped file is never read in whole


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs with their targets.

    Attributes:
        inputs: (n, *shape), of any numeric type, possibly memory-mapped.
        targets: class numbers (n,) as int64, or real targets (n, outputs) as float64.
    """

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: Array) -> Samples:
        """Those samples, in that order."""
        return Samples(self.inputs[indices], self.targets[indices])


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name and, where it holds words, the words in order.

    A column of words is stored as numbers, each the index of its word.
    """

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """All samples of a source.

    Attributes:
        samples: those to train on, and to cut validation and test sets from.
        test: the test set that the source itself sets apart, or None.
        classes: the class names, by number; None for real targets.
        columns: the input columns of a table; empty for other data.
        label: the name of what is predicted, where the source gives one.
    """

    samples: Samples
    test: Samples | None = None
    classes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] = ()
    label: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample, before preprocessing."""
        return tuple(self.samples.inputs.shape[1:])

    def fingerprint(self) -> str:
        """A SHA-256 over all samples: two runs on equal data have it in common."""
        digest = sha256()
        for part in filter(None, (self.samples, self.test)):
            for array in (part.inputs, part.targets):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                for chunk in chunks(array):
                    digest.update(np.ascontiguousarray(chunk).data)
        return digest.hexdigest()


def chunks(array: Array) -> Sequence[Array]:
    """Views of whole samples, each of about `CHUNK` values."""
    per_sample = max(1, array.size // max(1, len(array)))
    rows = max(1, CHUNK // per_sample)
    return [array[start : start + rows] for start in range(0, len(array), rows)]


def check_pair(inputs: Array, targets: Array, what: str, missing_allowed: bool = False) -> None:
    """Refuses samples that no network should be trained on.

    Raises:
        DataError: none at all, counts that differ, a type that is no number, NaN or infinity.
    """
    if len(inputs) != len(targets):
        raise DataError(f"{what}: {len(inputs)} inputs but {len(targets)} targets")
    if not len(inputs):
        raise DataError(f"{what}: no samples")
    for name, array in (("inputs", inputs), ("targets", targets)):
        if array.dtype.kind not in "buif":
            raise DataError(f"{what}: the {name} are of type {array.dtype}, which is no number")
        if array.dtype.kind != "f":
            continue
        allowed = missing_allowed and name == "inputs"
        for start, chunk in zip(_starts(array), chunks(array), strict=True):
            bad = np.isinf(chunk) if allowed else ~np.isfinite(chunk)
            if bad.any():
                position = tuple(int(i) for i in np.argwhere(bad)[0])
                value = "NaN" if np.isnan(chunk[position]) else "infinity"
                raise DataError(f"{what}: {value} in the {name}, sample {start + position[0]}")


def _starts(array: Array) -> list[int]:
    starts = [0]
    for chunk in chunks(array)[:-1]:
        starts.append(starts[-1] + len(chunk))
    return starts


def class_targets(labels: Array, classes: int, what: str) -> Array:
    """Class numbers as int64 (n,), checked to lie in 0 … classes − 1.

    Raises:
        DataError: a label out of range.
    """
    numbers = np.asarray(labels).astype(np.int64).reshape(-1)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= classes))
    if len(wrong):
        raise DataError(
            f"{what}: label {numbers[wrong[0]]} of sample {wrong[0]} is out of range; "
            f"there are {classes} classes, 0 to {classes - 1}"
        )
    return numbers
