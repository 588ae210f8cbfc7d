"""Training samples for display, as read or augmented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from nnkit.data import augment
from nnkit.data.dataset import Array, Column
from nnkit.errors import DataError, UsageError
from nnkit.inspection.sheet import Sheet, columns_in, pictures_of
from nnkit.random import generator
from nnkit.task.config import Config
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task

COLUMNS = 10  # columns of a sheet without augmentation


@dataclass(frozen=True, slots=True)
class SampleView:
    """Training samples for display.

    Attributes:
        indices: the samples' indices in the training set, from 0.
        targets: the target of each sample in words.
        inputs: the samples as read (n, *shape).
        label: name of the targets.
        columns: the names of a table's columns; empty for other data.
        rows: the cells of a table, None where one is empty; empty for other data.
        changed: each sample, preprocessed, followed by its augmented versions,
            (n, 1 + versions, C, H, W); None if not requested.
    """

    indices: tuple[int, ...]
    targets: tuple[str, ...]
    inputs: Array
    label: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[float | str | None, ...], ...] = ()
    changed: Array | None = None

    def sheet(self, width: int | None = None) -> Sheet:
        """The samples as pictures, in rows that fit into `width` characters of a terminal.

        Bytes are shown unchanged; other values are scaled from the samples' minimum and maximum.

        Raises:
            DataError: the samples are not pictures.
        """
        if self.inputs.ndim not in (3, 4):
            raise DataError(f"samples of shape {self.inputs.shape[1:]} are not pictures")
        captions = [f"{i}: {t}" for i, t in zip(self.indices, self.targets, strict=True)]
        versions = self.inputs[:, None] if self.changed is None else self.changed
        originals = versions[:, 0]
        bounds = (0, 255) if originals.dtype == np.uint8 else (originals.min(), originals.max())
        most = COLUMNS if self.changed is None else versions.shape[1]
        columns = most if width is None else min(most, columns_in(width, versions.shape[-1]))
        if self.changed is not None:
            versions = versions[:, :columns]
            captions = [text for caption in captions for text in (caption, *[""] * (columns - 1))]
        return Sheet(pictures_of(np.concatenate(versions), *bounds), captions, columns)

    def summary(self) -> dict[str, Any]:
        """The samples, ready for JSON; for a table, with the values of its cells."""
        found: list[dict[str, Any]] = [
            {"sample": i, "target": target}
            for i, target in zip(self.indices, self.targets, strict=True)
        ]
        for sample, row in zip(found, self.rows, strict=False):
            sample["inputs"] = dict(zip(self.columns, row, strict=True))
        return {"shape": list(self.inputs.shape[1:]), "samples": found}


def show_samples(
    config: Config, indices: Sequence[int] = (), count: int = 10, versions: int = 0
) -> SampleView:
    """Returns training samples of a config, with augmented versions if requested.

    Args:
        config: the config, whose data and augmentation are used.
        indices: indices of samples in the training set, from 0; default: evenly spaced ones,
            because many files are sorted by class.
        count: the number of samples, if `indices` is empty.
        versions: the number of augmented versions of each.

    Raises:
        UsageError: a sample does not exist, or the config has no augmentation.
        ConfigError: the augmentation does not fit the data.
        DataError: the data is missing or damaged.
    """
    if versions and not config.data.augment:
        raise UsageError(
            "data.augment is empty; try --set data.augment='[{rotate: 10}, {shift: 2}]'"
        )
    with config.locating():
        task = load_task(config)
        if versions:
            augment.check(config.data.augment, task.input_shape)
    train, dataset = task.sets["train"], task.dataset
    chosen = np.array(indices) if indices else _spread(count, len(train))
    for index in chosen:
        if not 0 <= index < len(train):
            raise UsageError(
                f"there is no sample {index}; samples of the training set are numbered "
                f"0 to {len(train) - 1:,}"
            )
    inputs, columns = np.asarray(train.inputs[chosen]), dataset.columns
    if inputs.ndim == 2 and not columns:
        columns = tuple(Column(str(i)) for i in range(inputs.shape[1]))
    return SampleView(
        indices=tuple(chosen.tolist()),
        targets=tuple(_in_words(target, dataset.classes) for target in train.targets[chosen]),
        inputs=inputs,
        label=dataset.label or "target",
        columns=tuple(column.name for column in columns),
        rows=tuple(tuple(map(_cell, row, columns)) for row in inputs) if columns else (),
        changed=_changed(task, inputs, versions) if versions else None,
    )


def _spread(count: int, samples: int) -> Array:
    count = min(count, samples)
    return np.arange(count) * samples // count


def _changed(task: Task, inputs: Array, versions: int) -> Array:
    """The samples and their augmented versions, drawn as in the first batch of each epoch."""
    seed, chosen = task.config.seed, task.config.data.augment
    plain = task.preprocessor(inputs, task.dtype)
    found = [plain]
    for epoch in range(versions):
        X = plain.copy()
        draws = [generator(seed, f"augment/{i}", epoch, 0) for i in range(len(chosen))]
        augment.augment(X, chosen, draws)
        found.append(X)
    return np.stack(found, axis=1)


def _in_words(target: Array, classes: Sequence[str] | None) -> str:
    if classes is not None:
        return classes[int(target)]
    return ", ".join(f"{value:.4g}" for value in np.ravel(target))


def _cell(value: float, column: Column) -> float | str | None:
    if isnan(value):
        return None
    return column.categories[int(value)] if column.categories else float(value)
