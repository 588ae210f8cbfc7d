"""Maxout: the maximum of several linear units."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Count
from nnkit.nn.activation import Activation
from nnkit.nn.activations.function import Array
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.passes import Pass


class Maxout(Activation):
    """f(z) = the maximum of each group of `pieces` units (Goodfellow et al. 2013).

    A dense layer of 128 units with `maxout: 2` thus has 64 outputs.
    """

    kind: Literal["maxout"] = "maxout"
    shorthand: ClassVar[str | None] = "pieces"
    rectifier: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    pieces: Count = 2

    def output_form(self, form: Form) -> Form:
        units = form.channels
        if units % self.pieces:
            raise ShapeError(
                f"{units} units cannot be divided into groups of {self.pieces}", "pieces"
            )
        return Form(units // self.pieces, form.positions)

    def bind(self, binding: Binding) -> Layer:
        return BoundMaxout(self.pieces, binding)


class BoundMaxout(Layer):
    """Y_j = max over the pieces Z_{j,i}; dY_j goes to the first maximum."""

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, pieces: int, binding: Binding) -> None:
        units, *positions = binding.input_shape
        self.grouped = (units // pieces, pieces, *positions, binding.batch)
        self.Y = binding.buffer(units // pieces, *positions)
        if binding.training:
            self.dX = binding.buffer(units, *positions)

    def forward(self, X: Array, now: Pass) -> Array:
        if now.training:
            self.X = X
        return np.maximum.reduce(X.reshape(self.grouped), axis=1, out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        largest = np.argmax(self.X.reshape(self.grouped), axis=1)[:, None]
        self.dX.fill(0)
        np.put_along_axis(self.dX.reshape(self.grouped), largest, dY[:, None], axis=1)
        return self.dX
