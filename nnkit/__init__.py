"""nnkit trains neural networks from YAML, on NumPy alone.

config = nnkit.load_config("configs/mnist-mlp.yaml", ["training.epochs=2"])
run = nnkit.train(config)
run.load().predict(images)                              # samples first: (n, 1, 28, 28)
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
    from nnkit.training.config import Config, load_config
    from nnkit.training.dry_run import dry_run
    from nnkit.training.gradcheck import check_gradients
    from nnkit.training.listeners import Listener
    from nnkit.training.lr_find import RangeTest, find_lr
    from nnkit.training.report import Report
    from nnkit.training.run import Run, train
    from nnkit.training.task import build_model, check_data
    from nnkit.training.trace import Trace, trace, trace_checkpoint
    from nnkit.training.trained import TrainedModel, load_checkpoint

__all__ = [
    "CheckpointError",
    "Config",
    "ConfigError",
    "DataError",
    "DivergedError",
    "GateError",
    "Listener",
    "NnkitError",
    "RangeTest",
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
    "trace",
    "trace_checkpoint",
    "train",
]

# Imported at first use, so that `nnkit --help` does not wait for NumPy.
_HOMES = {
    "nnkit.errors": [name for name in __all__ if name.endswith("Error")],
    "nnkit.training.config": ["Config", "load_config"],
    "nnkit.training.dry_run": ["dry_run"],
    "nnkit.training.gradcheck": ["check_gradients"],
    "nnkit.training.listeners": ["Listener"],
    "nnkit.training.lr_find": ["RangeTest", "find_lr"],
    "nnkit.training.report": ["Report"],
    "nnkit.training.run": ["Run", "train"],
    "nnkit.training.task": ["build_model", "check_data"],
    "nnkit.training.trace": ["Trace", "trace", "trace_checkpoint"],
    "nnkit.training.trained": ["TrainedModel", "load_checkpoint"],
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'nnkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, for tab completion, whether or not they were imported yet."""
    return sorted(__all__)
