"""An activation as a layer of its own; the config's `activation:` section places these."""

from __future__ import annotations

from typing import ClassVar, Literal

from nnkit.compiled import compiled
from nnkit.nn.activations import AnyActivation
from nnkit.nn.layers.base import Binding, Layer, LayerSpec
from nnkit.nn.params import Array


class ActivationLayer(LayerSpec):
    """Applies an activation function where none would stand by default: `- activation: tanh`."""

    kind: Literal["activation"] = "activation"
    shorthand: ClassVar[str | None] = "function"
    function: AnyActivation

    def bind(self, binding: Binding) -> Layer:
        return BoundActivation(self, binding)


class BoundActivation(Layer):
    """Y = f(Z), in Z's memory where that is free and f′ can be had from Y."""

    def __init__(self, spec: ActivationLayer, binding: Binding) -> None:
        self.function = spec.function
        self.in_place = binding.input_is_scratch and self.function.saves == "output"
        if not self.in_place:
            self.Y = binding.buffer(*binding.input_shape)
        kernel = self.function.kernel() if binding.training and binding.compiled else None
        self.kernel = compiled(kernel) if kernel is not None else None
        if binding.training and kernel is None:
            self.work = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, step: int | None) -> Array:
        Y = X if self.in_place else self.Y
        self.function.forward(X, Y)
        self.saved = Y if self.function.saves == "output" else X
        return Y

    def backward(self, dY: Array) -> Array | None:
        if self.kernel is not None:
            self.kernel(self.saved, dY)
        else:
            self.function.backward(self.saved, dY, self.work)
        return dY
