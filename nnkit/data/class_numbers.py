"""Targets and class names of labelled data, and their numbers in a model that knows the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.data.dataset import Array, class_targets
from nnkit.errors import DataError
from nnkit.text import some_names


def targets_of(labels: Array, place: str) -> tuple[Array, tuple[str, ...] | None]:
    """Converts an array of labels to targets and, if they are classes, class names.

    One integer per sample is a class, from 0 to the largest; anything else is a real target.

    Raises:
        DataError: an integer is negative or too large to be a class.
    """
    if labels.dtype.kind in "bui" and labels.size == len(labels):
        count = int(labels.max()) + 1
        if count > max(1000, len(labels)):
            raise DataError(
                f"{place}: the label {count - 1} is too large for a class number; "
                "store targets that are not classes as floating-point numbers"
            )
        numbers = class_targets(labels, count, place)
        return numbers, tuple(map(str, range(max(count, 2))))
    return np.asarray(labels, dtype=np.float64).reshape(len(labels), -1), None


def renumbered(
    targets: Array, names: Sequence[str] | None, classes: Sequence[str] | None, place: str
) -> Array:
    """Targets of a file as the targets of a model, whose classes may have other numbers.

    Args:
        targets: class numbers (n,), or real targets (n, outputs).
        names: the class names of the file; None for real targets.
        classes: the class names of the model; None if it predicts numbers.
        place: the file, for messages.

    Raises:
        DataError: the file has real targets, but the model predicts classes, or has a class that
            the model does not know.
    """
    if classes is None:
        # Whole numbers are taken for classes, whose names are then these numbers.
        return targets if names is None else targets[:, None].astype(np.float64)
    if names is None:
        raise DataError(f"{place}: contains real numbers, but this model predicts classes")
    number = {name: i for i, name in enumerate(classes)}
    present = [names[i] for i in np.unique(targets)]
    check_known_classes([name for name in present if name not in number], classes, place)
    return np.array([number.get(name, -1) for name in names], dtype=np.int64)[targets]


def check_known_classes(unknown: Sequence[str], classes: Sequence[str], place: str) -> None:
    """Raises a DataError that names the unknown classes, if there are any.

    Args:
        unknown: classes that occur in the data, but not in the model.
        classes: the class names of the model.
        place: the file, for messages.
    """
    if unknown:
        what = "the class" if len(unknown) == 1 else "the classes"
        raise DataError(
            f"{place}: this model does not know {what} {some_names(unknown)}; "
            f"it was trained on {some_names(classes)}"
        )
