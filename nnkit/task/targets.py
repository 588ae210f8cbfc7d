"""Targets of a set: classes, numbers or the inputs, encoded for the loss batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np

from nnkit.data.batches import gather
from nnkit.data.lazy import LazyArray, taken
from nnkit.data.ragged import Ragged
from nnkit.data.target_scaling import TargetScaler
from nnkit.metrics.metric import TargetKind
from nnkit.nn.loss import Coding
from nnkit.nn.params import Array

TABLE = 1 << 16  # bytes of all encoded classes, up to which copying rows beats encoding


class Targets(ABC):
    """The targets of n samples, stored compactly and encoded for the loss, (n, outputs), in parts.

    Indexing gives unencoded targets, as metrics take them: `targets[part]` are class numbers (k,),
    labels 0 or 1 (k, labels), or real targets (k, outputs), for a slice or an array of indices.
    Each subclass also has a `dtype`: that of encoded targets, which is the network's unless they
    are class numbers.

    Attributes:
        kind: whether these are class numbers, yes/no labels or real numbers.
    """

    kind: ClassVar[TargetKind] = "numbers"

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """The shape of all targets when encoded, (n, outputs)."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """The memory that the targets take in addition to the inputs."""

    @abstractmethod
    def __getitem__(self, part: slice | Array) -> Array:
        """The selected targets, unencoded, as metrics take them."""

    @abstractmethod
    def coded(self, part: slice) -> Array:
        """Consecutive targets, encoded for the loss, (k, outputs)."""

    @abstractmethod
    def read(self, chosen: Array, out: Array) -> None:
        """Encodes the targets at indices (k,) into a C-ordered `out` (k, outputs)."""

    def in_units(self, outputs: Array) -> Array:
        """Converts a network's outputs (k, outputs) to the units of unencoded targets."""
        return outputs

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class ClassTargets(Targets):
    """Class numbers, encoded as one-hot rows, or as a single column for two classes.

    The values are 1 and 0, or 1 and −1 if the coding is `signed`.

    Attributes:
        numbers: the class of each sample, (n,).
        classes: the number of classes.
        single: whether a single output represents two classes, with 1 for the second.
        coding: the coding that the loss takes.
        dtype: the type of encoded targets.
    """

    kind: ClassVar[TargetKind] = "classes"
    numbers: Array | LazyArray
    classes: int
    single: bool
    coding: Coding
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.numbers), 1 if self.single else self.classes

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes

    def __getitem__(self, part: slice | Array) -> Array:
        return np.asarray(self.numbers[part])

    def coded(self, part: slice) -> Array:
        numbers = self.numbers[part]
        out = np.empty((len(numbers), self.shape[1]), self.dtype)
        self._code(numbers, out)
        return out

    def read(self, chosen: Array, out: Array) -> None:
        self._code(taken(self.numbers, chosen), out)

    def _code(self, numbers: Array, out: Array) -> None:
        if self._table is None:
            self._switch_on(numbers, out)
        else:
            gather(self._table, numbers, out)

    @cached_property
    def _table(self) -> Array | None:
        """Every class encoded, (classes, outputs); None if the table would be too large."""
        table_shape = (self.classes, self.shape[1])
        if prod(table_shape) * self.dtype.itemsize > TABLE:
            return None
        table = np.empty(table_shape, self.dtype)
        self._switch_on(np.arange(self.classes), table)
        return table

    def _switch_on(self, numbers: Array, out: Array) -> None:
        off = -1 if self.coding == "signed" else 0
        if self.single:
            out[:, 0] = np.where(numbers == 1, 1, off)
            return
        out.fill(off)
        out[np.arange(len(numbers)), numbers] = 1


@dataclass(frozen=True, slots=True)
class LabelTargets(Targets):
    """Several yes/no labels per sample, encoded as 1 and 0, or as 1 and −1.

    Attributes:
        values: the labels (n, labels), 0 or 1.
        coding: the coding that the loss takes.
        dtype: the type of encoded targets.
    """

    kind: ClassVar[TargetKind] = "labels"
    values: Array | LazyArray
    coding: Coding
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        samples, labels = self.values.shape
        return samples, labels

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def __getitem__(self, part: slice | Array) -> Array:
        return np.asarray(self.values[part]).astype(np.int64)

    def coded(self, part: slice) -> Array:
        return self.code(self.values[part])

    def read(self, chosen: Array, out: Array) -> None:
        out[...] = self.code(taken(self.values, chosen))

    def code(self, values: Array) -> Array:
        """Encodes labels 0 and 1 for the loss."""
        codes = 2 * values - 1 if self.coding == "signed" else values
        return codes.astype(self.dtype)


