"""nnkit trains neural networks from YAML, on NumPy alone.

config = nnkit.load_config("configs/mnist-mlp.yaml", ["training.epochs=2"])
run = nnkit.train(config)
run.load().predict(images)                              # sample axis first: (n, 1, 28, 28)
nnkit.load_checkpoint("mnist-mlp").predict(images)      # by the run's name
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnkit.version import __version__

if TYPE_CHECKING:
    from nnkit.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        DivergedError,
        GateError,
        NnkitError,
        UsageError,
    )
    from nnkit.inference.report import Report
    from nnkit.inference.saving import load_checkpoint
    from nnkit.inference.trained_model import TrainedModel
    from nnkit.inspection.dry_run import dry_run
    from nnkit.inspection.gradient_check import check_gradients
    from nnkit.inspection.lr_finder import RangeTest, find_lr
    from nnkit.inspection.trace import Trace, trace, trace_checkpoint
    from nnkit.ranks import MPIRanks, Ranks
    from nnkit.reading import pretrained
    from nnkit.reading.reader import read_digits
    from nnkit.task.config import Config, load_config
    from nnkit.task.task import build_model, check_data
    from nnkit.training.listeners import Listener
    from nnkit.training.run import Run, train

__all__ = [
    "CheckpointError",
    "Config",
    "ConfigError",
    "DataError",
    "DivergedError",
    "GateError",
    "Listener",
    "MPIRanks",
    "NnkitError",
    "RangeTest",
    "Ranks",
    "Report",
    "Run",
    "Trace",
    "TrainedModel",
    "UsageError",
    "__version__",
    "build_model",
    "check_data",
    "check_gradients",
    "dry_run",
    "find_lr",
    "load_checkpoint",
    "load_config",
    "pretrained",
    "read_digits",
    "trace",
    "trace_checkpoint",
    "train",
]

# Imported at first use, so that `nnkit --help` does not wait for NumPy.
_HOMES = {
    "nnkit.errors": [name for name in __all__ if name.endswith("Error")],
    "nnkit.task.config": ["Config", "load_config"],
    "nnkit.ranks": ["MPIRanks", "Ranks"],
    "nnkit.inspection.dry_run": ["dry_run"],
    "nnkit.inspection.gradient_check": ["check_gradients"],
    "nnkit.reading.reader": ["read_digits"],
    "nnkit.training.listeners": ["Listener"],
    "nnkit.inspection.lr_finder": ["RangeTest", "find_lr"],
    "nnkit.inference.report": ["Report"],
    "nnkit.training.run": ["Run", "train"],
    "nnkit.task.task": ["build_model", "check_data"],
    "nnkit.inspection.trace": ["Trace", "trace", "trace_checkpoint"],
    "nnkit.inference.saving": ["load_checkpoint"],
    "nnkit.inference.trained_model": ["TrainedModel"],
}


def __getattr__(name: str) -> Any:
    if name == "pretrained":  # the pretrained networks: nnkit.pretrained.DIGITS
        return import_module("nnkit.reading.pretrained")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'nnkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, for tab completion, including those not imported yet."""
    return sorted(__all__)
