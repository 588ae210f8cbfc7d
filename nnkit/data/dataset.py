"""Data as loaded by a source, before preprocessing; the first axis is the sample axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from os.path import commonpath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.lazy import Indices, LazyArray, chosen, selected
from nnkit.data.ordering import FULL_SHUFFLE, Ordering
from nnkit.data.texts import is_text
from nnkit.errors import DataError

Array = NDArray[Any]
CHUNK = 1 << 22  # values processed at a time, so that a memory-mapped file is never read as a whole


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs and targets of samples.

    Data that is larger than memory is in files, which lazy arrays read on access.

    Attributes:
        inputs: inputs (n, *shape), of any numeric type, or texts (n,).
        targets: class numbers (n,) as int64, real targets (n, outputs) as float64, or texts (n,).
        weights: sample weights, (n,) as float64; None if all are equal.
        origins: location of each sample in its source, (n,): the path of its file, or its row
            from 1; None for all rows in order.
        ordering: how the samples are shuffled and divided into sets.
        lines: the line of each sample in its text file, from 1, (n,); None for other data.
        file: that file; empty for other data.
    """

    inputs: Array | LazyArray
    targets: Array | LazyArray
    weights: Array | LazyArray | None = None
    origins: Array | LazyArray | None = None
    ordering: Ordering = FULL_SHUFFLE
    lines: Array | None = None
    file: str = ""

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: Indices, ordering: Ordering | None = None) -> Samples:
        """Returns the samples at the given indices, in that order.

        Args:
            indices: the indices, (k,).
            ordering: the ordering of the selection; default: that of these samples.
        """
        return Samples(
            chosen(self.inputs, indices),
            selected(self.targets, indices),
            None if self.weights is None else selected(self.weights, indices),
            indices[:] + 1 if self.origins is None else selected(self.origins, indices),
            self.ordering if ordering is None else ordering,
            None if self.lines is None else self.lines[indices[:]],
            self.file,
        )

    def fingerprint_of_targets(self) -> str:
        """A SHA-256 of the targets, weights and origins of the samples, but not of their inputs.

        It tells whether two sets hold the same samples of a source, also if other inputs were read,
        such as other columns of a table. Of files, only the paths below their common folder count.
        """
        origins = self.origins
        if origins is not None and origins.dtype.kind == "U":
            paths = origins[:].tolist()
            common = len(commonpath(paths)) if paths else 0
            origins = np.array([path[common:] for path in paths])
        digest = sha256()
        for array in (self.targets, self.weights, origins):
            for block in _content(array):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name and, for text, its distinct words in order.

    A text column is stored as the indices of its words.
    """

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """All samples of a source.

    Attributes:
        samples: the samples for training, and for splitting off validation and test sets.
        test: the test set provided by the source, or None.
        classes: the class names, by number; None for real targets.
        columns: the input columns of a table; empty for other data.
        label: the name of the predicted quantity, or the names of several, separated by commas, if
            the source gives any.
        validation: the validation set provided by the source, or None.
        notices: messages to the user on how the data was read, such as what was left out.
        is_divided: whether the source has divided its data into sets, so that no others are drawn
            from `samples`.
    """

    samples: Samples
    test: Samples | None = None
    classes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] = ()
    label: str = ""
    validation: Samples | None = None
    notices: tuple[str, ...] = ()
    is_divided: bool = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample before preprocessing."""
        return tuple(self.samples.inputs.shape[1:])

    def fingerprint(self) -> str:
        """A SHA-256 of all samples and their names, the same for equal data."""
        digest = sha256(repr((self.classes, self.columns, self.label)).encode())
        for part in filter(None, (self.samples, self.test, self.validation)):
            for array in (part.inputs, part.targets, part.weights):
                for block in _content(array):
                    digest.update(block)
        return digest.hexdigest()


def _content(array: Array | LazyArray | None) -> Iterator[bytes | memoryview]:
    """Yields the type and shape of an array, and its values; nothing if there is no array."""
    if array is None:
        return
    yield f"{array.dtype.str}{array.shape}".encode()
    for chunk in chunks(array):
        values = chunk
        if is_text(chunk):
            values = np.frombuffer("\0".join(chunk.tolist()).encode(), np.uint8)
        yield np.ascontiguousarray(values).data


