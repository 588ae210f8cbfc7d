"""Traces of one training step on one sample: all numbers of forward, backward and update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnkit.data.batches import Batch
from nnkit.errors import DataError, UsageError
from nnkit.inference.saving import load_checkpoint
from nnkit.inspection.layer_trace import LayerTrace, traces_of_layers
from nnkit.inspection.step_recorder import StepRecorder
from nnkit.nn.loss import Loss
from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.nn.seq2seq.seq2seq_network import Seq2SeqNetwork
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import Config
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.prepared_set import PreparedSet, pass_of
from nnkit.task.targets import SequenceTargets
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer

MOST = 1000  # parameters of the largest network whose trace is readable


@dataclass(frozen=True, slots=True)
class Trace:
    """A training step on one sample.

    Attributes:
        config: the network's config.
        origin: where the parameters come from, such as `initial weights`.
        split: the set that contains the sample.
        sample: index of the sample in that set.
        label: the sample's target as in the data.
        target: the sample's target, encoded for the loss; class numbers if it is a sequence.
        symbols: the symbols of a target that is a sequence; empty for others.
        losses: the loss at each position of such a target, whose mean is E; empty for others.
        layers: the layers from the input to the output.
        loss: E before the update.
        loss_after: E of the same sample after the update.
        lr: the learning rate of the first step.
    """

    config: Config
    origin: str
    split: str
    sample: int
    label: str
    target: Array
    symbols: Sequence[str]
    losses: Array
    layers: Sequence[LayerTrace]
    loss: float
    loss_after: float
    lr: float

    @property
    def fused(self) -> bool:
        """Whether the loss is computed from the logits, together with the output activation."""
        return self.layers[-1].output_gradient is None


def trace(
    config: ConfigLike, sample: int = 0, split: str = "train", *, force: bool = False
) -> Trace:
    """Takes the first training step of a config on one sample alone, in float64.

    Args:
        config: a config from `load_config`, or what it takes.
        sample: index of the sample in the set, from 0.
        split: `train`, `validation` or `test`.
        force: also trace a network whose trace is too long to be readable.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
        UsageError: there is no such sample, or the network is too large.
    """
    config = load_config(config)
    with config.locating():
        trainer = _trainer(config, force)
        return _trace(trainer, sample, split, "initial weights")


def trace_checkpoint(
    what: str | Path,
    sample: int,
    split: str = "train",
    runs: Path = DEFAULT_RUNS,
    *,
    force: bool = False,
) -> Trace:
    """Takes one training step on one sample from a checkpoint's parameters, in float64.

    Args:
        what: a checkpoint file, a run's folder, or a run's name.
        sample: index of the sample in the set, from 0.
        split: `train`, `validation` or `test`.
        runs: the folder in which run names are looked up.
        force: also trace a network whose trace is too long to be readable.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or not readable.
        DataError: the data is missing or has changed.
        UsageError: there is no such sample, or the network is too large.
    """
    trained = load_checkpoint(what, runs)
    with trained.config.locating():
        trainer = _trainer(trained.config, force)
        if trainer.task.fingerprint != trained.info["data"]:
            raise DataError("the data has changed since this model was trained")
        trainer.model.params[...] = trained.model.params
        trainer.model.state[...] = trained.model.state
        return _trace(trainer, sample, split, f"weights of {what}")


def _trainer(config: Config, force: bool) -> Trainer:
    training = config.training.model_copy(update={"precision": "float64"})
    task = load_task(config.model_copy(update={"training": training}))
    model = task.build_model()
    if any(stage.spec.needs_batch for stage in model.stages):
        raise UsageError(
            "batch normalization mixes the samples of a batch, so a single sample cannot be traced "
            "through it; use layer_norm instead"
        )
    units = sum(stage.output_form.least_size for stage in model.stages)
    for count, what in ((model.layout.size, "parameters"), (units, "units")):
        if count > MOST and not force:
            raise UsageError(
                f"this network has {count:,} {what}, but tracing is limited to {MOST:,}; "
                "use --force to trace it anyway"
            )
    return Trainer(task)


def _trace(trainer: Trainer, sample: int, split: str, origin: str) -> Trace:
    if split not in trainer.sets:
        raise UsageError(f"there is no {split} set; available: {', '.join(trainer.sets)}")
    chosen = trainer.sets[split]
    if not 0 <= sample < len(chosen):
        raise UsageError(
            f"there is no sample {sample}; samples of the {split} set are numbered "
            f"0 to {len(chosen) - 1}"
        )
    batch = chosen.batch(slice(sample, sample + 1))
    model, loop = trainer.model, trainer.loop
    now = pass_of(batch, training=True)
    with numerics():
        network = _network(model, batch)
        step = StepRecorder(network, model.stages)
        # With weight noise, gradients are computed at the noisy parameters, as in the loop.
        with loop.noisy.at(0) if loop.noisy is not None else nullcontext():
            observed = now._replace(observer=step)
            loss = network.training_loss(batch.X, batch.T, observed, batch.weights)
            network.backward(network.dY, observed)
        passed = set(network.layers)
        before, gradients = model.params.copy(), model.grads.copy()
        lr = loop.learning_rate(0)
        loop.step((batch,))
        after = model.params.copy()
        loss_after = network.training_loss(batch.X, batch.T, now, batch.weights)
    task, target = trainer.task, np.array(batch.T[..., 0])
    symbols = _target_symbols(chosen, target)
    Y = step.outputs[model.stages[-1].name]
    views = [model.layout.views(vector) for vector in (before, gradients, after)]
    return Trace(
        config=trainer.config,
        origin=origin,
        split=split,
        sample=sample,
        label=_label(task, chosen, sample, target),
        target=target,
        symbols=symbols,
        losses=_losses(model.loss, Y, batch.T) if symbols else np.zeros(0),
        layers=list(traces_of_layers(task, model, step, passed, views)),
        loss=loss,
        loss_after=loss_after,
        lr=lr,
    )


def _network(model: Model, batch: Batch) -> Network | Seq2SeqNetwork:
    """A network for the training step on a batch of one sample."""
    if isinstance(model, Seq2SeqModel):
        return model.new_network(training=True)
    form = model.input_form
    positions = form.positions_of(batch.X.shape[:-1])
    return model.bind(1, training=True, positions=positions, input_gradient=not form.ids)


def _label(task: Task, chosen: PreparedSet, sample: int, numbers: Array) -> str:
    """A target as in the data; `numbers` are the class numbers of one that is a sequence."""
    if task.coding is not None and task.coding.targets is not None:
        return task.coding.targets.decode(numbers)
    target = chosen.targets[sample : sample + 1][0]
    return str(target) if task.classes is None else task.classes[int(target)]


def _target_symbols(chosen: PreparedSet, target: Array) -> Sequence[str]:
    """The symbols of a target that is a sequence; empty for others."""
    if not isinstance(chosen.targets, SequenceTargets):
        return ()
    return [chosen.targets.names[number] for number in target]


def _losses(loss: Loss, Y: Array, T: Array) -> Array:
    """The loss at each position, (T,), for outputs Y (classes, T, 1) and class numbers T (T, 1)."""
    scratch = np.empty_like(Y[:, 0])
    return np.array([loss(Y[:, t], T[t], scratch) for t in range(len(T))])
