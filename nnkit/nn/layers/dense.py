"""Dense layer: every unit is connected to every input, Z = W X + b."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.each_position import AtEachPosition
from nnkit.nn.layers.weighted import WeightedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.products import product


class Dense(WeightedLayer):
    """Fully connected layer: Z = W X + b, with W (units, inputs) and b (units,).

    Of a sequence (features, length), each position is an input of its own.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("linear", "fc", "fully_connected")
    kind: Literal["dense"] = "dense"
    shorthand: ClassVar[str | None] = "units"
    output_is_scratch: ClassVar[bool] = True
    multiplies_by_matrix: ClassVar[bool] = True
    units: Count | Literal["auto"] = Field(
        description="The number of outputs; in the last layer `auto` gives one for each class, "
        "symbol, label or number that the data has."
    )
    bias: bool = Field(True, description="Whether to add b.")

    @property
    def output_units(self) -> int | None:
        return None if self.units == "auto" else self.units

    def with_outputs(self, outputs: int) -> LayerSpec:
        return self.model_copy(update={"units": outputs}) if self.units == "auto" else self

    def _units(self) -> int:
        """The number of outputs.

        Raises:
            ShapeError: the config leaves it to the data, but it is not the output layer's.
        """
        if self.units == "auto":
            raise ShapeError("'auto' is for the last layer with weights; give a number", "units")
        return self.units

    def output_form(self, form: Form) -> Form:
        if len(form.positions) > 1:
            raise ShapeError(
                f"a dense layer takes a vector, but each sample here has shape {form}; "
                "put '- flatten' before it"
            )
        return Form(self._units(), form.positions)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        inputs = form.channels
        units = self._units()
        return self.weights_and_bias((units, inputs), inputs, units, self.bias)

    def in_program(self, form: Form) -> ProgramLayer | None:
        shape = form.sequence_shape if form.positions else form.shape
        if shape is None:
            return None
        return ProgramLayer(LayerKind.DENSE, shape, (self._units(), *shape[1:]))

    def multiplications(self, form: Form) -> int:
        positions = prod(n for n in form.positions if n is not None)
        return positions * super().multiplications(form)

    def bind(self, binding: Binding) -> Layer:
        if not binding.form.positions:
            return BoundDense(binding)
        return AtEachPosition(BoundDense, binding)


class BoundDense(Layer):
    """Z = W X + b; dW = dZ Xᵀ, db = dZ 1, dX = Wᵀ dZ (Rumelhart, Hinton & Williams 1986)."""

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, binding: Binding) -> None:
        self.W = binding.params["W"]  # (units, inputs)
        self.b = binding.params["b"][:, None] if "b" in binding.params else None  # (units, 1)
        (units, inputs), N, dtype = self.W.shape, binding.batch, binding.dtype
        self.Z = binding.buffer(units)  # (units, N)
        batch_first = binding.input_is_batch_first
        self.for_Z = product(units, inputs, N, dtype, transposed=batch_first)
        if binding.training:
            self.dW = binding.grads["W"]
            self.db = binding.grads.get("b")
            self.ones = binding.ones(N)
            self.for_dW = product(units, N, inputs, dtype, transposed=not batch_first)
            self.for_dX = product(inputs, units, N, dtype)
        self.dX = binding.buffer(inputs) if binding.input_gradient else None  # (inputs, N)

    def forward(self, X: Array, now: Pass) -> Array:
        if now.training:
            self.X = X
        self.for_Z(self.W, X, self.Z)
        if self.b is not None:
            np.add(self.Z, self.b, out=self.Z)
        return self.Z

    def backward(self, dY: Array, now: Pass) -> Array | None:
        self.for_dW(dY, self.X.T, self.dW)
        if self.db is not None:
            np.dot(dY, self.ones, out=self.db)  # faster than a sum over rows
        if self.dX is not None:
            self.for_dX(self.W.T, dY, self.dX)
        return self.dX