@dataclass(frozen=True, slots=True)
class NumberTargets(Targets):
    """Real targets, which the loss takes as they are or scaled.

    Attributes:
        values: the targets (n, outputs), in float64 as they were read.
        dtype: the type that the loss takes.
        scaler: the scaling of the targets for the loss; None if they are not scaled.
    """

    values: Array | LazyArray
    dtype: np.dtype[Any]
    scaler: TargetScaler | None = None

    @property
    def shape(self) -> tuple[int, int]:
        samples, outputs = self.values.shape
        return samples, outputs

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def __getitem__(self, part: slice | Array) -> Array:
        return np.asarray(self.values[part])

    def coded(self, part: slice) -> Array:
        return self._scaled(self.values[part]).astype(self.dtype, copy=False)

    def read(self, chosen: Array, out: Array) -> None:
        if self.scaler is None and self.values.dtype == self.dtype:
            gather(self.values, chosen, out)
        else:
            out[...] = self._scaled(taken(self.values, chosen))

    def in_units(self, outputs: Array) -> Array:
        return outputs if self.scaler is None else self.scaler.undo(outputs)

    def _scaled(self, values: Array) -> Array:
        return values if self.scaler is None else self.scaler.scale(values)


@dataclass(frozen=True, slots=True)
class InputTargets(Targets):
    """The inputs of each sample as a row of targets, for an autoencoder.

    They are read from the inputs; no copy is stored.

    Attributes:
        inputs: preprocessed inputs, (n, *shape), of the network's type.
        uncoded: the type in which metrics take the targets.
    """

    inputs: Array | LazyArray
    uncoded: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.inputs), prod(self.inputs.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inputs.dtype

    @property
    def nbytes(self) -> int:
        return 0

    def __getitem__(self, part: slice | Array) -> Array:
        return in_rows(self.inputs[part]).astype(self.uncoded, copy=False)

    def coded(self, part: slice) -> Array:
        return in_rows(self.inputs[part])

    def read(self, chosen: Array, out: Array) -> None:
        gather(self.inputs, chosen, out.reshape(len(chosen), *self.inputs.shape[1:]))


@dataclass(frozen=True, slots=True)
class SequenceTargets(Targets):
    """A sequence of class numbers for each sample, such as a tag or symbol at each position.

    They stay class numbers until the loss: coded, those of a large vocabulary would fill memory.

    Attributes:
        sequences: the class numbers of each sample.
        names: the names of the classes.
    """

    kind: ClassVar[TargetKind] = "sequences"
    sequences: Ragged
    names: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.sequences.dtype

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.sequences), int(self.sequences.lengths.max(initial=0))

    @property
    def nbytes(self) -> int:
        return self.sequences.nbytes

    def __getitem__(self, part: slice | Array) -> Array:
        """The class numbers of the selected samples, one sample after the other, (Σ lengths,)."""
        return self.sequences[part].flat()

    def coded(self, part: slice) -> Array:
        """The class numbers of consecutive samples, (k, T), with 0 after the end of each.

        T is the length of the longest sequence of all.
        """
        out = np.empty((len(self.sequences[part]), self.shape[1]), self.dtype)
        self._write(self.sequences[part], out)
        return out

    def read(self, chosen: Array, out: Array) -> None:
        self._write(self.sequences[chosen], out)

    def _write(self, sequences: Ragged, out: Array) -> None:
        padded = sequences.padded().T
        out[:, : padded.shape[1]] = padded
        out[:, padded.shape[1] :] = 0


AnyTargets = ClassTargets | LabelTargets | NumberTargets | InputTargets | SequenceTargets


def in_rows(samples: Array) -> Array:
    """Flattens samples (k, *shape) to rows (k, values)."""
    return samples.reshape(len(samples), -1)
