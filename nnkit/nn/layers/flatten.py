"""Flatten: a sample of any shape as one vector."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Literal

from nnkit.nn.layer import Binding, Layer, LayerSpec
from nnkit.nn.params import Array, Shape


class Flatten(LayerSpec):
    """A sample of any shape as one vector, channels slowest: (C, H, W) → (C·H·W,)."""

    kind: Literal["flatten"] = "flatten"
    output_is_view: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def bind(self, binding: Binding) -> Layer:
        return BoundFlatten(binding)


class BoundFlatten(Layer):
    """(*shape, N) → (features, N) and back; both are views wherever the memory allows."""

    def __init__(self, binding: Binding) -> None:
        self.shape = binding.input_shape
        positions = len(self.shape)
        self.samples_first = (positions, *range(positions))

    def forward(self, X: Array, step: int | None) -> Array:
        # A batch lies in memory as (N, *shape) with N moved last; there it flattens without a copy.
        samples = X.shape[-1]
        if X.flags.c_contiguous:
            return X.reshape(-1, samples)
        return X.transpose(self.samples_first).reshape(samples, -1).T

    def backward(self, dY: Array) -> Array | None:
        return dY.reshape(*self.shape, -1)
