"""Targets as the loss wants them, and answers as people want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.errors import SettingError, SettingPath
from nnkit.metrics.metric import Answer
from nnkit.nn.layer import Activation
from nnkit.nn.losses import ClassLoss, Loss
from nnkit.nn.params import Array, Shape

LOGARITHMS = frozenset({"log_softmax"})  # output activations that give ln of probabilities


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
    are 1 and 0, or 1 and −1 where the loss is `signed`. Real targets stay, but for a loss of
    classes they must be what it can take: yes and no in either coding, or probabilities.

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
        raise SettingError(
            last_layer,
            f"the output has shape {output_shape}; end in a dense layer, after '- flatten', or "
            "in '- global_avg_pool'",
        )
    units = (*last_layer, "units")
    if classes is None:
        return _real(targets, loss, outputs, units).astype(dtype)
    single = outputs == 1 and len(classes) == 2 and loss.single
    if not single and outputs != len(classes):
        hint = ""
        if len(classes) == 2 and loss.single:
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
    if outputs != targets.shape[1]:
        raise SettingError(
            units,
            f"{outputs} output unit{'s' * (outputs != 1)}, "
            f"but each sample has {targets.shape[1]} target{'s' * (targets.shape[1] != 1)}",
        )
    if loss.coding != "number":
        targets = _recoded(targets, loss)
    objection = loss.objection(targets)
    if objection is not None:
        raise SettingError(("loss",), f"'{loss.tag()}' is given real targets, {objection}")
    return targets


def _recoded(targets: Array, loss: Loss) -> Array:
    """Real targets for a loss of classes: yes and no in the loss's own coding, or probabilities."""
    found = np.unique(targets)
    codes = set(found[:3].tolist())
    if len(found) <= 2 and codes <= {0.0, 1.0}:
        return 2 * targets - 1 if loss.coding == "signed" else targets
    if len(found) <= 2 and codes <= {-1.0, 1.0}:
        return targets if loss.coding == "signed" else (targets + 1) / 2
    if loss.soft and found[0] >= 0 and found[-1] <= 1:
        return targets
    whole = bool(np.all(targets == np.rint(targets)))
    hint = ", or store them as whole numbers to mean classes" if whole else ""
    raise SettingError(
        ("loss",),
        f"'{loss.tag()}' is a loss for classes, but the targets are real numbers from "
        f"{found[0]:g} to {found[-1]:g}; use squared_error{hint}",
    )


def class_weights(loss: Loss, classes: Sequence[str] | None, targets: Array) -> Array | None:
    """How much samples of each class count, (classes,); None where all count the same.

    Args:
        loss: names the weights.
        classes: the class names, or None for real targets.
        targets: of the training set, whose classes `balanced` counts.

    Raises:
        SettingError: it names a class that is not there, or there are none.
    """
    if not isinstance(loss, ClassLoss) or (loss.class_weights is None and loss.ignored is None):
        return None
    setting = "ignored" if loss.class_weights is None else "class_weights"
    if classes is None:
        raise SettingError(("loss", setting), "has no effect: the targets are real numbers")
    weights = np.ones(len(classes))
    if loss.class_weights == "balanced":
        counts = np.bincount(targets, minlength=len(classes))
        # As scikit-learn has it; classes that are not in the training set count nothing
        weights = np.where(counts > 0, len(targets) / (len(classes) * np.maximum(counts, 1)), 0.0)
    elif loss.class_weights is not None:
        for name, weight in loss.class_weights.items():
            weights[_class(name, classes, ("loss", "class_weights", name))] = weight
    if loss.ignored is not None:
        weights[_class(loss.ignored, classes, ("loss", "ignored"))] = 0.0
    return weights


def _class(name: str, classes: Sequence[str], path: SettingPath) -> int:
    if name not in classes:
        raise SettingError(path, f"there is no class '{name}'; there are {', '.join(classes)}")
    return list(classes).index(name)


def weights_of(
    targets: Array, weights: Array | None, by_class: Array | None, dtype: np.dtype[Any]
) -> Array | None:
    """How much each sample counts, (n,): by itself times by its class; None for all the same."""
    if by_class is not None:
        weights = by_class[targets] * (1.0 if weights is None else weights)
    return None if weights is None else weights.astype(dtype)


def counted(
    targets: Array, weights: Array | None, loss: Loss, classes: Sequence[str] | None
) -> Array | None:
    """How much each sample counts in figures other than the loss, (n,); None for all the same.

    Its own weight, and nothing where the loss ignores its class. Class weights are left out: they
    are a means of training, and figures are to be those of the data.
    """
    ignored = loss.ignored if isinstance(loss, ClassLoss) else None
    if ignored is None or classes is None:
        return weights
    kept = targets != _class(ignored, classes, ("loss", "ignored"))
    return kept * (1.0 if weights is None else weights)


def answers(outputs: Array, form: Answer, loss: Loss, activation: Activation) -> Array:
    """A network's outputs (n, outputs) in the form that a metric takes.

    Args:
        outputs: as the network gives them.
        form: which.
        loss: that the network was trained by.
        activation: of the output.
    """
    if form == "decisions":
        return decide(outputs, loss)
    numbers = outputs.astype(np.float64)
    if form == "outputs":
        return numbers
    if gives_probabilities(activation):
        return _probabilities(numbers, logarithms=activation.tag() in LOGARITHMS)
    assert form == "scores"
    if numbers.shape[1] > 2:
        return numbers
    yes = numbers[:, -1:] - (numbers[:, :1] if numbers.shape[1] == 2 else 0)
    return np.hstack([-yes, yes])


def gives_probabilities(activation: Activation) -> bool:
    """Whether an output activation gives probabilities of classes, or their logarithms."""
    return activation.probability or activation.tag() in LOGARITHMS


def _probabilities(numbers: Array, *, logarithms: bool) -> Array:
    """(n, classes), rows that sum to 1, from (n, outputs); one output alone is the second class's.

    Of outputs that are each a probability of its own the sum is brought to 1.
    """
    if logarithms:
        numbers = np.exp(numbers)
    if numbers.shape[1] == 1:
        return np.hstack([1 - numbers, numbers])
    total = numbers.sum(axis=1, keepdims=True)
    return np.where(total > 0, numbers / np.where(total > 0, total, 1), 1 / numbers.shape[1])


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
