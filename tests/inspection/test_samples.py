"""Tests of displayed samples: from the training set, augmented as in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.errors import ConfigError, DataError, UsageError
from nnkit.inspection.samples import show_samples
from nnkit.random import generator
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from tests.training.configs import batches_of, diabetes, iris, trainer_for

WHOLE = {"test": 0, "validation": 0}


def pictures(folder: Path, **data: Any) -> Config:
    """Creates twenty pictures with two channels, in batches of eight."""
    rng = generator(0, "pictures")
    inputs, targets = rng.random((20, 2, 6, 7)), rng.integers(3, size=20)
    np.savez(folder / "pictures.npz", inputs=inputs, targets=targets)
    return config_from(
        {
            "data": {
                "source": {"kind": "npz", "path": str(folder / "pictures.npz")},
                "split": WHOLE,
                **data,
            },
            "architecture": {"layers": ["flatten", {"dense": 3}]},
            "training": {"batch_size": 8},
        }
    )


def test_some_are_spread_over_the_training_set() -> None:
    shown = show_samples(iris(), count=4)
    train = load_task(iris()).sets["train"]
    assert shown.indices[0] == 0
    assert shown.indices[-1] > len(train) / 2
    np.testing.assert_array_equal(shown.inputs, train.inputs[np.array(shown.indices)])
    assert len(show_samples(iris(), count=10**6).indices) == len(train)


def test_rows_of_a_table_in_words() -> None:
    shown = show_samples(iris(), [3])
    assert shown.label == "species"
    assert shown.targets == ("setosa",)
    assert shown.columns == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    assert shown.rows == (tuple(shown.inputs[0]),)
    assert shown.summary()["samples"][0]["inputs"]["petal_width"] == shown.inputs[0, 3]
    assert float(show_samples(diabetes(), [0]).targets[0]) > 0


def test_words_and_gaps_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("colour,size,y\n" + "red,,1.5\nblue,2,0.5\n" * 5)
    source = {"kind": "csv", "path": str(tmp_path / "t.csv"), "label": "y", "task": "regression"}
    data = {"source": source, "split": WHOLE, "preprocess": ["impute", "one_hot"]}
    shown = show_samples(iris(data=data, loss="squared_error"), [0, 1])
    assert shown.rows == (("red", None), ("blue", 2.0))
    assert shown.targets == ("1.5", "0.5")


def test_versions_are_what_training_would_see(tmp_path: Path) -> None:
    """Compares the first batch of each epoch with the versions of its samples."""
    config = pictures(tmp_path, augment=["elastic", "noise"], preprocess=["standardize"])
    batches = batches_of(trainer_for(config))
    for epoch in range(2):
        first = batches.order(epoch)[:8].tolist()
        shown = show_samples(config, first, versions=2)
        assert shown.changed is not None
        seen = np.moveaxis(next(batches.epoch(epoch)).X, -1, 0)
        np.testing.assert_array_equal(shown.changed[:, 1 + epoch], seen)
        np.testing.assert_array_equal(shown.changed[:, 0], np.asarray(batches.inputs)[first])


def test_a_row_of_the_sheet_is_a_sample_and_its_versions(tmp_path: Path) -> None:
    config = pictures(tmp_path, augment=["rotate"])
    shown = show_samples(config, count=3, versions=4)
    assert (len(shown.sheet().pictures), shown.sheet().columns) == (15, 5)
    narrow = shown.sheet(width=16)
    assert (len(narrow.pictures), narrow.columns) == (9, 3)
    named = [f"{i}: {t}" for i, t in zip(shown.indices, shown.targets, strict=True)]
    assert list(narrow.captions) == [text for name in named for text in (name, "", "")]
    assert len(show_samples(config).sheet().pictures) == 10


def test_what_can_not_be_shown(tmp_path: Path) -> None:
    config = pictures(tmp_path)
    for index in (-1, 20):
        with pytest.raises(UsageError, match=f"no sample {index}; .* numbered 0 to 19"):
            show_samples(config, [0, index])
    with pytest.raises(UsageError, match=r"data\.augment is empty"):
        show_samples(config, versions=3)
    with pytest.raises(ConfigError, match="changes images"):
        show_samples(iris(data={"augment": ["noise"]}), versions=3)
    with pytest.raises(DataError, match="not pictures"):
        show_samples(iris()).sheet()
