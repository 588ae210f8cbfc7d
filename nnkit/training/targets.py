"""Targets as the loss wants them, and answers as people want them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.errors import SettingError, SettingPath
from nnkit.nn.losses import Loss
from nnkit.nn.params import Array, Shape


def encode(
    targets: Array,
    classes: tuple[str, ...] | None,
    loss: Loss,
    output_shape: Shape,
    last_layer: SettingPath,
    dtype: np.dtype[Any],
) -> Array:
    """Targets (n, outputs) for the loss.

    Class numbers become one-hot rows, or one column for two classes and one output; on and off
    are 1 and 0, or 1 and −1 where the loss is `signed`.

    Args:
        targets: class numbers (n,), or real targets (n, outputs).
        classes: the class names, or None for real targets.
        loss: whose coding is used.
        output_shape: of the network's output for one sample.
        last_layer: the setting to blame where the number of outputs is wrong.
        dtype: of the result.

    Raises:
        SettingError: outputs or loss do not fit the targets.
    """
    (outputs,) = output_shape if len(output_shape) == 1 else (None,)
    if outputs is None:
        raise SettingError(last_layer, f"the output has shape {output_shape}; end in a dense layer")
    units = (*last_layer, "units")
    if classes is None:
        return _real(targets, loss, outputs, units).astype(dtype)
    single = outputs == 1 and len(classes) == 2 and loss.fused != "softmax"
    if not single and outputs != len(classes):
        hint = ""
        if len(classes) == 2 and loss.fused != "softmax":
            hint = "; make it 1 (a yes or no) or 2"
        elif outputs == 1 and len(classes) == 2:
            hint = f"; with '{loss.tag()}' make it 2, or use binary_cross_entropy with 1"
        raise SettingError(
            units,
            f"{outputs} output unit{'s' * (outputs != 1)}, "
            f"but the data has {len(classes)} classes{hint or f'; make it {len(classes)}'}",
        )
    numbers = np.asarray(targets)
    on = (numbers[:, None] == np.arange(len(classes))) if not single else numbers[:, None] == 1
    off_value = -1.0 if loss.coding == "signed" else 0.0
    return np.where(on, 1.0, off_value).astype(dtype)


def _real(targets: Array, loss: Loss, outputs: int, units: SettingPath) -> Array:
    if loss.coding != "number":
        whole = bool(np.all(targets == np.rint(targets)))
        hint = ", or store them as whole numbers to mean classes" if whole else ""
        raise SettingError(
            ("loss",),
            f"'{loss.tag()}' is a loss for classes, but the targets are real numbers; "
            f"use squared_error{hint}",
        )
    if outputs != targets.shape[1]:
        raise SettingError(
            units,
            f"{outputs} output unit{'s' * (outputs != 1)}, "
            f"but each sample has {targets.shape[1]} target{'s' * (targets.shape[1] != 1)}",
        )
    return targets


def decide(outputs: Array, loss: Loss) -> Array:
    """Class numbers (n,) from outputs (n, outputs): the largest, or yes past the middle."""
    if outputs.shape[1] > 1:
        return np.argmax(outputs, axis=1)
    middle = 0.0 if loss.coding == "signed" else 0.5
    return (outputs[:, 0] > middle).astype(np.int64)


def confidence(outputs: Array, numbers: Array) -> Array:
    """The probability (n,) given to each decided class, from probabilities (n, outputs)."""
    if outputs.shape[1] == 1:
        return np.where(numbers == 1, outputs[:, 0], 1 - outputs[:, 0])
    return np.take_along_axis(outputs, numbers[:, None], axis=1)[:, 0]
