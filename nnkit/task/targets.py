"""Targets of a set: classes, numbers or the inputs, encoded for the loss batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np

from nnkit.data.batches import gather
from nnkit.data.dataset import chunks
from nnkit.data.lazy import LazyArray, mapped, taken
from nnkit.data.ragged import Ragged
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import SettingError, SettingPath
from nnkit.metrics.metric import TargetKind
from nnkit.nn.form import Form
from nnkit.nn.losses import Coding, Loss
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
        return self._code(self.values[part])

    def read(self, chosen: Array, out: Array) -> None:
        out[...] = self._code(taken(self.values, chosen))

    def _code(self, values: Array) -> Array:
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
        return _in_rows(self.inputs[part]).astype(self.uncoded, copy=False)

    def coded(self, part: slice) -> Array:
        return _in_rows(self.inputs[part])

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


def sequences_for(
    sequences: Ragged, names: tuple[str, ...], loss: Loss, form: Form, last_layer: SettingPath
) -> SequenceTargets:
    """Sequences of class numbers as targets for a network and its loss.

    Args:
        sequences: the class numbers.
        names: the names of the classes.
        loss: the loss.
        form: the form of the network's output for one sample.
        last_layer: the setting that an error about the number of outputs points to.

    Raises:
        SettingError: the outputs or the loss do not fit the sequences.
    """
    if loss.coding == "number":
        raise SettingError(
            ("loss",), f"'{loss.tag()}' is a loss for numbers, but the targets are symbols"
        )
    if not form.positions:
        raise SettingError(
            last_layer,
            "the network has one output for each text, but the targets are symbols at each "
            "position; set 'output: all' in the recurrent layers",
        )
    if form.channels != len(names):
        raise SettingError(
            (*last_layer, "units"),
            f"{form.channels} output unit{'s' * (form.channels != 1)}, but there are {len(names)} "
            f"symbols to predict; make it {len(names)}, or auto",
        )
    return SequenceTargets(sequences, names)


def classes_for(
    numbers: Array | LazyArray,
    classes: tuple[str, ...],
    loss: Loss,
    form: Form,
    last_layer: SettingPath,
    dtype: np.dtype[Any],
) -> ClassTargets:
    """Class numbers as targets for a network and its loss.

    Args:
        numbers: the class of each sample, (n,).
        classes: the class names.
        loss: the loss, which determines the coding.
        form: the form of the network's output for one sample.
        last_layer: the setting that an error about the number of outputs points to.
        dtype: the network's type.

    Raises:
        SettingError: the outputs do not fit the classes.
    """
    outputs = _outputs(form, last_layer)
    single = outputs == 1 and len(classes) == 2 and loss.single
    if not single and outputs != len(classes):
        hint = ""
        if len(classes) == 2 and loss.single:
            hint = "; make it 1 (yes or no) or 2"
        elif outputs == 1 and len(classes) == 2:
            hint = f"; with '{loss.tag()}' make it 2, or use binary_cross_entropy with 1"
        raise SettingError(
            (*last_layer, "units"),
            f"{outputs} output unit{'s' * (outputs != 1)}, "
            f"but the data has {len(classes)} classes{hint or f'; make it {len(classes)}'}",
        )
    return ClassTargets(numbers, len(classes), single, loss.coding, dtype)


def numbers_for(
    values: Array | LazyArray,
    loss: Loss,
    form: Form,
    last_layer: SettingPath,
    dtype: np.dtype[Any],
    scaler: TargetScaler | None = None,
) -> NumberTargets:
    """Real targets for a network and its loss.

    For a classification loss they must be binary, in either coding, or probabilities if the loss
    accepts them.

    Args:
        values: the targets, (n, outputs).
        loss: the loss, which determines the coding.
        form: the form of the network's output for one sample.
        last_layer: the setting that an error about the number of outputs points to.
        dtype: the network's type.
        scaler: the scaling of the targets; None if they are not scaled.

    Raises:
        SettingError: the outputs or the loss do not fit the targets.
    """
    _check_outputs(values.shape[1], form, last_layer)
    recode = _recoding(values, loss)
    if recode is not None:
        values = mapped(recode, values)
    _check_values(values if scaler is None else mapped(scaler.scale, values), loss)
    if loss.coding != "number":  # at the precision of the outputs
        values = mapped(lambda exact: exact.astype(dtype).astype(np.float64), values)
    return NumberTargets(values, dtype, scaler)


def are_labels(values: Array | LazyArray, loss: Loss) -> bool:
    """Whether real targets are decisions: all 0 or 1, or all ±1, under a loss for classes."""
    return loss.coding != "number" and _code_of_no(values) is not None


def labels_for(
    values: Array | LazyArray,
    loss: Loss,
    form: Form,
    last_layer: SettingPath,
    dtype: np.dtype[Any],
) -> LabelTargets:
    """Yes/no labels as targets for a network and its loss.

    Args:
        values: the labels, (n, labels), all 0 or 1, or all ±1.
        loss: the loss, which determines the coding.
        form: the form of the network's output for one sample.
        last_layer: the setting that an error about the number of outputs points to.
        dtype: the network's type.

    Raises:
        SettingError: the outputs do not fit the labels, or the loss does not take several.
    """
    _check_outputs(values.shape[1], form, last_layer)
    if _code_of_no(values) == -1:
        values = mapped(lambda codes: (codes + 1) / 2, values)
    labels = LabelTargets(values, loss.coding, dtype)
    _check_values(mapped(labels._code, values), loss)
    return labels


def _code_of_no(values: Array | LazyArray) -> float | None:
    """The number that means no where 1 means yes: 0 or −1; None if there are other numbers."""
    codes = set(_distinct(values).tolist())
    return 0.0 if codes <= {0.0, 1.0} else -1.0 if codes <= {-1.0, 1.0} else None


def inputs_for(
    inputs: Array | LazyArray, loss: Loss, form: Form, last_layer: SettingPath
) -> InputTargets | NumberTargets:
    """A set's own inputs as targets for a network and its loss.

    The targets are a copy if the loss needs another binary coding than that of the inputs.

    Args:
        inputs: preprocessed inputs, (n, *shape).
        loss: the loss, which determines the coding.
        form: the form of the network's output for one sample.
        last_layer: the setting that an error about the number of outputs points to.

    Raises:
        SettingError: the outputs or the loss do not fit the inputs.
    """
    _check_outputs(prod(inputs.shape[1:]), form, last_layer)
    if _recoding(inputs, loss) is not None:
        return numbers_for(mapped(_in_rows, inputs), loss, form, last_layer, inputs.dtype)
    _check_values(inputs, loss)
    uncoded = inputs.dtype if loss.coding == "number" else np.dtype(np.float64)
    return InputTargets(inputs, uncoded)


def _outputs(form: Form, last_layer: SettingPath) -> int:
    if form.positions:
        raise SettingError(
            last_layer,
            f"the output has shape {form}; end with a dense layer, after '- flatten', or "
            "with '- global_avg_pool'",
        )
    return form.channels


def _check_outputs(wanted: int, form: Form, last_layer: SettingPath) -> None:
    outputs = _outputs(form, last_layer)
    if outputs != wanted:
        raise SettingError(
            (*last_layer, "units"),
            f"{outputs} output unit{'s' * (outputs != 1)}, "
            f"but each sample has {wanted} target{'s' * (wanted != 1)}",
        )


def _recoding(values: Array | LazyArray, loss: Loss) -> Callable[[Array], Array] | None:
    """The function that recodes binary values for a classification loss; None if none is needed."""
    if loss.coding == "number":
        return None
    found = _distinct(values)
    codes = set(found.tolist())
    signed = loss.coding == "signed"
    if codes <= {0.0, 1.0}:
        return (lambda targets: 2 * targets - 1) if signed else None
    if codes <= {-1.0, 1.0}:
        return None if signed else (lambda targets: (targets + 1) / 2)
    if loss.soft and found[0] >= 0 and found[-1] <= 1:
        return None
    whole = all(bool(np.all(part == np.rint(part))) for part in chunks(values))
    hint = ", or store class labels as whole numbers" if whole else ""
    raise SettingError(
        ("loss",),
        f"'{loss.tag()}' is a loss for classes, but the targets are real numbers from "
        f"{found[0]:g} to {found[-1]:g}; use squared_error{hint}",
    )


def _distinct(values: Array | LazyArray) -> Array:
    """The sorted distinct values; if more than three, the smallest two and the largest."""
    found = np.empty(0)
    for part in chunks(values):
        found = np.unique(np.append(found, np.unique(part)))
        if len(found) > 3:
            found = found[[0, 1, -1]]
    return found


def _check_values(values: Array | LazyArray, loss: Loss) -> None:
    errors = (loss.target_error(part) for part in _rows(values))
    target_error = next((error for error in errors if error is not None), None)
    if target_error is not None and not (isinstance(values, LazyArray) and values.on_disk):
        target_error = loss.target_error(_in_rows(values[:]))  # a message about all values
    if target_error is not None:
        raise SettingError(("loss",), f"'{loss.tag()}' got real targets, {target_error}")


def _rows(values: Array | LazyArray) -> Iterator[Array]:
    """Yields chunks of samples, each sample as a row."""
    return map(_in_rows, chunks(values))


def _in_rows(samples: Array) -> Array:
    """Flattens samples (k, *shape) to rows (k, values)."""
    return samples.reshape(len(samples), -1)
