"""The parts of a starter config that depend on the samples and targets of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnkit.data.dataset import Dataset, chunks
from nnkit.data.sources.source import Source
from nnkit.errors import DataError, SettingError
from nnkit.task.starters.rendering import comment, counted
from nnkit.task.starters.starter_network import suitable_network
from nnkit.task.starters.target_range import wide_range

FEWEST_TO_SPLIT = 20  # samples; with fewer, a tenth of them is too small a validation set


def outline(source: Source) -> Dataset:
    """The data of a source, perhaps without inputs.

    Raises:
        DataError: the data is missing or not valid.
    """
    try:
        return source.outline()
    except SettingError as error:
        raise DataError(error.message) from None


def dataset_parts(dataset: Dataset) -> dict[str, Any]:
    """The parts of a template that depend on the number of samples and the targets."""
    classes = None if dataset.classes is None else len(dataset.classes)
    network = suitable_network(len(dataset.samples))
    scaled = not (classes or _is_yes_or_no(dataset))
    loss = "squared_error" if scaled else "cross_entropy" if classes else "binary_cross_entropy"
    return {
        "split": _split(dataset, network.validation),
        "target": _scaling(dataset) if scaled else "",
        "task": task_in_words(dataset),
        "hidden": network.hidden,
        "outputs": classes or int(dataset.samples.targets.shape[1]),
        "loss": loss,
        "optimizer": network.optimizer,
        "regularization": network.regularization,
        "training": network.training,
    }


def _split(dataset: Dataset, validation: float) -> str:
    """The setting `split`, with a comment."""
    few = "too few samples for a validation set"
    if dataset.test is not None and dataset.validation is not None:
        return "{}  # the validation and the test set are the data's own"
    if dataset.validation is not None:
        return "{test: 0.2}  # for the final evaluation; the validation set is the data's own"
    if dataset.test is not None:
        monitored = "for monitoring" if validation else few
        return f"{{validation: {validation}}}  # {monitored}; the test set is the data's own"
    if len(dataset.samples) < FEWEST_TO_SPLIT:
        return "{validation: 0, test: 0}  # too few rows to hold out"
    reason = "for monitoring, and for the final evaluation" if validation else few
    return f"{{validation: {validation}, test: 0.2}}  # {reason}"


def _scaling(dataset: Dataset) -> str:
    """The setting `target` for numbers, with comments."""
    lines = [line for remark in range_remarks(dataset) for line in comment(remark, 2)]
    return "\n".join([*lines, "  target: standardize  # undone in predictions and metrics\n"])


def range_remarks(dataset: Dataset) -> Sequence[str]:
    """A remark on targets that span many orders of magnitude; nothing on others."""
    if dataset.classes is not None or (found := wide_range(dataset.samples.targets[:])) is None:
        return ()
    what = f"label '{dataset.label}' ranges" if dataset.label else "the targets range"
    remark = (
        f"{what} {found}, so that the largest decide the fit; if errors matter in proportion, try "
        "target: log instead of standardize, and compare"
    )
    return (remark,)


def targets_in_words(dataset: Dataset) -> str:
    """A remark on what the targets of pictures or arrays are taken for."""
    if dataset.classes is None:
        return f"targets: taken as {counted(int(dataset.samples.targets.shape[1]), 'number')}"
    names = ", ".join(dataset.classes[:10]) + (", …" if len(dataset.classes) > 10 else "")
    return f"targets: taken as {len(dataset.classes):,} classes: {names}"


def task_in_words(dataset: Dataset) -> str:
    """Describes in words what is to be predicted."""
    if dataset.classes is not None:
        return f"{len(dataset.classes)} classes"
    outputs = int(dataset.samples.targets.shape[1])
    if outputs == 1:
        return "a number"
    return f"{outputs} yes/no labels" if _is_yes_or_no(dataset) else f"{outputs} numbers"


def _is_yes_or_no(dataset: Dataset) -> bool:
    """Whether there are several targets, all of them 0 or 1, or all of them ±1."""
    targets = dataset.samples.targets
    if dataset.classes is not None or targets.shape[1] == 1:
        return False
    return any(
        all(bool(((part == no) | (part == 1)).all()) for part in chunks(targets)) for no in (0, -1)
    )
