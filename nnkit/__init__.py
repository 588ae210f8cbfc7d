"""nnkit trains neural networks from YAML, on NumPy and its own kernels in C.

run = nnkit.train("configs/mnist-mlp.yaml")             # a path, a mapping or a config
run.load().predict(images)                              # sample axis first: (n, 1, 28, 28)
nnkit.load_checkpoint("mnist-mlp").predict(images)      # by the run's name
nnkit.fit(X, y, "config.yaml")                          # arrays and data frames in memory
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnkit.version import __version__

if TYPE_CHECKING:
    from nnkit.data.dataset import Column, Dataset, Samples
    from nnkit.data.preprocessing.preprocessor import Preprocessor
    from nnkit.data.sources.source import TableRows
    from nnkit.decoding.beam import Beam
    from nnkit.decoding.greedy import Greedy
    from nnkit.decoding.sampling import Sampling
    from nnkit.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        DivergedError,
        GateError,
        NnkitError,
        UsageError,
    )
    from nnkit.inference.class_report import ClassReport
    from nnkit.inference.report import Report
    from nnkit.inference.saving import load_checkpoint
    from nnkit.inference.set_metrics import SetMetrics
    from nnkit.inference.text_writer import TextWriter, WrittenText
    from nnkit.inference.trained_model import TrainedModel
    from nnkit.inspection.dry_run import dry_run
    from nnkit.inspection.gradient_check import check_gradients
    from nnkit.inspection.layer_trace import LayerTrace
    from nnkit.inspection.lr_finder import RangeTest, find_lr
    from nnkit.inspection.step_recorder import StepsTrace
    from nnkit.inspection.trace import Trace, trace, trace_checkpoint
    from nnkit.nn.central_differences import BlockCheck
    from nnkit.nn.model import Model
    from nnkit.ranks import MPIRanks, Ranks
    from nnkit.reading import pretrained
    from nnkit.reading.reader import read_digits
    from nnkit.reading.result import Digit, Line, Reading
    from nnkit.reading.segmentation.stages import StageFiles, Stages
    from nnkit.task.config import Config
    from nnkit.task.config_loading import load_config
    from nnkit.task.data_check import check_data
    from nnkit.task.task_loading import build_model
    from nnkit.training.events import Evaluation, Step
    from nnkit.training.fit import fit
    from nnkit.training.listeners import Listener
    from nnkit.training.run import Run, train
    from nnkit.training.trainer import Trainer

__all__ = [
    "Beam",
    "BlockCheck",
    "CheckpointError",
    "ClassReport",
    "Column",
    "Config",
    "ConfigError",
    "DataError",
    "Dataset",
    "Digit",
    "DivergedError",
    "Evaluation",
    "GateError",
    "Greedy",
    "LayerTrace",
    "Line",
    "Listener",
    "MPIRanks",
    "Model",
    "NnkitError",
    "Preprocessor",
    "RangeTest",
    "Ranks",
    "Reading",
    "Report",
    "Run",
    "Samples",
    "Sampling",
    "SetMetrics",
    "StageFiles",
    "Stages",
    "Step",
    "StepsTrace",
    "TableRows",
    "TextWriter",
    "Trace",
    "TrainedModel",
    "Trainer",
    "UsageError",
    "WrittenText",
    "__version__",
    "build_model",
    "check_data",
    "check_gradients",
    "dry_run",
    "find_lr",
    "fit",
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
    "nnkit.data.dataset": ["Column", "Dataset", "Samples"],
    "nnkit.data.preprocessing.preprocessor": ["Preprocessor"],
    "nnkit.data.sources.source": ["TableRows"],
    "nnkit.decoding.beam": ["Beam"],
    "nnkit.decoding.greedy": ["Greedy"],
    "nnkit.decoding.sampling": ["Sampling"],
    "nnkit.errors": [name for name in __all__ if name.endswith("Error")],
    "nnkit.inference.class_report": ["ClassReport"],
    "nnkit.inference.report": ["Report"],
    "nnkit.inference.saving": ["load_checkpoint"],
    "nnkit.inference.set_metrics": ["SetMetrics"],
    "nnkit.inference.text_writer": ["TextWriter", "WrittenText"],
    "nnkit.inference.trained_model": ["TrainedModel"],
    "nnkit.inspection.dry_run": ["dry_run"],
    "nnkit.inspection.gradient_check": ["check_gradients"],
    "nnkit.inspection.lr_finder": ["RangeTest", "find_lr"],
    "nnkit.inspection.step_recorder": ["StepsTrace"],
    "nnkit.inspection.layer_trace": ["LayerTrace"],
    "nnkit.inspection.trace": ["Trace", "trace", "trace_checkpoint"],
    "nnkit.nn.central_differences": ["BlockCheck"],
    "nnkit.nn.model": ["Model"],
    "nnkit.ranks": ["MPIRanks", "Ranks"],
    "nnkit.reading.reader": ["read_digits"],
    "nnkit.reading.result": ["Digit", "Line", "Reading"],
    "nnkit.reading.segmentation.stages": ["StageFiles", "Stages"],
    "nnkit.task.config": ["Config"],
    "nnkit.task.config_loading": ["load_config"],
    "nnkit.task.data_check": ["check_data"],
    "nnkit.task.task_loading": ["build_model"],
    "nnkit.training.events": ["Evaluation", "Step"],
    "nnkit.training.fit": ["fit"],
    "nnkit.training.listeners": ["Listener"],
    "nnkit.training.run": ["Run", "train"],
    "nnkit.training.trainer": ["Trainer"],
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
