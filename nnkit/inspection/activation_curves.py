"""The curves of an activation: its value and its derivative over a range of inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers import ActivationLayer
from nnkit.nn.losses.regression_losses import SquaredError
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass

MOST_UNITS = 64  # most units tried for an activation that acts on several at once


@dataclass(frozen=True, slots=True)
class ActivationCurve:
    """An activation as a function of one number.

    Attributes:
        z: inputs (n,).
        value: f(z), (n,).
        derivative: f′(z), (n,), computed by the backward pass used in training.
        units: number of inputs: 1 for an elementwise function; otherwise z is the first input, all
            others are 0, and value and derivative are those of the first output with respect to z.
        parameters: the trainable parameters by name, at their initial values.
    """

    z: Array
    value: Array
    derivative: Array
    units: int
    parameters: dict[str, float]


def activation_curve(activation: AnyActivation, z: Array) -> ActivationCurve:
    """Computes the curves of an activation over inputs z, (n,), in float64."""
    units = 1 if activation.elementwise else _units(activation)
    stage = Stage.of("activation", ActivationLayer(function=activation), Form(units))
    model = Model([stage], SquaredError(), 0, "float64")
    network = model.bind(len(z), training=True, input_gradient=True)
    Z = np.zeros((units, len(z)))
    Z[0] = z
    dY = np.zeros((*stage.output_shape, len(z)))
    dY[0] = 1.0
    with np.errstate(all="ignore"):  # e^z may overflow
        value = network.forward(Z, Pass())[0].copy()
        dZ = network.backward(dY, Pass())
    assert dZ is not None
    parameters = {
        name.rpartition(".")[2]: float(block.flat[0])
        for name, block in model.layout.views(model.params).items()
    }
    return ActivationCurve(np.array(z), value, dZ[0].copy(), units, parameters)


def _units(activation: AnyActivation) -> int:
    """The smallest number of inputs above one that an activation accepts."""
    for units in range(2, MOST_UNITS + 1):
        try:
            activation.output_form(Form(units))
        except ShapeError:
            continue
        return units
    raise ShapeError(f"'{activation.tag()}' acts on more than {MOST_UNITS} units at once")
