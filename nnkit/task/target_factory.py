"""Creates the targets of a set that fit a network and its loss, or says why they do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from nnkit.data.dataset import chunks
from nnkit.data.lazy import LazyArray, mapped
from nnkit.data.ragged import Ragged
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.params import Array
from nnkit.task.targets import (
    ClassTargets,
    InputTargets,
    LabelTargets,
    NumberTargets,
    SequenceTargets,
    in_rows,
)


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
    _check_values(mapped(labels.code, values), loss)
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
        return numbers_for(mapped(in_rows, inputs), loss, form, last_layer, inputs.dtype)
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
        target_error = loss.target_error(in_rows(values[:]))  # a message about all values
    if target_error is not None:
        raise SettingError(("loss",), f"'{loss.tag()}' got real targets, {target_error}")


def _rows(values: Array | LazyArray) -> Iterator[Array]:
    """Yields chunks of samples, each sample as a row."""
    return map(in_rows, chunks(values))
