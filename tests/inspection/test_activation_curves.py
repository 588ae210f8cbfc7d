"""Tests of activation curves: value and derivative of every activation."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.inspection.activation_curves import activation_curve
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.exponential_linear import ELU
from nnkit.nn.activations.maxout import Maxout
from nnkit.nn.activations.rectifiers import PReLU
from nnkit.nn.activations.sigmoids import Sigmoid
from nnkit.nn.activations.softmax import Softmax
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers import ActivationLayer
from nnkit.nn.losses.regression_losses import SquaredError
from nnkit.nn.model import Model
from nnkit.random import generator
from tests.nn.examples import examples, name

every = pytest.mark.parametrize("activation", examples(AnyActivation), ids=name)
# Away from the kinks of some activations at multiples of one half.
Z = np.linspace(-4.03, 4.01, 101)


@every
def test_the_derivative_is_that_of_the_value(activation: AnyActivation) -> None:
    step = 1e-6
    found = activation_curve(activation, Z)
    above, below = (activation_curve(activation, Z + s).value for s in (step, -step))
    np.testing.assert_allclose(found.derivative, (above - below) / (2 * step), atol=1e-7, rtol=1e-6)


@every
def test_elementwise_tells_whether_units_are_independent(activation: AnyActivation) -> None:
    layer = ActivationLayer(function=activation)
    try:
        only = Stage.of("only", layer, Form(6))
    except ShapeError:
        return  # units are split into groups, so it is not elementwise
    model = Model([only], SquaredError(), 0, "float64")
    x = generator(0, "elementwise").normal(size=(1, 6)) * 3
    jacobian = np.array([(model.forward(x + d) - model.forward(x - d))[0] for d in 0.5 * np.eye(6)])
    alone = only.output_shape == (6,) and not jacobian[~np.eye(6, dtype=bool)].any()
    assert activation.elementwise == alone


def test_what_takes_units_together_is_drawn_for_the_first_beside_zeros() -> None:
    softmax, sigmoid = activation_curve(Softmax(), Z), activation_curve(Sigmoid(), Z)
    assert (softmax.units, sigmoid.units) == (2, 1)
    np.testing.assert_allclose(softmax.value, sigmoid.value)
    np.testing.assert_allclose(softmax.derivative, sigmoid.derivative)
    maxout = activation_curve(Maxout(pieces=3), Z)
    assert maxout.units == 3
    np.testing.assert_array_equal(maxout.value, np.maximum(Z, 0))


def test_trained_numbers_are_at_their_first_values() -> None:
    found = activation_curve(PReLU(slope=0.1), Z)
    assert found.parameters == {"slope": 0.1}
    np.testing.assert_allclose(found.derivative, np.where(Z > 0, 1, 0.1))


def test_settings_count() -> None:
    np.testing.assert_allclose(activation_curve(ELU(alpha=2.0), Z).value.min(), 2 * np.expm1(Z[0]))
