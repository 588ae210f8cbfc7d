"""A description of a data set, by which users can check that it was read as intended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.data.dataset import Array, Dataset, Samples, chunks, class_counts
from nnkit.data.lazy import LazyArray


def describe_data(
    dataset: Dataset, sets: Mapping[str, Samples], input_shape: tuple[int, ...]
) -> dict[str, Any]:
    """Describes shapes, classes, missing values and the size of each set, ready for JSON.

    Args:
        dataset: the data as loaded.
        sets: the sets after splitting.
        input_shape: shape of one preprocessed sample.
    """
    classes = dataset.classes
    name = f"'{dataset.label}', " if dataset.label else ""
    kind = f"{len(classes)} classes" if classes else f"{_outputs(dataset)} real number(s)"
    return {
        "raw_shape": list(dataset.input_shape),
        "input_shape": list(input_shape),
        "target": name + kind,
        "classes": list(classes) if classes else None,
        "notes": list(dataset.notes),
        "missing": sum(_missing(samples.inputs) for samples in sets.values()),
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


def _outputs(dataset: Dataset) -> int:
    return int(dataset.samples.targets.shape[1])


def _missing(inputs: Array | LazyArray) -> int:
    if inputs.dtype.kind != "f":
        return 0
    return sum(int(np.isnan(part).sum()) for part in chunks(inputs))
