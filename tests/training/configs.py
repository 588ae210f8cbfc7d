"""Configs to train by, on the tables that lie in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import Pegasos
from nnkit.random import generator
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import Config, config_from
from nnkit.task.task import load_task
from nnkit.training.trainer import Trainer

TABLES = Path(__file__).parents[2] / "data" / "tables"

IRIS: dict[str, Any] = {
    "name": "iris",
    "data": {
        "source": {"kind": "csv", "path": str(TABLES / "iris.csv"), "label": "species"},
        "preprocess": ["standardize"],
    },
    "architecture": {"layers": [{"dense": 8}, {"dense": 3}]},
    "training": {"epochs": 3, "batch_size": 16},
}

DIABETES: dict[str, Any] = {
    "name": "diabetes",
    "data": {
        "source": {"kind": "csv", "path": str(TABLES / "diabetes.csv"), "task": "regression"},
        "preprocess": ["standardize"],
    },
    "architecture": {"layers": [{"dense": 8}, {"dense": 1}]},
    "loss": "squared_error",
    "training": {"epochs": 3},
}


def trainer_for(config: Config, runs: Path = DEFAULT_RUNS) -> Trainer:
    """The trainer of a config, its data loaded, before the first step."""
    return Trainer(load_task(config), runs)


def iris(**sections: Any) -> Config:
    """Three classes of flowers; a section given is laid over the usual one."""
    return config_from(laid_over(IRIS, sections))


def optimized(optimizer: Optimizer, **sections: Any) -> Config:
    """Flowers again, by any optimizer: with what it wants of other sections."""
    base = {**IRIS, "training": {"epochs": 3}, "optimizer": optimizer.model_dump()}
    if isinstance(optimizer, Pegasos):
        base["regularization"] = {"l2": optimizer.strength}
    return config_from(laid_over(base, sections))


def diabetes(**sections: Any) -> Config:
    """A number to predict."""
    return config_from(laid_over(DIABETES, sections))


def pictures(folder: Path, **sections: Any) -> Config:
    """Small coloured pictures, two short epochs of them."""
    rng = generator(0, "pictures")
    path = folder / "pictures.npz"
    np.savez(path, inputs=rng.random((64, 3, 6, 7)), targets=rng.integers(3, size=64))
    base: dict[str, Any] = {
        "data": {"source": {"kind": "npz", "path": str(path)}},
        "architecture": {"layers": ["flatten", {"dense": 3}]},
        "training": {"epochs": 2, "batch_size": 16},
    }
    return config_from(laid_over(base, sections))


def laid_over(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Mappings key by key, everything else replaced."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = laid_over(base[key], value) if both else value
    return merged
