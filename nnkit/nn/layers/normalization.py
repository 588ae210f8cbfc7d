"""Normalization to mean 0 and variance 1, followed by a trained scale and shift."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Positive
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import Normalization, ProgramLayer
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import Constant, Zeros
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.padding import clear_padding
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Pass


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

    Y = scale · (X − μ)/√(σ² + ε) + shift. At inference μ and σ² are running means,
    r ← (1 − momentum)·r + momentum·(batch), with an unbiased σ², as in PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("bn",)
    kind: Literal["batch_norm"] = "batch_norm"
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    @property
    def needs_batch(self) -> bool:
        return True

    @property
    def mixes_positions(self) -> bool:
        return True

    @property
    def continues_streams(self) -> bool:
        return True

    def parameters(self, form: Form) -> Sequence[Parameter]:
        return self._scale_and_shift((form.channels,))

    def state(self, form: Form) -> Sequence[Parameter]:
        return (
            Parameter("mean", (form.channels,), 1, 1, Zeros(), decay=False),
            Parameter("variance", (form.channels,), 1, 1, Constant(value=1.0), decay=False),
        )

    def in_program(self, form: Form) -> ProgramLayer | None:
        shape = form.image_shape if form.positions else (form.channels, 1, 1)
        if shape is None:
            return None
        normalization = Normalization(self.eps, self.momentum)
        return ProgramLayer(LayerKind.BATCH_NORM, shape, shape, normalization=normalization)

    def bind(self, binding: Binding) -> Layer:
        return BoundBatchNorm(self, binding)


class BoundBatchNorm(Layer):
    """Normalizes the rows of X as (channels, positions · N).

    Several ranks normalize by the mean and variance of the whole batch.
    """

    def __init__(self, spec: BatchNorm, binding: Binding) -> None:
        self.momentum = spec.momentum
        self.eps = spec.eps
        self.channels = binding.input_shape[0]
        self.mean, self.variance = binding.state["mean"], binding.state["variance"]
        self.affine = _Affine(binding, self.channels)
        self.Y = binding.buffer(*binding.input_shape)
        self.rows_of_Y = self.Y.reshape(self.channels, -1)
        self.ranks = binding.ranks
        self.positions = prod(binding.input_shape[1:])
        self.centred = binding.buffers.empty(self.rows_of_Y.shape, binding.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        rows = X.reshape(self.channels, -1)
        mean, variance = self.mean, self.variance
        if now.training:
            self.count = self._count(now)
            mean = self._over_ranks(np.sum(rows, axis=1), now) / max(self.count, 1)
        centred = np.subtract(rows, mean[:, None], out=self.centred)
        if now.lengths is not None:
            clear_padding(centred.reshape(X.shape), now.lengths)
        if now.training:
            squares = np.einsum("ij,ij->i", centred, centred)
            variance = self._over_ranks(squares, now) / max(self.count, 1)
            self._remember(mean, variance)
        self.spread = 1 / np.sqrt(variance + variance.dtype.type(self.eps))
        np.multiply(centred, (self.affine.scale * self.spread)[:, None], out=self.rows_of_Y)
        np.add(self.rows_of_Y, self.affine.shift[:, None], out=self.rows_of_Y)
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        rows, centred, affine = dY.reshape(self.channels, -1), self.centred, self.affine
        np.sum(rows, axis=1, out=affine.dshift)
        np.einsum("ij,ij->i", rows, centred, out=affine.dscale)
        affine.dscale *= self.spread
        # dX = scale · spread · (dY − mean(dY) − X̂ · mean(dY ⊙ X̂)), since μ and σ² depend on X
        count = max(self.count, 1)
        dscale, dshift = self._over_ranks(np.stack((affine.dscale, affine.dshift)), now)
        rows -= (dshift / count)[:, None]
        centred *= (self.spread * dscale / count)[:, None]
        rows -= centred
        rows *= (affine.scale * self.spread)[:, None]
        if now.idle:  # else the sample of another rank would count twice in the layers below
            rows.fill(0)
        return rows.reshape(dY.shape)

    def _remember(self, mean: Array, variance: Array) -> None:
        if self.count:
            self.mean += self.momentum * (mean - self.mean)
        if self.count > 1:  # the variance of a single value is undefined
            unbiased = variance * (self.count / (self.count - 1))
            self.variance += self.momentum * (unbiased - self.variance)

    def _count(self, now: Pass) -> int:
        """The number of values of a channel in the whole batch."""
        if now.lengths is not None:
            return int(self._over_ranks(np.sum(now.lengths, keepdims=True), now)[0])
        return self.rows_of_Y.shape[1] + (now.before + now.after) * self.positions

    def _over_ranks(self, sums: Array, now: Pass) -> Array:
        """Adds up sums of this rank's samples over all ranks."""
        if now.idle:
            sums.fill(0)
        self.ranks.sum_in_place(sums)
        return sums


