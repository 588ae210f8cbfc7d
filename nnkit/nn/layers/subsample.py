"""Subsampling of LeNet: pooling with a trained coefficient and bias."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.nn.conv.window_sums import WindowSums
from nnkit.nn.conv.windows import PerAxis, Sizes, Windows, positions_of, windows
from nnkit.nn.form import Form
from nnkit.nn.initializers import AnyInitializer, Constant
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import SpatialLayer, WeightedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField


class Subsample(SpatialLayer, WeightedLayer):
    """The sum of each window, times a trained coefficient, plus a trained bias: LeNet's S layers.

    Y = coefficient[c] · Σ window + bias[c]; an activation follows (LeCun et al. 1998, §II.B).
    """

    kind: Literal["subsample"] = "subsample"
    shorthand: ClassVar[str | None] = "size"
    output_is_scratch: ClassVar[bool] = True
    size: Annotated[Sizes, PerAxis(1)] = Field(2, description="Window size, 2 or [2, 1].")

    def windows(self, form: Form) -> Windows:
        """The windows over an input sample of that form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        size = positions_of(form, self.tag())
        return windows(size, self.size, self.size, kernel_field="size")

    def output_form(self, form: Form) -> Form:
        found = self.windows(form)
        return form.resized(form.channels, found.count)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        taps, channels = self.windows(form).taps, (form.channels,)
        mean: AnyInitializer = Constant(value=1 / taps)
        if isinstance(self.initializer, Constant):
            mean = self.initializer
        _, b = self.weights_and_bias(channels, taps, 1, bias=True)
        W = Parameter("W", channels, taps, 1, mean, decay=False, lr_factor=self.lr_factor)
        return W, b

    def multiplications(self, form: Form) -> int:
        return form.channels * prod(self.windows(form).count)

    def receptive_field(self, form: Form) -> ReceptiveField:
        found = self.windows(form)
        return ReceptiveField(found.extent, found.stride)

    def bind(self, binding: Binding) -> Layer:
        return BoundSubsample(binding, self.windows(binding.form))


class BoundSubsample(Layer):
    """Y = W[c] · Σ entries + b[c]; dW = Σ dY · Σ entries, db = Σ dY."""

    def __init__(self, binding: Binding, windows: Windows) -> None:
        self.sums = WindowSums(binding, windows)
        each = (-1, *[1] * (len(binding.input_shape)))  # one number for each channel
        self.W, self.b = binding.params["W"].reshape(each), binding.params["b"].reshape(each)
        self.Y = binding.buffer(*self.sums.buffers.Y.shape[:-1])
        if binding.training:
            self.dW, self.db = binding.grads["W"], binding.grads["b"]

    def forward(self, X: Array, now: Pass) -> Array:
        np.multiply(self.sums.forward(X), self.W, out=self.Y)
        return np.add(self.Y, self.b, out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        rows, sums = dY.reshape(len(self.dW), -1), self.sums.buffers.Y.reshape(len(self.dW), -1)
        np.einsum("ij,ij->i", rows, sums, out=self.dW)
        np.sum(rows, axis=1, out=self.db)
        return self.sums.backward(np.multiply(dY, self.W, out=dY))
