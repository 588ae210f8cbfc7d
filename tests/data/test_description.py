"""Tests of the description of a data set."""

from __future__ import annotations

import json

import numpy as np

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.description import describe_data


def test_classes_and_missing_values_are_counted() -> None:
    inputs = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    train, test = Samples(inputs, np.array([0, 1, 1])), Samples(inputs[:1], np.array([1]))
    dataset = Dataset(
        train, test, classes=("no", "yes", "maybe"), label="answer", notes=("a note",)
    )
    report = describe_data(dataset, {"train": train, "test": test}, (2,))
    assert json.loads(json.dumps(report)) == {
        "raw_shape": [2],
        "input_shape": [2],
        "target": "'answer', 3 classes",
        "classes": ["no", "yes", "maybe"],
        "notes": ["a note"],
        "missing": 4,
        "bytes": 64,
        "sets": {
            "train": {"samples": 3, "per_class": [1, 2, 0]},
            "test": {"samples": 1, "per_class": [0, 1, 0]},
        },
    }


def test_real_targets_have_no_classes() -> None:
    samples = Samples(np.zeros((4, 1, 2, 2), dtype=np.uint8), np.zeros((4, 3)))
    report = describe_data(Dataset(samples), {"train": samples}, (4,))
    assert report["target"] == "3 real number(s)"
    assert report["classes"] is None
    assert report["missing"] == 0
    assert report["sets"] == {"train": {"samples": 4, "per_class": None}}
