"""A layer in a traced training step: its input and output, its gradients, and its parameters."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnkit.inspection.step_recorder import StepRecorder, StepsTrace
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.task.task import Task


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
        steps: the steps of layers over sequences, its own or those of layers inside it.
        symbols: the symbols of an input of ids; empty for other inputs.
        parameters: the parameters by short name, such as `W`.
    """

    name: str
    spec: LayerSpec
    input: Array
    output: Array
    output_gradient: Array | None
    input_gradient: Array | None
    slope: Array | None
    steps: Sequence[StepsTrace]
    symbols: Sequence[str]
    parameters: Mapping[str, ParameterTrace]


def traces_of_layers(
    task: Task,
    model: Model,
    step: StepRecorder,
    passed: Container[str],
    views: Sequence[Mapping[str, Array]],
) -> Iterator[LayerTrace]:
    """Yields the trace of each stage of the network.

    Args:
        task: has the names of the symbols.
        model: the network's stages.
        step: the recorded step.
        passed: the layers that the gradient passes, unlike an activation fused with the loss.
        views: the parameters before, their gradients, and the parameters after, by full name.
    """
    steps = _by_stage(step.steps(), [stage.name for stage in model.stages])
    for stage in model.stages:
        name, X = stage.name, step.inputs[stage.name]
        yield LayerTrace(
            name=name,
            spec=stage.spec,
            input=X[..., 0],
            output=step.outputs[name][..., 0],
            output_gradient=_of_sample(step.gradients.get(name) if name in passed else None),
            input_gradient=_of_sample(step.input_gradients.get(name)),
            slope=_of_sample(step.slopes.get(name)),
            steps=steps[name],
            symbols=_symbols_read(task, model, stage, X[..., 0]),
            parameters={
                p.name: ParameterTrace(*(view[f"{name}.{p.name}"].copy() for view in views))
                for p in stage.parameters
            },
        )


def _by_stage(steps: Sequence[StepsTrace], stages: Sequence[str]) -> dict[str, list[StepsTrace]]:
    """Steps by the stage that they are of, or that contains their layer."""
    found: dict[str, list[StepsTrace]] = {name: [] for name in stages}
    for one in steps:
        found[max((s for s in stages if f"{one.name}.".startswith(f"{s}.")), key=len)].append(one)
    return found


def _symbols_read(task: Task, model: Model, stage: Stage, ids: Array) -> Sequence[str]:
    """The symbols of the ids that a layer reads; empty for real inputs."""
    if task.coding is None or not stage.input_form.ids:
        return ()
    names: Sequence[str] = task.coding.inputs.symbols.names
    if isinstance(model, Seq2SeqModel) and stage in model.parts.decoder:
        names = task.coding.target_names
    return [names[number] for number in ids]


def _of_sample(array: Array | None) -> Array | None:
    """An array (…, 1) without the batch axis."""
    return None if array is None else array[..., 0]
