"""Configs for training on the tables in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnkit.data.batches import Batches
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers.sgd import Pegasos
from nnkit.random import generator
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
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
    """Returns the trainer of a config, with data loaded, before the first step."""
    return Trainer(load_task(config), runs)


def batches_of(trainer: Trainer) -> Batches:
    """Returns the batches of a training on images or vectors."""
    batches = trainer.loop.batches
    assert isinstance(batches, Batches)
    return batches


def iris(**sections: Any) -> Config:
    """Returns a config for iris (three classes); given sections are merged into it."""
    return config_from(laid_over(IRIS, sections))


def optimized(optimizer: Optimizer, **sections: Any) -> Config:
    """Returns a config for iris with an optimizer, and the sections that it requires."""
    base = {**IRIS, "training": {"epochs": 3}, "optimizer": optimizer.model_dump()}
    if isinstance(optimizer, Pegasos):
        base["regularization"] = {"l2": optimizer.strength}
    return config_from(laid_over(base, sections))


def diabetes(**sections: Any) -> Config:
    """Returns a regression config for the diabetes table."""
    return config_from(laid_over(DIABETES, sections))


def pictures(folder: Path, **sections: Any) -> Config:
    """Returns a config for two short epochs on small colour pictures."""
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
    """Merges mappings key by key, and replaces everything else."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = laid_over(base[key], value) if both else value
    return merged


def texts(folder: Path, **sections: Any) -> Config:
    """Returns a config for short texts with two classes; given sections are merged into it."""
    rng = generator(0, "test texts")
    words = ["".join(rng.choice([*"abcde"], size=rng.integers(1, 9))) for _ in range(60)]
    lines = [f"{word}\t{'vowel' if word[0] in 'ae' else 'consonant'}" for word in words]
    (folder / "words.tsv").write_text("\n".join(lines) + "\n")
    base = {
        "data": {
            "source": {"kind": "pairs", "path": str(folder / "words.tsv"), "targets": "class"},
        },
        "architecture": {"layers": [{"embedding": 4}, {"gru": 5}, {"dense": "auto"}]},
        "training": {"epochs": 2, "batch_size": 8},
    }
    return config_from(laid_over(base, sections))
