"""Transposed convolution: a convolution's backward pass as a layer, which makes images larger."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.conv.im2col import Columns
from nnkit.nn.conv.windows import PerAxis, Sizes, Windows, per_axis, positions_of, windows
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.conv import check_groups
from nnkit.nn.layers.weighted import SpatialLayer, WeightedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField

LONG = 1 << 20


class ConvTranspose(SpatialLayer, WeightedLayer):
    """Transposed convolution: Z[f, s·p + d·k] += W[c, f, k] X[c, p].

    The transpose of the matrix of a convolution with these windows, plus b[f]; W is
    (channels, filters/groups, *kernel) (Zeiler et al. 2010; Dumoulin & Visin 2016, ch. 4).
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "conv_transpose2d",
        "conv2d_transpose",
        "deconvolution",
        "deconv",
        "conv_transpose1d",
        "conv1d_transpose",
    )
    kind: Literal["conv_transpose"] = "conv_transpose"
    output_is_scratch: ClassVar[bool] = True
    filters: Count = Field(description="The number of filters: the channels of the output.")
    kernel: Annotated[Sizes, PerAxis(1)] = Field(description="Window size, 5 or [5, 3].")
    stride: Annotated[Sizes, PerAxis(1)] = Field(
        1, description="Distance between windows; the output is larger by this factor."
    )
    padding: Annotated[Sizes, PerAxis(0)] = Field(
        0, description="How much to crop around the output."
    )
    output_padding: Annotated[Sizes, PerAxis(0)] = Field(
        0, description="How much to add at the end of the output; less than the stride."
    )
    dilation: Annotated[Sizes, PerAxis(1)] = Field(
        1, description="Distance between the entries of a window."
    )
    groups: Count = Field(1, description="The number of groups of channels and filters.")
    bias: bool = Field(True, description="Whether to add b.")

    def windows(self, form: Form) -> Windows:
        """The windows over the *output*, one for each position of an input of that form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        # A large stand-in for a varying size, so that no setting is rejected before the size is
        # known.
        size = tuple(n or LONG for n in positions_of(form, self.tag()))
        kernel, stride, padding, extra, dilation = (
            per_axis(getattr(self, field), len(size), field)
            for field in ("kernel", "stride", "padding", "output_padding", "dilation")
        )
        if any(e >= s for e, s in zip(extra, stride, strict=True)):
            raise ShapeError("must be less than the stride", "output_padding")
        output = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(size, stride, padding, dilation, kernel, extra, strict=True)
        )
        if min(output) < 1:
            raise ShapeError("removes more than the whole output", "padding")
        return windows(output, kernel, stride, padding, dilation)

    def output_form(self, form: Form) -> Form:
        found = self.windows(form)
        check_groups(self.groups, form.channels, self.filters)
        return form.resized(self.filters, found.size)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        found = self.windows(form)
        each = self.filters // self.groups
        fan_in, fan_out = form.channels // self.groups * found.taps, each * found.taps
        weights = (form.channels, each, *found.kernel)
        filters = np.arange(self.filters).reshape(self.groups, 1, each)
        units = np.broadcast_to(filters, (self.groups, form.channels // self.groups, each)).ravel()
        return self.weights_and_bias(weights, fan_in, fan_out, self.bias, units)

    def multiplications(self, form: Form) -> int:
        (W, *_) = self.parameters(form)
        return W.size * prod(n or 1 for n in form.positions)

    def receptive_field(self, form: Form) -> ReceptiveField:
        found = self.windows(form)
        seen = tuple(-(-r // s) for r, s in zip(found.extent, found.stride, strict=True))
        return ReceptiveField(seen, tuple(1 / s for s in found.stride))

    def in_program(self, form: Form) -> ProgramLayer | None:
        inputs, outputs = form.image_shape, self.output_form(form).image_shape
        if inputs is None or outputs is None:
            return None
        window = self.windows(form).in_program()
        kind = LayerKind.CONV_TRANSPOSE
        return ProgramLayer(kind, inputs, outputs, window=window, groups=self.groups)

    def bind(self, binding: Binding) -> Layer:
        return BoundConvTranspose(binding, self.windows(binding.form), self.groups)


class BoundConvTranspose(Layer):
    """Z = col2im(Wᵀ X) + b; dW = X · im2col(dZ)ᵀ, dX = W · im2col(dZ)."""

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, binding: Binding, windows: Windows, groups: int) -> None:
        W = binding.params["W"]
        channels, N, dtype = len(W), binding.batch, binding.dtype
        self.filters = W.shape[1] * groups
        self.columns = Columns(
            windows, self.filters, N, dtype, binding.buffers, gathers=binding.training
        )
        self.W = W.reshape(groups, channels // groups, -1)  # (groups, C/groups, F/groups · taps)
        self.grouped = (groups, -1, prod(binding.input_shape[1:]) * N)
        self.Z = binding.buffer(self.filters, *windows.size)
        self.spread = binding.buffers.empty((groups, self.W.shape[2], self.grouped[2]), dtype)
        self.b = binding.params.get("b")
        if binding.training:
            self.dW = binding.grads["W"].reshape(self.W.shape)
            self.db = binding.grads.get("b")
        self.dX = binding.buffer(*binding.input_shape) if binding.input_gradient else None

    def forward(self, X: Array, now: Pass) -> Array:
        grouped = X.reshape(self.grouped)
        if now.training:
            self.X = grouped
        np.matmul(self.W.transpose(0, 2, 1), grouped, out=self.spread)
        self.columns.scatter(self.spread.reshape(self.columns.shape), self.Z)
        if self.b is not None:
            rows = self.Z.reshape(self.filters, -1)
            np.add(rows, self.b[:, None], out=rows)
        return self.Z

    def backward(self, dY: Array, now: Pass) -> Array | None:
        if self.db is not None:
            np.sum(dY.reshape(self.filters, -1), axis=1, out=self.db)
        columns = self.columns.gather(dY).reshape(self.spread.shape)
        np.matmul(self.X, columns.transpose(0, 2, 1), out=self.dW)
        if self.dX is not None:
            np.matmul(self.W, columns, out=self.dX.reshape(self.grouped))
        return self.dX
