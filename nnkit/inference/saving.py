"""Trained models in checkpoints: what is saved, and how it is loaded."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnkit import blas
from nnkit.data.dataset import Column, names_of_targets
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import CheckpointError, NnkitError
from nnkit.inference.trained_model import TrainedModel
from nnkit.native.library import kernels
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState
from nnkit.runs.checkpoint import Checkpoint, encode_checkpoint, read_checkpoint, write_checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, find_checkpoint
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.model_factory import model_for
from nnkit.task.sequence_coding import SequenceCoding
from nnkit.task.task import Task
from nnkit.version import __version__


def load_checkpoint(what: str | Path, runs: Path = DEFAULT_RUNS) -> TrainedModel:
    """Loads a trained model.

    Args:
        what: a checkpoint file, a run's folder (its best checkpoint), or a run's name.
        runs: the folder in which run names are looked up.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or not readable.
    """
    return trained_from(read_checkpoint(find_checkpoint(str(what), runs)))


def trained_from(checkpoint: Checkpoint) -> TrainedModel:
    """Creates the trained model from a checkpoint.

    Raises:
        CheckpointError: the parts of the checkpoint do not fit together.
    """
    header = checkpoint.header
    try:
        config = config_from(_current(header["config"]))
        columns = tuple(Column(c["name"], tuple(c["categories"])) for c in header["columns"])
        classes = None if header["classes"] is None else tuple(header["classes"])
        coding = None
        if header.get("text") is not None:  # absent in checkpoints of earlier versions
            coding = SequenceCoding.from_record(header["text"], config.data.windows)
            classes = coding.target_names or classes
        model = _network(config, header, coding)
        copy_params(checkpoint, model)
        model.freeze()
        statistics: list[dict[str, Array]] = [{} for _ in config.data.preprocess]
        for name, array in checkpoint.part("preprocess").items():
            step, _, key = name.partition("/")
            statistics[int(step)][key] = array
        preprocessor = Preprocessor(config.data.preprocess, tuple(statistics), columns)
        scaling = config.data.target
        scaler = TargetScaler(scaling, checkpoint.part("target")) if scaling.scales else None
        if scaler is not None:
            scaler.undo(
                np.zeros((1, model.output_form.channels))
            )  # KeyError or ValueError if damaged
        raw_shape = tuple(header["raw_shape"])
        if coding is None:
            blank = preprocessor(np.zeros((1, *raw_shape)), model.dtype)
            if blank.shape[1:] != model.input_shape:
                raise ValueError(
                    "the output of the preprocessing does not match the input of the network"
                )
        outputs = model.output_form.channels
        if classes is not None and len(classes) != max(2, outputs):
            raise ValueError(f"{len(classes)} classes, but {outputs} outputs")
    except (KeyError, TypeError, ValueError, IndexError, NnkitError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{checkpoint.path}: its parts are inconsistent ({error})") from None
    return TrainedModel(model, config, preprocessor, classes, raw_shape, header, scaler, coding)


def _network(config: Config, header: Mapping[str, Any], coding: SequenceCoding | None) -> Model:
    """The network of a checkpoint, with initial weights."""
    form = Form.of(tuple(header["input_shape"])) if coding is None else coding.input_form
    outputs = header.get("outputs")  # absent in checkpoints of earlier versions
    with config.locating():
        return model_for(config, form, outputs, coding)


def save_threshold(path: Path, threshold: float) -> None:
    """Adds a decision threshold to a checkpoint."""
    checkpoint = read_checkpoint(path)
    header = {k: v for k, v in checkpoint.header.items() if k not in ("format", "sha256")}
    write_checkpoint(path, checkpoint.tensors, {**header, "threshold": threshold})


def _current(settings: dict[str, Any]) -> dict[str, Any]:
    """The config in a checkpoint, with what earlier versions of nnkit did not record.

    Every classifier of IDX images read the digits in pictures.
    """
    source = settings["data"]["source"]
    if source["kind"] != "idx" or "images" in source:
        return settings
    return {**settings, "data": {**settings["data"], "source": {**source, "images": "digits"}}}


def copy_params(checkpoint: Checkpoint, model: Model) -> None:
    """Copies parameters and running state from a checkpoint into the model, by name.

    Raises:
        CheckpointError: names or shapes differ.
    """
    for part, layout, flat in (
        ("params", model.layout, model.params),
        ("state", model.state_layout, model.state),
    ):
        saved, views = checkpoint.part(part), layout.views(flat)
        if {n: a.shape for n, a in saved.items()} != {n: v.shape for n, v in views.items()}:
            raise CheckpointError(
                "the parameters of the checkpoint do not match the network of its config"
            )
        for name, view in views.items():
            view[...] = saved[name]


def carried_in(tensors: Mapping[str, Array]) -> dict[str, LayerState]:
    """The states of recurrent layers in a checkpoint, which a stream goes on with."""
    found: dict[str, list[Array]] = {}
    for name in sorted(tensors, key=lambda name: int(name.rpartition("/")[2])):
        found.setdefault(name.rpartition("/")[0], []).append(tensors[name])
    return dict(found)


class Snapshot:
    """The state of training at one moment: a trained model, and what is needed to resume.

    Taking one copies a few vectors. Encoding it takes much longer, for a small network longer than
    an epoch, and not every snapshot is written.
    """

    def __init__(
        self,
        model: Model,
        task: Task,
        optimizer_state: Mapping[str, Array],
        info: Mapping[str, Any],
        carried: Mapping[str, LayerState] | None = None,
    ) -> None:
        """Copies what training will change.

        Args:
            model: the model, with its current parameters.
            task: provides config, preprocessing and classes.
            optimizer_state: the optimizer's vectors by name.
            info: further entries of the header.
            carried: the states of recurrent layers that the next batch of a stream begins with.
        """
        self.model, self.task, self.info = model, task, info
        self.params, self.state = model.params.copy(), model.state.copy()
        self.optimizer_state = {name: vector.copy() for name, vector in optimizer_state.items()}
        self.carried = dict(carried or {})  # each pass makes new arrays

    def encode(self) -> bytes:
        """The content of a checkpoint file."""
        return encode_checkpoint(self._tensors(), self._header())

    def _tensors(self) -> dict[str, Array]:
        model, task = self.model, self.task
        tensors = {f"params/{n}": v for n, v in model.layout.views(self.params).items()}
        tensors |= {f"state/{n}": v for n, v in model.state_layout.views(self.state).items()}
        tensors |= {f"optimizer/{name}": vector for name, vector in self.optimizer_state.items()}
        for i, statistics in enumerate(task.preprocessor.statistics):
            tensors |= {f"preprocess/{i}/{name}": array for name, array in statistics.items()}
        for name, vectors in self.carried.items():
            tensors |= {f"carried/{name}/{i}": vector for i, vector in enumerate(vectors)}
        if task.scaler is not None:
            tensors |= {f"target/{name}": array for name, array in task.scaler.statistics.items()}
        return tensors

    def _header(self) -> dict[str, Any]:
        model, task = self.model, self.task
        labels, label = task.target_kind == "labels", task.dataset.label
        return {
            "config": task.config.resolved(),
            "classes": task.sample_classes,
            "text": None if task.coding is None else task.coding.record(),
            "outputs": task.outputs,
            "labels": names_of_targets(task.dataset.label, model.output_form.channels)
            if labels
            else None,
            "columns": [{"name": c.name, "categories": c.categories} for c in task.dataset.columns],
            "raw_shape": task.dataset.input_shape,
            "input_shape": None if task.coding is not None else model.input_shape,
            "label": label,
            "threshold": task.threshold,
            "data": task.fingerprint,
            "versions": versions(),
            **self.info,
        }


def versions() -> dict[str, str]:
    """The versions, kernels and processor that affect the exact bits of training."""
    return {
        "nnkit": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "blas": blas.kernels(),
        "kernels": kernels(),
    }
