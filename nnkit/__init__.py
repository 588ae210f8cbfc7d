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
    from nnkit.errors import NnkitError
    from nnkit.training.config import Config, load_config
    from nnkit.training.run import Listener, Run, train
    from nnkit.training.task import build_model
    from nnkit.training.trained import TrainedModel, load_checkpoint

__all__ = [
    "Config",
    "Listener",
    "NnkitError",
    "Run",
    "TrainedModel",
    "__version__",
    "build_model",
    "load_checkpoint",
    "load_config",
    "train",
]

# Imported at first use, so that `nnkit --help` does not wait for NumPy.
_HOMES = {
    "Config": "nnkit.training.config",
    "Listener": "nnkit.training.run",
    "NnkitError": "nnkit.errors",
    "Run": "nnkit.training.run",
    "TrainedModel": "nnkit.training.trained",
    "build_model": "nnkit.training.task",
    "load_checkpoint": "nnkit.training.trained",
    "load_config": "nnkit.training.config",
    "train": "nnkit.training.run",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nnkit' has no attribute '{name}'")