def names_of_targets(label: str, count: int) -> tuple[str, ...]:
    """The name of each of several real targets: from the label of a data set, or numbers from 0."""
    names = tuple(label.split(", ")) if label else ()
    return names if len(names) == count else tuple(map(str, range(count)))


def chunks(array: Array | LazyArray, values: int | None = None) -> Iterator[Array]:
    """Yields chunks of whole samples, of about so many values each (default: `CHUNK`)."""
    per_sample = max(1, array.size // max(1, len(array)))
    rows = max(1, (values or CHUNK) // per_sample)
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def class_counts(targets: Array | LazyArray, classes: int) -> Array:
    """The number of samples of each class, (classes,)."""
    return sum(
        (np.bincount(part, minlength=classes) for part in chunks(targets)),
        np.zeros(classes, dtype=np.int64),
    )


def check_pair(inputs: Array, targets: Array, inputs_place: str, targets_place: str) -> None:
    """Checks inputs and targets that were read from files.

    Args:
        inputs: inputs (n, *shape).
        targets: targets (n,) or (n, outputs).
        inputs_place: where the inputs were read from, for messages.
        targets_place: where the targets were read from, for messages.

    Raises:
        DataError: there are no samples, the counts differ, or values are not finite numbers.
    """
    pair = ((inputs, inputs_place), (targets, targets_place))
    for array, place in pair:
        if array.dtype.kind not in "buif":
            raise DataError(
                f"{place}: contains values of type {array.dtype}, not numbers; "
                "store numbers, and classes as 0, 1, 2, …"
            )
        if not array.ndim:
            raise DataError(f"{place}: a single number; expected an array with one sample per row")
        if not array.size:
            raise DataError(f"{place}: no samples; its shape is {array.shape}")
    if len(inputs) != len(targets):
        raise DataError(
            f"{inputs_place}: {len(inputs)} samples, but {len(targets)} targets in "
            f"{targets_place}; each sample needs a target"
        )
    for array, place in pair:
        _check_finite(array, place)


def _check_finite(array: Array, place: str) -> None:
    if array.dtype.kind != "f":
        return
    start = 0
    for chunk in chunks(array):
        bad = ~np.isfinite(chunk)
        if bad.any():
            position = tuple(int(i) for i in np.argwhere(bad)[0])
            value = "NaN" if np.isnan(chunk[position]) else "infinity"
            raise DataError(
                f"{place}: {value} in sample {start + position[0]} (counted from 0); "
                "remove or correct such samples"
            )
        start += len(chunk)


def sample_weights(weights: Array, samples: int, place: str) -> Array:
    """Checks sample weights and converts them to float64 (n,).

    Raises:
        DataError: the number of weights is wrong, or they are not finite non-negative numbers, or
            all are 0.
    """
    if weights.dtype.kind not in "buif":
        raise DataError(f"{place}: weights of type {weights.dtype}, which is not numeric")
    if weights.shape not in ((samples,), (samples, 1)):
        raise DataError(f"{place}: weights of shape {weights.shape} for {samples} samples")
    _check_finite(weights, place)
    numbers = np.asarray(weights, dtype=np.float64).reshape(-1)
    if (numbers < 0).any():
        wrong = int(np.argmax(numbers < 0))
        raise DataError(
            f"{place}: sample {wrong} (counted from 0) has the weight {numbers[wrong]:g}; "
            "weights must not be negative"
        )
    if not numbers.any():
        raise DataError(f"{place}: all weights are 0, so there is nothing to learn")
    return numbers


def class_targets(labels: Array, classes: int, place: str) -> Array:
    """Converts class numbers to int64 (n,) and checks that they are in 0 … classes − 1.

    Raises:
        DataError: a label is out of range.
    """
    numbers = np.asarray(labels).astype(np.int64).reshape(-1)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= classes))
    if len(wrong):
        raise DataError(
            f"{place}: sample {wrong[0]} (counted from 0) has the label {numbers[wrong[0]]}; "
            f"classes are numbered from 0, here up to {classes - 1}"
        )
    return numbers
