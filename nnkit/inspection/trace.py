"""Traces of one training step on one sample: all numbers of forward, backward and update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnkit.errors import DataError, UsageError
from nnkit.inference.saving import load_checkpoint
from nnkit.nn.layer import Activation, LayerSpec, Stage
from nnkit.nn.network import Network
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass, Recorder
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import Config, ConfigLike, load_config
from nnkit.task.task import load_task
from nnkit.training.trainer import Trainer

MOST = 1000  # parameters of the largest network whose trace is readable


@dataclass(frozen=True, slots=True)
class ParameterTrace:
    """A parameter array before the update, its gradient ∂E/∂p, and the array after the update."""

    value: Array
    gradient: Array
    updated: Array


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """A layer in one training step, without the batch axis.

    Attributes:
        name: full name, such as `layers.0`.
        spec: the layer.
        input: the layer's input x; z for an activation.
        output: the layer's output z; a for an activation.
        output_gradient: ∂E/∂output; δ for a layer with weights. None for an output activation that
            is fused with the loss, whose gradient bypasses it, and for a layer below which nothing
            is trained.
        input_gradient: ∂E/∂input; None if the gradient of the loss bypasses the layer.
        slope: the derivative f′(z) of an elementwise activation.
        inside: arrays behind the output by symbol, such as the gates of all steps of an LSTM.
        inside_gradients: the gradients of the loss with respect to these.
        parameters: the parameters by short name, such as `W`.
    """

    name: str
    spec: LayerSpec
    input: Array
    output: Array
    output_gradient: Array | None
    input_gradient: Array | None
    slope: Array | None
    inside: Mapping[str, Array]
    inside_gradients: Mapping[str, Array]
    parameters: Mapping[str, ParameterTrace]


@dataclass(frozen=True, slots=True)
class Trace:
    """A training step on one sample.

    Attributes:
        config: the network's config.
        origin: where the parameters come from, such as `initial weights`.
        split: the set that contains the sample.
        sample: index of the sample in that set.
        label: the sample's target as in the data.
        target: the sample's target, encoded for the loss.
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
    one = slice(sample, sample + 1)
    batch = chosen.batch(one)
    model, loop = trainer.model, trainer.loop
    with numerics():
        network = model.bind(
            1,
            training=True,
            positions=model.input_form.positions_of(batch.X.shape[:-1]),
            input_gradient=not model.input_form.ids,
        )
        step = _StepRecorder(network, model.stages)
        now = Pass(observer=step)
        # With weight noise, gradients are computed at the noisy parameters, as in the loop.
        with loop.noisy.at(0) if loop.noisy is not None else nullcontext():
            loss = network.training_loss(batch.X, batch.T, now, batch.weights)
            dX = network.backward(network.dY, now)
            dX = None if dX is None else dX.copy()
            step.end()
        before, gradients = model.params.copy(), model.grads.copy()
        lr = loop.learning_rate(0)
        loop.step((batch,))
        after = model.params.copy()
        loss_after = network.training_loss(batch.X, batch.T, Pass(), batch.weights)
    classes = trainer.task.classes
    target = chosen.targets[one][0]
    views = [model.layout.views(vector) for vector in (before, gradients, after)]
    return Trace(
        config=trainer.config,
        origin=origin,
        split=split,
        sample=sample,
        label=str(target) if classes is None else classes[int(target)],
        target=np.array(batch.T[..., 0]),
        layers=list(_layers(model.stages, step, batch.X, dX, views)),
        loss=loss,
        loss_after=loss_after,
        lr=lr,
    )


class _StepRecorder(Recorder):
    """Records a step, and in the backward pass the derivative f′(z) of each activation."""

    def __init__(self, network: Network, stages: Sequence[Stage]) -> None:
        super().__init__()
        self.layers = network.body.layers
        self.curves = {s.name for s in stages if _is_curve(s.spec.applied_activation)}
        self.slopes: dict[str, Array | None] = {}
        self.inside: dict[str, Mapping[str, Array]] = {}
        self.inside_gradients: dict[str, Mapping[str, Array]] = {}

    def output(self, name: str, Y: Array) -> None:
        super().output(name, Y)
        if name in self.layers:
            self.inside[name] = self.layers[name].insight()

    def end(self) -> None:
        """Records what the backward pass has left in the layers."""
        for name in self.gradients:
            if name in self.layers:
                self.inside_gradients[name] = self.layers[name].insight()

    def gradient(self, name: str, dY: Array) -> None:
        super().gradient(name, dY)
        if name in self.curves and name in self.layers:
            # The layer's own backward pass applied to dE/da = 1.
            self.slopes[name] = self.layers[name].backward(np.ones_like(dY), Pass())


def _is_curve(activation: Activation | None) -> bool:
    return activation is not None and activation.elementwise


def _layers(
    stages: Sequence[Stage],
    step: _StepRecorder,
    X: Array,
    dX: Array | None,
    views: Sequence[Mapping[str, Array]],
) -> Iterator[LayerTrace]:
    """Yields the trace of each stage of the network.

    Args:
        stages: the stages from the input to the output.
        step: the recorded step.
        X: the network's input, (*input shape, 1).
        dX: the gradient of the loss with respect to X.
        views: the parameters before, their gradients, and the parameters after, by full name.
    """
    reaching, below = X, dX
    for stage in stages:
        leaving, above = step.outputs[stage.name], step.gradients.get(stage.name)
        is_passed = stage.name in step.layers  # by the gradient, unless fused with the loss
        yield LayerTrace(
            name=stage.name,
            spec=stage.spec,
            input=reaching[..., 0],
            output=leaving[..., 0],
            output_gradient=above[..., 0] if is_passed and above is not None else None,
            input_gradient=below[..., 0] if is_passed and below is not None else None,
            slope=None if (slope := step.slopes.get(stage.name)) is None else slope[..., 0].copy(),
            inside=_of_sample(step.inside.get(stage.name, {})),
            inside_gradients=_of_sample(step.inside_gradients.get(stage.name, {})),
            parameters={
                p.name: ParameterTrace(*(view[f"{stage.name}.{p.name}"].copy() for view in views))
                for p in stage.parameters
            },
        )
        reaching, below = leaving, above


def _of_sample(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays (…, 1) without the batch axis."""
    return {symbol: array[..., 0] for symbol, array in arrays.items()}


def entries(values: Array) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yields each number with its index, counted from 1 as in textbooks."""
    for index, value in np.ndenumerate(values):
        yield tuple(i + 1 for i in index), float(value)
