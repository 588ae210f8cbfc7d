"""Noise: in training, random numbers are added to every unit."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Positive
from nnkit.nn.dropout_mask import in_order_of_positions
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator


class GaussianNoise(LayerSpec):
    """Adds N(0, std²) to every unit, in training only (Sietsma & Dow 1991; Bishop 1995)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("gaussian_noise",)
    kind: Literal["noise"] = "noise"
    shorthand: ClassVar[str | None] = "std"
    std: Positive = 0.1

    def bind(self, binding: Binding) -> Layer:
        return BoundNoise(self, binding)


class BoundNoise(Layer):
    """Y = X + std · ξ, with new noise ξ at each step; dX = dY."""

    def __init__(self, spec: GaussianNoise, binding: Binding) -> None:
        self.std = spec.std
        self.seed, self.purpose = binding.seed, f"noise/{binding.name}"
        if binding.training:
            self.Y = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        if not now.training:
            return X
        *shape, samples = self.Y.shape
        noise = self.Y
        if now.before or now.after or now.lengths is not None:
            noise = np.empty((*shape, now.before + samples + now.after), self.Y.dtype)
        generator(self.seed, self.purpose, now.key).standard_normal(
            out=noise, dtype=self.Y.dtype.type
        )
        noise = in_order_of_positions(noise, noise.shape, now)
        np.multiply(noise[..., now.before : now.before + samples], self.std, out=self.Y)
        return np.add(self.Y, X, out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return dY