class LayerNorm(_Normalization):
    """Each sample normalized over all its units (Ba, Kiros & Hinton 2016).

    Y = scale ⊙ (X − μ)/√(σ² + ε) + shift, with a scale and a shift for each unit. If each position
    is normalized by itself, μ and σ² are those of its channels, and so are scale and shift, as in
    Transformers (Vaswani et al. 2017).
    """

    kind: Literal["layer_norm"] = "layer_norm"
    shorthand: ClassVar[str | None] = "over"
    over: Literal["all", "channels"] = Field(
        "all", description="All units of a sample, or the channels of each position."
    )

    def output_form(self, form: Form) -> Form:
        if self.over == "all" and form.varies:
            raise ShapeError(
                f"normalizes all units of a sample, but here their number varies: {form}; "
                "set 'channels' to normalize each position",
                "over",
            )
        return form

    def units(self, form: Form) -> int:
        """The number of units that are normalized together."""
        return form.size if self.over == "all" else form.channels

    def parameters(self, form: Form) -> Sequence[Parameter]:
        return self._scale_and_shift((self.units(form),))

    def in_program(self, form: Form) -> ProgramLayer | None:
        if form.varies or self.units(form) < form.size:
            return None
        shape = (form.size,)
        return ProgramLayer(
            LayerKind.LAYER_NORM, shape, shape, normalization=Normalization(self.eps)
        )

    def bind(self, binding: Binding) -> Layer:
        return BoundLayerNorm(self, binding)


class BoundLayerNorm(Layer):
    """Normalizes the columns of X as (units, N), or as (channels, positions · N)."""

    def __init__(self, spec: LayerNorm, binding: Binding) -> None:
        self.eps = spec.eps
        self.units = spec.units(binding.form)
        self.affine = _Affine(binding, self.units)
        self.Y = binding.buffer(*binding.input_shape)
        self.columns_of_Y = self.Y.reshape(self.units, -1)
        self.normalized = binding.buffers.empty(self.columns_of_Y.shape, binding.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        columns, Y = X.reshape(self.normalized.shape), self.columns_of_Y
        np.subtract(columns, np.mean(columns, axis=0), out=self.normalized)
        variance = np.einsum("ij,ij->j", self.normalized, self.normalized) / self.units
        self.spread = 1 / np.sqrt(variance + variance.dtype.type(self.eps))
        np.multiply(self.normalized, self.spread, out=self.normalized)
        np.multiply(self.normalized, self.affine.scale[:, None], out=Y)
        np.add(Y, self.affine.shift[:, None], out=Y)
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        columns = dY.reshape(self.normalized.shape)
        np.einsum("ij,ij->i", columns, self.normalized, out=self.affine.dscale)
        np.sum(columns, axis=1, out=self.affine.dshift)
        # dX = spread · (dX̂ − mean(dX̂) − X̂ · mean(dX̂ ⊙ X̂)), since μ and σ² depend on X
        columns *= self.affine.scale[:, None]
        along = np.einsum("ij,ij->j", columns, self.normalized) / self.units
        columns -= np.mean(columns, axis=0)
        self.normalized *= along
        columns -= self.normalized
        columns *= self.spread
        return columns.reshape(dY.shape)


class _Affine:
    """Scale and shift of each row and their gradients, (rows,); 1 and 0 if they are not trained."""

    def __init__(self, binding: Binding, rows: int) -> None:
        self.scale, self.shift = np.ones(rows, binding.dtype), np.zeros(rows, binding.dtype)
        self.dscale, self.dshift = np.empty((2, rows), binding.dtype)
        if "scale" in binding.params:
            self.scale, self.shift = binding.params["scale"], binding.params["shift"]
        if "scale" in binding.params and binding.training:
            self.dscale, self.dshift = binding.grads["scale"], binding.grads["shift"]
