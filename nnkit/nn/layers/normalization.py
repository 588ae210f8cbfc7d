"""Normalization: to mean 0 and variance 1, then scaled and shifted as training finds best."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.base import Positive
from nnkit.nn.initializers import Constant, Zeros
from nnkit.nn.layer import Binding, Layer, LayerSpec
from nnkit.nn.params import Array, Parameter, Shape


class _Normalization(LayerSpec):
    normalizes: ClassVar[bool] = True
    output_is_scratch: ClassVar[bool] = True
    eps: Positive = 1e-5
    affine: bool = Field(True, description="Whether a scale and a shift are trained.")

    def _scale_and_shift(self, shape: Shape) -> Sequence[Parameter]:
        if not self.affine:
            return ()
        return (
            Parameter("scale", shape, 1, 1, Constant(value=1.0), decay=False),
            Parameter("shift", shape, 1, 1, Zeros(), decay=False),
        )


class BatchNorm(_Normalization):
    """Each channel normalized over batch and positions (Ioffe & Szegedy 2015, alg. 1 and 2).

    Y = scale · (X − μ)/√(σ² + ε) + shift. Outside training μ and σ² are running means,
    r ← (1 − momentum)·r + momentum·(batch), σ² without bias there, as in PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("bn",)
    kind: Literal["batch_norm"] = "batch_norm"
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    @property
    def needs_batch(self) -> bool:
        return True

    def parameters(self, shape: Shape) -> Sequence[Parameter]:
        return self._scale_and_shift(shape[:1])

    def state(self, shape: Shape) -> Sequence[Parameter]:
        return (
            Parameter("mean", shape[:1], 1, 1, Zeros(), decay=False),
            Parameter("variance", shape[:1], 1, 1, Constant(value=1.0), decay=False),
        )

    def bind(self, binding: Binding) -> Layer:
        return BoundBatchNorm(self, binding)


class BoundBatchNorm(Layer):
    """X as a matrix (channels, positions · N); each row is normalized."""

    def __init__(self, spec: BatchNorm, binding: Binding) -> None:
        self.spec = spec
        self.channels = binding.input_shape[0]
        self.mean, self.variance = binding.state["mean"], binding.state["variance"]
        self.affine = _Affine(binding, self.channels)
        self.Y = binding.buffer(*binding.input_shape)
        self.normalized = binding.buffer(*binding.input_shape).reshape(self.channels, -1)

    def forward(self, X: Array, step: int | None) -> Array:
        rows = X.reshape(self.channels, -1)
        mean, variance = self.mean, self.variance
        if step is not None:
            mean = np.mean(rows, axis=1)
            centred = np.subtract(rows, mean[:, None], out=self.normalized)
            variance = np.einsum("ij,ij->i", centred, centred) / centred.shape[1]
            self._remember(mean, variance, rows.shape[1])
        else:
            np.subtract(rows, mean[:, None], out=self.normalized)
        self.spread = 1 / np.sqrt(variance + variance.dtype.type(self.spec.eps))
        np.multiply(self.normalized, self.spread[:, None], out=self.normalized)
        self.affine.forward(self.normalized, self.Y.reshape(self.channels, -1))
        return self.Y

    def _remember(self, mean: Array, variance: Array, count: int) -> None:
        self.mean += self.spec.momentum * (mean - self.mean)
        if count > 1:  # one number alone says nothing of a variance
            unbiased = variance * (count / (count - 1))
            self.variance += self.spec.momentum * (unbiased - self.variance)

    def backward(self, dY: Array) -> Array | None:
        rows = dY.reshape(self.channels, -1)
        self.affine.backward(rows, self.normalized)
        # dX = spread · (dX̂ − mean(dX̂) − X̂ · mean(dX̂ ⊙ X̂)): how μ and σ² move with X
        count = rows.shape[1]
        along = np.einsum("ij,ij->i", rows, self.normalized)[:, None] / count
        rows -= np.mean(rows, axis=1)[:, None]
        rows -= self.normalized * along
        rows *= self.spread[:, None]
        return rows.reshape(dY.shape)


class LayerNorm(_Normalization):
    """Each sample normalized over all its units (Ba, Kiros & Hinton 2016).

    Y = scale ⊙ (X − μ)/√(σ² + ε) + shift, with a scale and a shift for each unit.
    """

    kind: Literal["layer_norm"] = "layer_norm"

    def parameters(self, shape: Shape) -> Sequence[Parameter]:
        return self._scale_and_shift((prod(shape),))

    def bind(self, binding: Binding) -> Layer:
        return BoundLayerNorm(self, binding)


class BoundLayerNorm(Layer):
    """X as a matrix (units, N); each column is normalized."""

    def __init__(self, spec: LayerNorm, binding: Binding) -> None:
        self.eps = spec.eps
        self.Y = binding.buffer(*binding.input_shape)
        self.normalized = binding.buffer(*binding.input_shape).reshape(-1, binding.batch)
        self.affine = _Affine(binding, len(self.normalized))

    def forward(self, X: Array, step: int | None) -> Array:
        columns = X.reshape(len(self.normalized), -1)
        np.subtract(columns, np.mean(columns, axis=0), out=self.normalized)
        variance = np.einsum("ij,ij->j", self.normalized, self.normalized) / len(columns)
        self.spread = 1 / np.sqrt(variance + variance.dtype.type(self.eps))
        np.multiply(self.normalized, self.spread, out=self.normalized)
        self.affine.forward(self.normalized, self.Y.reshape(columns.shape))
        return self.Y

    def backward(self, dY: Array) -> Array | None:
        columns = dY.reshape(self.normalized.shape)
        self.affine.backward(columns, self.normalized)
        along = np.einsum("ij,ij->j", columns, self.normalized) / len(columns)
        columns -= np.mean(columns, axis=0)
        columns -= self.normalized * along
        columns *= self.spread
        return columns.reshape(dY.shape)


class _Affine:
    """Y = scale · X̂ + shift, row by row, where they are trained."""

    def __init__(self, binding: Binding, rows: int) -> None:
        self.trained = "scale" in binding.params
        if self.trained:
            self.scale = binding.params["scale"].reshape(rows, 1)
            self.shift = binding.params["shift"].reshape(rows, 1)
        if self.trained and binding.training:
            self.dscale = binding.grads["scale"].reshape(rows)
            self.dshift = binding.grads["shift"].reshape(rows)

    def forward(self, normalized: Array, Y: Array) -> None:
        if self.trained:
            np.multiply(normalized, self.scale, out=Y)
            np.add(Y, self.shift, out=Y)
        else:
            np.copyto(Y, normalized)

    def backward(self, dY: Array, normalized: Array) -> None:
        """Writes the gradients of scale and shift, and turns dE/dY into dE/dX̂ in place."""
        if self.trained:
            np.einsum("ij,ij->i", dY, normalized, out=self.dscale)
            np.sum(dY, axis=1, out=self.dshift)
            np.multiply(dY, self.scale, out=dY)
