"""Trains many small networks, alone or as one of several MPI processes, and writes their results.

python -m tests.training.ranked_runs DATA RUNS [NAME …]
mpiexec -n 3 python -m mpi4py -m tests.training.ranked_runs DATA RUNS [NAME …]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import nnkit
from nnkit.launcher import launched
from nnkit.ranks import ALONE, MPIRanks, Ranks
from nnkit.runs.directory import RunDirectory
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from

SAMPLES, HELD_OUT = 60, 10  # 50 for training: the last of 4 batches has 2, fewer than three ranks

CONV: list[Any] = [{"conv": {"filters": 4, "kernel": 3}}, {"max_pool": 2}]
HIDDEN: list[Any] = ["flatten", {"dense": 12}]

# Sections of a config by name, beside those of `config_of`.
CASES: dict[str, dict[str, Any]] = {
    "dense": {"layers": HIDDEN},
    "conv": {"layers": [*CONV, *HIDDEN]},
    "micro-batches": {
        "layers": [*CONV, {"dropout": 0.3}, *HIDDEN, {"noise": 0.1}],
        "training": {"batch_size": 40, "threads": 2},
    },
    "batch norm": {"layers": [CONV[0], "batch_norm", *HIDDEN, "batch_norm"]},
    "residual": {
        "layers": [
            CONV[0],
            {"residual": [{"conv": {"filters": 4, "kernel": 3, "padding": "same"}}, "batch_norm"]},
            *HIDDEN,
        ]
    },
    "dropout": {"layers": [*HIDDEN, {"dropout": 0.4}], "regularization": {"input_noise": 0.1}},
    "weight noise": {"layers": HIDDEN, "regularization": {"weight_noise": 0.05}},
    "augmentation": {
        "layers": HIDDEN,
        "data": {"augment": [{"shift": 1}, "elastic", {"rotate": 20}, "erase", {"noise": 0.1}]},
    },
    "weights": {
        "layers": HIDDEN,
        "data": {"weights": True},
        "loss": {"kind": "cross_entropy", "class_weights": "balanced"},
    },
    "accumulate": {"layers": [CONV[0], "batch_norm", *HIDDEN], "training": {"accumulate": 3}},
    "penalties and clipping": {
        "layers": HIDDEN,
        "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "clip": {"norm": 0.5}},
        "regularization": {"l1": 0.001, "l2": 0.01, "max_norm": 1.0},
    },
    "lbfgs": {
        "layers": HIDDEN,
        "optimizer": "lbfgs",
        "training": {"steps": 6, "epochs": None, "batch_size": None},
    },
    "early stopping": {
        "layers": HIDDEN,
        "optimizer": {"kind": "adam", "lr": 0.3, "schedule": {"kind": "plateau", "patience": 1}},
        "regularization": {"early_stopping": {"patience": 2}},
        "training": {"epochs": 12},
    },
    "ema": {"layers": HIDDEN, "training": {"averaging": {"ema": 0.8}}},
    "swa": {"layers": HIDDEN, "training": {"averaging": {"swa": 0.25}}},
}


def write_data(folder: Path) -> None:
    """Writes images of 8 × 8 pixels, their three classes, and weights of the samples."""
    rng = np.random.default_rng(0)
    targets = rng.choice(3, SAMPLES, p=[0.5, 0.3, 0.2])
    inputs = rng.normal(size=(SAMPLES, 1, 8, 8)) + targets[:, None, None, None] / 2
    weights = rng.choice([0.0, 1.0, 2.5], SAMPLES)
    np.savez(folder / "data.npz", inputs=inputs, targets=targets, weights=weights)


def config_of(name: str, folder: Path) -> Config:
    """The config of a case, for the data in a folder."""
    case = dict(CASES[name])
    data = dict(case.pop("data", {}))
    source = {"kind": "npz", "path": str(folder / "data.npz")}
    if data.pop("weights", False):
        source["weights"] = "weights"
    training = {"epochs": 2, "batch_size": 16, "precision": "float64", **case.pop("training", {})}
    training = {key: value for key, value in training.items() if value is not None}
    layers = [*case.pop("layers"), {"dense": 3}]
    return config_from(
        {
            "name": name.replace(" ", "-"),
            "data": {"source": source, "split": {"validation": HELD_OUT, "test": 0}, **data},
            "architecture": {"layers": layers},
            "training": {"metrics": ["roc_auc"], **training},
            **case,
        }
    )


def run_all(names: list[str], folder: Path, runs: Path, ranks: Ranks = ALONE) -> None:
    """Trains cases; the first rank writes parameters, running state and metrics of each."""
    for name in names:
        run = nnkit.train(config_of(name, folder), runs=runs, ranks=ranks)
        if ranks.is_first:
            write_result(run, runs / f"{name}.npz")


def write_result(run: nnkit.Run, path: Path) -> None:
    """Writes what must be the same for any number of ranks."""
    model = run.load().model
    records = [
        [value for key, value in record.items() if key != "samples_per_second"]
        for record in RunDirectory(run.directory).read_metrics()
    ]
    np.savez(path, params=model.params, state=model.state, records=np.array(records))


if __name__ == "__main__":
    data, to, *chosen = sys.argv[1:]
    own = ALONE
    if launched():
        from mpi4py import MPI

        own = MPIRanks(MPI.COMM_WORLD)
    run_all(chosen or list(CASES), Path(data), Path(to), own)
