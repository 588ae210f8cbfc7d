"""Radial basis functions: each unit measures how near the input is to its center."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, Positive
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import Values
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import WeightedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.products import product

# The centers of LeNet-5's ten output units (LeCun et al. 1998, figure 3): the digits 0 to 4, and
# below them 5 to 9. The bars above some of them are in the paper, too.
LENET_5 = """
.#####.  ...##..  .#####.  #######  .#####.
.......  ..###..  .......  .....##  .......
..###..  .####..  .#####.  ....##.  .......
.##.##.  ...##..  ##...##  ...##..  .##..##
##...##  ...##..  #....##  ..####.  .##..##
##...##  ...##..  ....##.  .....##  ###..##
##...##  ...##..  ..###..  .....##  ##...##
##...##  ...##..  .##....  .....##  ##...##
.##.##.  ...##..  ##.....  ##...##  ##..###
..###..  .######  #######  .#####.  .######
.......  .......  .......  .......  .....##
.......  .......  .......  .......  .....##

.#####.  ..####.  #######  .#####.  .#####.
.......  .##....  .....##  ##...##  ##..###
#######  ##.....  .....##  ##...##  ##...##
##.....  ##.....  ....##.  ##...##  ##...##
##.....  ######.  ...##..  .#####.  ##..###
.####..  ###..##  ...##..  ##...##  .######
..####.  ##...##  ..##...  ##...##  .....##
.....##  ##...##  ..##...  ##...##  .....##
##...##  ###..##  ..##...  ##...##  ....##.
.#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .......
.......  .......  .......  .......  .......
"""
DIGITS, PIXELS = 10, 7 * 12


def bitmaps() -> Array:
    """LeNet-5's centers (10, 84), each a digit's pixels row by row: 1 for ink, −1 for paper."""
    halves = (half.split("\n") for half in LENET_5.strip().split("\n\n"))
    digits = ("".join(rows) for half in halves for rows in zip(*map(str.split, half), strict=True))
    return np.array([[1.0 if pixel == "#" else -1.0 for pixel in digit] for digit in digits])


class RBF(WeightedLayer):
    """Negative squared distance to the center of each unit: Y[i] = −γ Σ_j (X[j] − W[i, j])².

    W (units, inputs) are the centers; γ is shared by all units. LeCun et al. 1998, eq. 7, use the
    distance itself, a penalty, of which the smallest is the prediction. With its sign changed, the
    largest is the prediction, as everywhere here, and it is the log-likelihood of a Gaussian of
    variance 1/(2γ). The loss `map` is their criterion, eq. 9. `cross_entropy` is the same without
    the rubbish class; |X|², equal for all units, then cancels out, so that inputs need not be near
    any center.

    In hidden layers, `activation: exponential` gives Gaussian units (Broomhead & Lowe 1988), and
    `initializer: normal` spreads the centers like standardized inputs. A rectifier would return
    only 0, since no output is positive.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("radial_basis_function", "gaussian_rbf", "rbf_layer")
    kind: Literal["rbf"] = "rbf"
    shorthand: ClassVar[str | None] = "units"
    output_is_scratch: ClassVar[bool] = True
    units: Count
    gamma: Positive = 1.0
    centers: Literal["lenet-5"] | None = Field(
        None,
        description="Initial centers: `lenet-5` for the 7 × 12 bitmaps of the ten digits (LeCun "
        "et al. 1998, figure 3), which need 84 inputs; by default `initializer` draws them. "
        "`lr_factor: 0` keeps them fixed.",
    )

    @property
    def output_units(self) -> int:
        return self.units

    def output_form(self, form: Form) -> Form:
        if form.positions:
            raise ShapeError(
                f"an rbf layer takes a vector, but each sample here has shape {form}; "
                "put '- flatten' before it"
            )
        if self.centers is not None and (self.units, form.channels) != (DIGITS, PIXELS):
            raise ShapeError(
                f"{self.centers} has centers for {DIGITS} units of {PIXELS} inputs, but there are "
                f"{self.units} of {form.channels}",
                "centers",
            )
        return Form(self.units)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        inputs = form.channels
        if self.centers is None:
            return self.weights_and_bias((self.units, inputs), inputs, self.units, bias=False)
        first = Values(values=tuple(bitmaps().ravel().tolist()))
        block = (self.units, inputs)
        return (Parameter("W", block, inputs, self.units, first, self.decay, self.lr_factor),)

    def bind(self, binding: Binding) -> Layer:
        return BoundRBF(binding, self.gamma)


class BoundRBF(Layer):
    """Y = −γ|x − w|²; dW = 2γ Σ dY (x − w), dX = 2γ Σ dY (w − x).

    Computed as −γ(|x|² − 2 w·x + |w|²), so that most of the work is a matrix product.
    """

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, binding: Binding, gamma: float) -> None:
        self.W = binding.params["W"]  # (units, inputs)
        (units, inputs), N, dtype = self.W.shape, binding.batch, binding.dtype
        self.gamma = dtype.type(gamma)
        self.Y = binding.buffer(units)  # (units, N)
        batch_first = binding.input_is_batch_first
        self.for_Y = product(units, inputs, N, dtype, transposed=batch_first)
        if binding.training:
            self.dW = binding.grads["W"]
            self.for_dW = product(units, N, inputs, dtype, transposed=not batch_first)
            self.for_dX = product(inputs, units, N, dtype)
        self.dX = binding.buffer(inputs) if binding.input_gradient else None  # (inputs, N)

    def forward(self, X: Array, now: Pass) -> Array:
        Y = self.Y
        if now.training:
            self.X = X
        self.for_Y(self.W, X, Y)
        np.multiply(Y, 2, out=Y)
        np.subtract(Y, np.einsum("ij,ij->i", self.W, self.W)[:, None], out=Y)
        np.subtract(Y, np.einsum("jn,jn->n", X, X), out=Y)
        np.minimum(Y, 0, out=Y)  # for a point at a center, rounding can make it positive
        return np.multiply(Y, self.gamma, out=Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        np.multiply(dY, 2 * self.gamma, out=dY)
        self.for_dW(dY, self.X.T, self.dW)
        np.subtract(self.dW, self.W * np.sum(dY, axis=1)[:, None], out=self.dW)
        if self.dX is not None:
            self.for_dX(self.W.T, dY, self.dX)
            np.subtract(self.dX, self.X * np.sum(dY, axis=0), out=self.dX)
        return self.dX
