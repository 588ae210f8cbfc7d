"""Pooling: each window reduced to its maximum or its mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer, exceeds_byte
from nnkit.nn.conv.window_buffers import WindowBuffers
from nnkit.nn.conv.window_sums import WindowSums
from nnkit.nn.conv.windows import PerAxis, Sizes, Windows, positions_of, windows
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import SpatialLayer
from nnkit.nn.padding import clear_padding, is_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField


class _Pooling(SpatialLayer):
    shorthand: ClassVar[str | None] = "size"
    output_is_scratch: ClassVar[bool] = True
    size: Annotated[Sizes, PerAxis(1)] = Field(2, description="Window size, 2 or [2, 1].")
    stride: Annotated[Sizes, PerAxis(1)] | None = Field(
        None, description="Distance between windows; default: the window size."
    )
    padding: Annotated[Sizes, PerAxis(0)] = Field(
        0, description="Zeros around the input (for max-pooling −∞), at most half a window."
    )

    def windows(self, form: Form) -> Windows:
        """The windows over an input sample of that form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        size = positions_of(form, self.tag())
        stride = self.size if self.stride is None else self.stride
        found = windows(size, self.size, stride, self.padding, kernel_field="size")
        if any(2 * b > k for b, k in zip(found.before, found.kernel, strict=True)):
            raise ShapeError(
                "must be at most half a window, or some windows would be empty", "padding"
            )
        return found

    def output_form(self, form: Form) -> Form:
        found = self.windows(form)
        return form.resized(form.channels, found.count)

    def receptive_field(self, form: Form) -> ReceptiveField:
        found = self.windows(form)
        return ReceptiveField(found.extent, found.stride)

    def _in_program(self, kind: LayerKind, form: Form) -> ProgramLayer | None:
        inputs, outputs = form.image_shape, self.output_form(form).image_shape
        found = self.windows(form)
        if inputs is None or outputs is None or exceeds_byte(kind, found.taps):
            return None
        return ProgramLayer(kind, inputs, outputs, window=found.in_program())


class MaxPool(_Pooling):
    """The maximum of each window; among equal values the first gets the gradient.

    Ranzato et al. 2007. Windows that would extend past the end are omitted, as in PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "maxpool",
        "max_pooling",
        "maxpool2d",
        "maxpool1d",
        "max_pooling2d",
        "max_pooling1d",
        "pool",
    )
    kind: Literal["max_pool"] = "max_pool"
    selects: ClassVar[bool] = True

    def in_program(self, form: Form) -> ProgramLayer | None:
        return self._in_program(LayerKind.MAX_POOL, form)

    def bind(self, binding: Binding) -> Layer:
        return BoundMaxPool(binding, self.windows(binding.form))


class BoundMaxPool(Layer):
    """Y = max over the entries of a window; for each entry, a mask marks where it was chosen."""

    def __init__(self, binding: Binding, windows: Windows) -> None:
        self.buffers = WindowBuffers(binding, windows, around=-np.inf)
        self.training = binding.training
        if binding.training:
            Y, empty = self.buffers.Y, binding.buffers.empty
            self.chosen = empty((len(self.buffers.slices), *Y.shape), np.dtype(bool))
            self.free = empty(Y.shape, np.dtype(bool))
            self.work = empty(Y.shape, binding.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        X, Y = self.buffers.padded(X), self.buffers.Y
        lengths = now.lengths if self.buffers.is_padded else None
        if lengths is not None:
            inside = X[self.buffers.inside]
            np.copyto(inside, -np.inf, where=is_padding(inside.shape[-2], lengths))
        first, *others = self.buffers.slices
        np.copyto(Y, X[first])
        for entry in others:
            np.maximum(Y, X[entry], out=Y)
        if lengths is not None:
            np.copyto(Y, 0, where=np.isneginf(Y))  # of windows after the end
        if self.training:
            self.free.fill(True)
            for entry, chosen in zip(self.buffers.slices, self.chosen, strict=True):
                np.equal(X[entry], Y, out=chosen)
                np.logical_and(chosen, self.free, out=chosen)
                np.logical_xor(self.free, chosen, out=self.free)
        return Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dX = self.buffers.cleared_gradient()
        for entry, chosen in zip(self.buffers.slices, self.chosen, strict=True):
            np.multiply(dY, chosen, out=self.work)
            dX[entry] += self.work
        return self.buffers.without_padding(dX)


class AvgPool(_Pooling):
    """The mean of each window."""

    elsewhere: ClassVar[tuple[str, ...]] = (
        "average_pool",
        "average_pooling",
        "avgpool",
        "avg_pool2d",
        "avgpool2d",
        "average_pooling2d",
        "mean_pool",
    )
    kind: Literal["avg_pool"] = "avg_pool"
    count_padding: bool = Field(
        True,
        description="Whether zeros of the padding count as entries, as in PyTorch; Keras leaves "
        "them out.",
    )

    def in_program(self, form: Form) -> ProgramLayer | None:
        layer = self._in_program(LayerKind.AVERAGE_POOL, form)
        return None if layer is None else replace(layer, counts_padding=self.count_padding)

    def bind(self, binding: Binding) -> Layer:
        return BoundAvgPool(binding, self.windows(binding.form), self.count_padding)


class BoundAvgPool(Layer):
    """Y = Σ entries / counts."""

    def __init__(self, binding: Binding, windows: Windows, count_padding: bool) -> None:
        self.sums, self.windows = WindowSums(binding, windows), windows
        self.count_padding, self.dtype = count_padding, binding.dtype
        self.share = self.of_all = self._shares(None)

    def _shares(self, lengths: Array | None) -> Array:
        """One divided by the number of entries that count in a window, (*positions, N or 1).

        After the end of a sequence there may be none; the share there does not matter.
        """
        found, ends = self.windows, 1 if lengths is None else len(lengths)
        inside = np.full((*found.padded, ends), float(self.count_padding))
        inside[found.inside] = 1
        if lengths is not None and not self.count_padding:
            clear_padding(inside[found.inside], lengths)
        counts = np.sum([inside[entry] for entry in found.slices()], axis=0)
        return (1 / np.maximum(counts, 1)).astype(self.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        self.share = self.of_all
        if now.lengths is not None and not self.count_padding:
            self.share = self._shares(now.lengths)
        Y = self.sums.forward(X)
        return np.multiply(Y, self.share, out=Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return self.sums.backward(np.multiply(dY, self.share, out=dY))
