"""A description of a data set, by which users can check that it was read as intended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnkit.data.dataset import Array, Dataset, Samples, chunks, class_counts
from nnkit.data.lazy import LazyArray
from nnkit.data.tables.column_report import ColumnReport
from nnkit.data.texts import is_text


def describe_data(
    dataset: Dataset,
    sets: Mapping[str, Samples],
    input_shape: tuple[int | None, ...],
    columns: Sequence[ColumnReport] = (),
) -> dict[str, Any]:
    """Describes shapes, classes, missing values and the size of each set, ready for JSON.

    Args:
        dataset: the data as loaded.
        sets: the sets after splitting.
        input_shape: shape of one preprocessed sample; None for the number of symbols of a text.
        columns: what each column of a table contains.
    """
    classes = dataset.classes
    name = f"'{dataset.label}', " if dataset.label else ""
    return {
        "raw_shape": list(dataset.input_shape),
        "input_shape": list(input_shape),
        "target": name + _target_kind(dataset),
        "classes": list(classes) if classes else None,
        "missing": sum(_missing(samples.inputs) for samples in sets.values()),
        "columns": [column.record() for column in columns],
        "bytes": sum(samples.inputs.nbytes for samples in sets.values()),
        "sets": {
            name: {
                "samples": len(samples),
                "per_class": class_counts(samples.targets, len(classes)).tolist()
                if classes
                else None,
            }
            for name, samples in sets.items()
        },
    }


def _target_kind(dataset: Dataset) -> str:
    if dataset.classes:
        return f"{len(dataset.classes)} classes"
    targets = dataset.samples.targets
    return "texts" if is_text(targets) else f"{targets.shape[1]} real number(s)"


def _missing(inputs: Array | LazyArray) -> int:
    if inputs.dtype.kind != "f":
        return 0
    return sum(int(np.isnan(part).sum()) for part in chunks(inputs))
