"""Small training runs on any data, for tests that need a complete run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "data"
PICTURES = sorted((DATA / "pictures").glob("[0-9][-.]*"))


def small_config(source: Any, outputs: int = 2, **data: Any) -> Config:
    """Returns a config for one epoch of a small network; `data` adds settings of `data:`."""
    flatten = [] if "csv" in str(source) else ["flatten"]
    return config_from(
        {
            "data": {"source": source, **data},
            "architecture": {"layers": [*flatten, {"dense": 4}, {"dense": outputs}]},
            "training": {"epochs": 1},
        }
    )


def train_digit_reader(runs: Path) -> nnkit.Run:
    """Trains 784-64-10 for two epochs on 5,000 MNIST images."""
    config = config_from(
        {
            "name": "digits",
            "data": {"source": "mnist", "split": {"validation": 55_000}, "preprocess": ["scale"]},
            "architecture": {"layers": ["flatten", {"dense": 64}, {"dense": 10}]},
            "optimizer": {"kind": "adam", "lr": 0.003},
            "training": {"epochs": 2, "evaluate_on": []},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNKIT_DATA", str(DATA))
        return nnkit.train(config, runs=runs)
