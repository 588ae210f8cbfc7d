"""Global pooling: all positions of a channel reduced to their maximum or their mean."""

from __future__ import annotations

from math import inf, prod
from typing import ClassVar, Literal

import numpy as np

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer, Window, exceeds_byte
from nnkit.nn.conv.windows import positions_of
from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import SpatialLayer
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField


class _GlobalPooling(SpatialLayer):
    output_is_scratch: ClassVar[bool] = True

    def output_form(self, form: Form) -> Form:
        positions_of(form, self.tag())
        return Form(form.channels)

    def receptive_field(self, form: Form) -> ReceptiveField:
        whole = tuple(inf if n is None else n for n in form.positions)
        return ReceptiveField(whole, (1,) * len(whole))

    def _in_program(self, kind: LayerKind, form: Form) -> ProgramLayer | None:
        shape = form.image_shape
        if shape is None or exceeds_byte(kind, prod(shape[1:])):
            return None
        return ProgramLayer(kind, shape, (form.channels, 1, 1), window=Window(shape[1:]))


class GlobalAvgPool(_GlobalPooling):
    """The mean of each channel over all positions, (C, H, W) → (C,) (Lin, Chen & Yan 2014).

    That of an empty sequence is 0.
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "global_average_pooling2d",
        "global_average_pool",
        "adaptive_avg_pool2d",
    )
    kind: Literal["global_avg_pool"] = "global_avg_pool"

    def in_program(self, form: Form) -> ProgramLayer | None:
        return self._in_program(LayerKind.AVERAGE_POOL, form)

    def bind(self, binding: Binding) -> Layer:
        return BoundGlobalAvgPool(binding)


class BoundGlobalAvgPool(Layer):
    """Y = mean over positions; dX = dY / (number of positions) at each position."""

    def __init__(self, binding: Binding) -> None:
        self.shape = (*binding.input_shape, binding.batch)
        self.Y = binding.buffer(binding.input_shape[0])
        self.dX = binding.buffer(*binding.input_shape) if binding.training else None
        self.positions = prod(binding.input_shape[1:])

    def forward(self, X: Array, now: Pass) -> Array:
        rows = X.reshape(len(X), -1, X.shape[-1])
        np.sum(rows, axis=1, out=self.Y)
        return np.divide(self.Y, self._counts(now), out=self.Y)

    def _counts(self, now: Pass) -> Array:
        """The number of positions of each sample, (1,) or (N,); 1 for empty sequences."""
        counts = np.array([self.positions]) if now.lengths is None else np.maximum(now.lengths, 1)
        return counts.astype(self.Y.dtype)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        assert self.dX is not None
        np.multiply(dY, 1 / self._counts(now), out=dY)
        self.dX.reshape(len(dY), -1, dY.shape[-1])[...] = dY[:, None]
        return self.dX


class GlobalMaxPool(_GlobalPooling):
    """The maximum of each channel, (C, H, W) → (C,); the first of equals gets the gradient.

    That of an empty sequence is 0.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("global_max_pooling2d", "adaptive_max_pool2d")
    kind: Literal["global_max_pool"] = "global_max_pool"

    def in_program(self, form: Form) -> ProgramLayer | None:
        return self._in_program(LayerKind.MAX_POOL, form)

    def bind(self, binding: Binding) -> Layer:
        return BoundGlobalMaxPool(binding)


class BoundGlobalMaxPool(Layer):
    """Y = max over positions; dX = dY at the maximum, 0 elsewhere."""

    def __init__(self, binding: Binding) -> None:
        self.dX = binding.buffer(*binding.input_shape) if binding.training else None

    def forward(self, X: Array, now: Pass) -> Array:
        rows = X.reshape(len(X), -1, X.shape[-1])
        if now.lengths is None:
            self.chosen = np.argmax(rows, axis=1)[:, None]  # (C, 1, N)
            return np.take_along_axis(rows, self.chosen, axis=1)[:, 0]
        inside = np.where(is_padding(rows.shape[1], now.lengths), -np.inf, rows)
        self.chosen = np.argmax(inside, axis=1)[:, None]
        # The chain has set positions after the end to 0, also the first of an empty sequence.
        return np.take_along_axis(rows, self.chosen, axis=1)[:, 0]

    def backward(self, dY: Array, now: Pass) -> Array | None:
        assert self.dX is not None
        self.dX.fill(0)
        rows = self.dX.reshape(len(dY), -1, dY.shape[-1])
        np.put_along_axis(rows, self.chosen, dY[:, None], axis=1)
        return self.dX
