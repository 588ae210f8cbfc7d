"""Pooling: each window reduced to one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import MOST_ENTRIES, ProgramLayer, Window
from nnkit.nn.conv.im2col import Padded
from nnkit.nn.conv.windows import PerAxis, Sizes, Windows, positions_of, windows
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, Constant
from nnkit.nn.layer import Binding, Layer, ReceptiveField
from nnkit.nn.layers.weighted import SpatialLayer, WeightedLayer
from nnkit.nn.padding import clear_padding, is_padding
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass


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
        if inputs is None or outputs is None or _exceeds(kind, found.taps):
            return None
        return ProgramLayer(kind, inputs, outputs, window=found.in_program())


def _exceeds(kind: LayerKind, entries: int) -> bool:
    """Whether programs cannot count the entries of a window, of which they note the largest."""
    return kind == LayerKind.MAX_POOL and entries > MOST_ENTRIES


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
        channels, N, dtype = binding.input_shape[0], binding.batch, binding.dtype
        self.slices = [(slice(None), *entry) for entry in windows.slices()]
        self.inside = (slice(None), *windows.inside)
        self.padded = None
        if windows.is_padded:
            self.padded = Padded(windows, channels, N, dtype, binding.buffers, around=-np.inf)
        self.Y = binding.buffer(channels, *windows.count)
        self.training = binding.training
        if binding.training:
            marks = (len(self.slices), *self.Y.shape)
            self.chosen = binding.buffers.empty(marks, np.dtype(bool))
            self.free = binding.buffers.empty(self.Y.shape, np.dtype(bool))
            self.work = binding.buffers.empty(self.Y.shape, dtype)
            self.around = binding.buffer(channels, *windows.padded)

    def forward(self, X: Array, now: Pass) -> Array:
        if self.padded is not None:
            X = self.padded(X)
            if now.lengths is not None:
                inside = X[self.inside]
                np.copyto(inside, -np.inf, where=is_padding(inside.shape[-2], now.lengths))
        first, *others = self.slices
        np.copyto(self.Y, X[first])
        for entry in others:
            np.maximum(self.Y, X[entry], out=self.Y)
        if self.padded is not None and now.lengths is not None:
            np.copyto(self.Y, 0, where=np.isneginf(self.Y))  # of windows after the end
        if self.training:
            self.free.fill(True)
            for entry, chosen in zip(self.slices, self.chosen, strict=True):
                np.equal(X[entry], self.Y, out=chosen)
                np.logical_and(chosen, self.free, out=chosen)
                np.logical_xor(self.free, chosen, out=self.free)
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        self.around.fill(0)
        for entry, chosen in zip(self.slices, self.chosen, strict=True):
            np.multiply(dY, chosen, out=self.work)
            self.around[entry] += self.work
        if self.padded is None:
            return self.around
        return np.ascontiguousarray(self.around[self.inside])


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
        self.sums, self.windows = Sums(binding, windows), windows
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


class Sums:
    """The sum of each window's entries, and its gradient."""

    def __init__(self, binding: Binding, windows: Windows) -> None:
        channels, N, dtype = binding.input_shape[0], binding.batch, binding.dtype
        self.slices = [(slice(None), *entry) for entry in windows.slices()]
        self.inside = (slice(None), *windows.inside)
        self.padded = None
        if windows.is_padded:
            self.padded = Padded(windows, channels, N, dtype, binding.buffers)
        self.Y = binding.buffer(channels, *windows.count)
        if binding.training:
            self.around = binding.buffer(channels, *windows.padded)

    def forward(self, X: Array) -> Array:
        """Y (C, *windows, N) for X (C, *positions, N)."""
        X = self.padded(X) if self.padded is not None else X
        first, *others = self.slices
        np.copyto(self.Y, X[first])
        for entry in others:
            np.add(self.Y, X[entry], out=self.Y)
        return self.Y

    def backward(self, dY: Array) -> Array:
        """The gradient dX (C, *positions, N) for dY (C, *windows, N)."""
        self.around.fill(0)
        for entry in self.slices:
            self.around[entry] += dY
        if self.padded is None:
            return self.around
        return np.ascontiguousarray(self.around[self.inside])


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
        self.sums = Sums(binding, windows)
        each = (-1, *[1] * (len(binding.input_shape)))  # one number for each channel
        self.W, self.b = binding.params["W"].reshape(each), binding.params["b"].reshape(each)
        self.Y = binding.buffer(*self.sums.Y.shape[:-1])
        if binding.training:
            self.dW, self.db = binding.grads["W"], binding.grads["b"]

    def forward(self, X: Array, now: Pass) -> Array:
        np.multiply(self.sums.forward(X), self.W, out=self.Y)
        return np.add(self.Y, self.b, out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        rows, sums = dY.reshape(len(self.dW), -1), self.sums.Y.reshape(len(self.dW), -1)
        np.einsum("ij,ij->i", rows, sums, out=self.dW)
        np.sum(rows, axis=1, out=self.db)
        return self.sums.backward(np.multiply(dY, self.W, out=dY))


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
        if shape is None or _exceeds(kind, prod(shape[1:])):
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
