"""Charts of an activation, or of the learning rate over a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from nnkit.charts import Chart, Curve
from nnkit.config.load import apply_override
from nnkit.config.node import Mark as Place
from nnkit.config.node import Node
from nnkit.config.spec import Spec
from nnkit.config.validation import validate
from nnkit.config.yaml import parse_yaml
from nnkit.errors import UsageError
from nnkit.inspection.activation_curves import ActivationCurve, activation_curve
from nnkit.nn.activations import AnyActivation
from nnkit.nn.params import Array
from nnkit.task.config import Config
from nnkit.task.task_loading import load_task
from nnkit.training.plan import Pace, pace_on

POINTS = 2001  # points of a curve; odd, so that the middle of the range is included


class LoneActivation(Spec):
    """A document that holds nothing but an activation."""

    activation: AnyActivation


def activation_from(text: str, overrides: Sequence[str] = ()) -> AnyActivation:
    """Parses an activation written as in a config: `gelu`, or `leaky_relu: 0.2`.

    Args:
        text: the activation in YAML.
        overrides: overrides of settings, such as `slope=0.2`.

    Raises:
        ConfigError: the activation or one of its settings does not exist.
        UsageError: an override is malformed.
    """
    document = parse_yaml(text, text)
    place = Place(text)
    for override in overrides:
        document = apply_override(document, override)
    shown = validate(LoneActivation, Node({"activation": document}, place, place))
    return shown.activation


def draw_activation(
    activation: AnyActivation, low: float, high: float
) -> tuple[ActivationCurve, Chart, list[str]]:
    """Returns the curves of an activation, their chart, and remarks for the user.

    Args:
        activation: the activation.
        low: the smallest input.
        high: the largest input.

    Raises:
        UsageError: the range is empty or infinite.
    """
    if not (isfinite(low) and isfinite(high) and low < high):
        raise UsageError(f"the range must be finite and increasing, got {low:g} to {high:g}")
    found = activation_curve(activation, np.linspace(low, high, POINTS))
    changed = activation.model_dump(exclude_defaults=True)
    settings = ", ".join(f"{name} {value}" for name, value in changed.items())
    title = activation.tag() + (f" ({settings})" if settings else "")
    inputs, value, derivative, remarks = "z", "f(z)", "f′(z)", []
    if found.units > 1:
        inputs = ", ".join(["z", *["0"] * (found.units - 1)])
        value, derivative = f"f({inputs})₁", "∂f₁/∂z"
        remarks.append(
            f"{activation.tag()} acts on several units at once; the plot shows the first output of "
            f"{found.units} units, with z as the first input and "
            f"{'the other' if found.units == 2 else 'the others'} at 0."
        )
    for name, number in found.parameters.items():
        remarks.append(
            f"{name} is a trained parameter; the plot uses its initial value, {number:g}."
        )
    if not activation.trainable:
        remarks.append("It has no useful gradient, so it is for inference only.")
    curves = (
        Curve(value, found.z, found.value),
        Curve(derivative, found.z, found.derivative, "dashed"),
    )
    return found, Chart(title, "z", curves), remarks


@dataclass(frozen=True, slots=True)
class Rates:
    """The learning rate over a run.

    Attributes:
        step: steps from 0, (n,); for a long run a selection that includes the first and the last.
        lr: the learning rate at each step, (n,).
        pace: the batch size and the number of updates of the run.
    """

    step: Array
    lr: Array
    pace: Pace


def draw_schedule(config: Config) -> tuple[Rates, Chart, list[str]]:
    """Returns the learning rates of a config's training, their chart, and remarks for the user.

    The data is loaded, because its size determines the number of steps per epoch.

    Raises:
        ConfigError: the split does not fit the data.
        DataError: the data is missing or damaged.
    """
    with config.locating():
        task = load_task(config)
        train = task.prepare(task.sets["train"], task.build_model())
    planned, optimizer = pace_on(config, train), config.optimizer
    steps = np.unique(np.linspace(0, planned.steps - 1, min(planned.steps, 20_001)).astype(int))
    rates = [optimizer.learning_rate(int(s), planned.steps, planned.per_epoch) for s in steps]
    found = Rates(steps, np.array(rates), planned)
    schedule = optimizer.schedule
    title = f"{config.name}: {optimizer.tag()}, lr {optimizer.lr:g}, schedule {schedule.tag()}"
    samples = planned.batch_size * config.training.accumulate
    remarks = [f"{planned.steps:,} steps of {samples} samples, {planned.per_epoch:,} per epoch"]
    if schedule.remark is not None:
        remarks.append(schedule.remark)
    curve = Curve("learning rate", found.step, found.lr)
    epochs = ("epoch", float(planned.per_epoch))
    chart = Chart(title, "step", (curve,), "learning rate", from_zero=True, second_x=epochs)
    return found, chart, remarks


def numbers(values: Array) -> list[Any]:
    """Converts numbers for JSON; values that are not finite become None."""
    return [value if isfinite(value) else None for value in values.tolist()]
