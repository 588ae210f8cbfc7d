"""Convolution: each unit is connected to a window of the input, and all windows share weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, Listed
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.conv.im2col import Columns
from nnkit.nn.conv.windows import Padding, PerAxis, Sizes, Windows, positions_of, windows
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import SpatialLayer, WeightedLayer
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Pass
from nnkit.nn.products import product
from nnkit.nn.receptive_field import ReceptiveField

# The maps (of six) to which each of the sixteen of LeNet-5's C3 is connected (LeCun et al. 1998,
# table I).
LENET_5 = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
LENET_5_CHANNELS = 6

Connections = tuple[Annotated[tuple[int, ...], Listed], ...]


def check_groups(groups: int, channels: int, filters: int) -> None:
    """Raises a ShapeError if channels or filters are not divisible by the number of groups."""
    for count, what in ((channels, "channels of the input"), (filters, "filters")):
        if count % groups:
            raise ShapeError(f"{count} {what} cannot be divided into {groups} groups", "groups")


class Conv(SpatialLayer, WeightedLayer):
    """Convolution: Z[f, p] = Σ_{c,k} W[f, c, k] X[c, s·p + d·k] + b[f].

    Over images (channels, height, width) or sequences (channels, length), depending on the input. W
    is (filters, channels/groups, *kernel) (LeCun et al. 1989; as in other libraries the window is
    not mirrored, so strictly speaking it is a cross-correlation).
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "conv2d",
        "conv1d",
        "convolution",
        "convolution2d",
        "conv_2d",
        "conv_1d",
        "depthwise_conv",
    )
    kind: Literal["conv"] = "conv"
    output_is_scratch: ClassVar[bool] = True
    filters: Count = Field(description="The number of filters: the channels of the output.")
    kernel: Annotated[Sizes, PerAxis(1)] = Field(description="Window size, 5 or [5, 3].")
    stride: Annotated[Sizes, PerAxis(1)] = Field(1, description="Distance between windows.")
    padding: Annotated[Padding, PerAxis(0, ("valid", "same"))] = Field(
        "valid",
        description="Zeros around the input: `valid` for none, `same` for one output per `stride` "
        "inputs, or their number on each side.",
    )
    dilation: Annotated[Sizes, PerAxis(1)] = Field(
        1, description="Distance between the entries of a window."
    )
    groups: Count | Literal["depthwise"] = Field(
        1,
        description="The number of groups of channels and filters; a filter is connected to the "
        "channels of its group only. `depthwise` is one group per channel.",
    )
    connections: Literal["lenet-5"] | Annotated[Connections, Listed] | None = Field(
        None,
        description="For each filter the channels it is connected to, or `lenet-5` for the table "
        "of LeNet-5's C3 (LeCun et al. 1998, table I); by default all.",
    )
    bias: bool = Field(True, description="Whether to add b.")

    def windows(self, form: Form) -> Windows:
        """The windows over an input sample of that form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        size = positions_of(form, self.tag())
        if self.padding == "same" and size == (None,) and self.stride not in (1, (1,)):
            raise ShapeError(
                "of a stride above 1, 'same' depends on the length, which differs from sequence to "
                "sequence; set the number of zeros on each side",
                "padding",
            )
        return windows(size, self.kernel, self.stride, self.padding, self.dilation)

    def output_form(self, form: Form) -> Form:
        found = self.windows(form)
        channels, groups = form.channels, self._groups(form.channels)
        check_groups(groups, channels, self.filters)
        self._check_connections(channels, groups)
        return form.resized(self.filters, found.count)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        kernel, table = self.windows(form).kernel, self.table
        groups = self._groups(form.channels)
        taps, seen = prod(kernel), form.channels // groups
        if table is None:
            fan_in, fan_out = seen * taps, self.filters // groups * taps
            weights: Shape = (self.filters, seen, *kernel)
            units = None
        else:  # a block of weights for each connection
            count = sum(map(len, table))
            weights = (count, *kernel)
            fan_in, fan_out = count * taps // self.filters, count * taps // form.channels
            units = np.repeat(np.arange(self.filters), [len(channels) for channels in table])
        return self.weights_and_bias(weights, fan_in, fan_out, self.bias, units)

    def multiplications(self, form: Form) -> int:
        (W, *_), found = self.parameters(form), self.windows(form)
        return W.size * prod(found.count)

    def receptive_field(self, form: Form) -> ReceptiveField:
        found = self.windows(form)
        return ReceptiveField(found.extent, found.stride)

    @property
    def table(self) -> Connections | None:
        """The input channels connected to each filter, or None for all."""
        return LENET_5 if self.connections == "lenet-5" else self.connections

    def _groups(self, channels: int) -> int:
        return channels if self.groups == "depthwise" else self.groups

    def _check_connections(self, channels: int, groups: int) -> None:
        table = self.table
        if table is None:
            return
        if groups > 1:
            raise ShapeError(
                "groups and connections exclude each other; use one of them", "connections"
            )
        if len(table) != self.filters:
            raise ShapeError(
                f"has {len(table)} rows, but there are {self.filters} filters", "connections"
            )
        if self.connections == "lenet-5" and channels != LENET_5_CHANNELS:
            raise ShapeError(
                f"LeNet-5's table is for {LENET_5_CHANNELS} input channels, but the input here has "
                f"{channels}; remove it, or list the channels of each filter",
                "connections",
            )
        for filter_, seen in enumerate(table):
            if not seen or len(set(seen)) < len(seen) or not set(seen) <= set(range(channels)):
                raise ShapeError(
                    f"row {filter_} must list one or more channels from 0 to {channels - 1}, "
                    "each once",
                    "connections",
                )

    def in_program(self, form: Form) -> ProgramLayer | None:
        inputs, outputs = form.image_shape, self.output_form(form).image_shape
        if inputs is None or outputs is None or self.table is not None:
            return None
        window, groups = self.windows(form).in_program(), self._groups(form.channels)
        return ProgramLayer(LayerKind.CONV, inputs, outputs, window=window, groups=groups)

    def bind(self, binding: Binding) -> Layer:
        windows, groups = self.windows(binding.form), self._groups(binding.input_shape[0])
        weights = Weights(binding, self.table)
        return BoundConv(binding, windows, groups, weights)


class Weights:
    """The weights of all connections as trained, and as one block W (F, C/groups, taps).

    If a table omits connections, W is a copy with zeros in their places.
    """

    def __init__(self, binding: Binding, table: Connections | None) -> None:
        self.trained = binding.params["W"]
        self.gradient = binding.grads.get("W")
        self.table = table
        if table is None:
            self.W = self.trained.reshape(*self.trained.shape[:2], -1)
            self.dW: Array | None = None
            if self.gradient is not None:
                self.dW = self.gradient.reshape(self.W.shape)
            return
        pairs = [(f, c) for f, seen in enumerate(table) for c in seen]
        self.places = tuple(np.array(pairs).T)
        shape = (len(table), binding.input_shape[0], prod(self.trained.shape[1:]))
        self.W = np.zeros(shape, binding.dtype)
        self.dW = np.zeros(shape, binding.dtype)

    def current(self) -> Array:
        """W, (filters, channels of a group, taps)."""
        if self.table is not None:
            self.W[self.places] = self.trained.reshape(len(self.trained), -1)
        return self.W

    def pick_gradient(self) -> None:
        """Extracts the gradients of the existing connections from dW."""
        if self.table is not None and self.gradient is not None and self.dW is not None:
            self.gradient.reshape(len(self.gradient), -1)[...] = self.dW[self.places]


class BoundConv(Layer):
    """Z = W · im2col(X) + b; dW = dZ · im2col(X)ᵀ, dX = col2im(Wᵀ dZ)."""

    def __init__(self, binding: Binding, windows: Windows, groups: int, weights: Weights) -> None:
        self.windows, self.groups, self.weights = windows, groups, weights
        self.filters = len(weights.W)
        self.b = binding.params.get("b")
        self.db = binding.grads.get("b") if binding.training else None
        self.Z = binding.buffer(self.filters, *windows.count)
        self.points = prod(windows.count) * binding.batch  # of a map, over all samples
        if binding.training:
            self.ones = binding.ones(self.points)
        self.dX = binding.buffer(*binding.input_shape) if binding.input_gradient else None
        self.columns = Columns(
            windows,
            binding.input_shape[0],
            binding.batch,
            binding.dtype,
            binding.buffers,
            scatters=binding.input_gradient,
        )
        (_, seen, taps), dtype = weights.W.shape, binding.dtype
        rows = self.filters // groups
        self.W_shape = (groups, rows, seen * taps)
        self.for_Z = product(rows, seen * taps, self.points, dtype)
        if binding.training:
            self.for_dW = product(rows, self.points, seen * taps, dtype, transposed=True)
            self.for_dX = product(seen * taps, rows, self.points, dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        self.seen = self.columns.gather(X).reshape(self.groups, -1, self.points)
        W = self.weights.current().reshape(self.W_shape)
        Z = self.Z.reshape(self.groups, -1, self.points)
        for group in range(self.groups):
            self.for_Z(W[group], self.seen[group], Z[group])
        if self.b is not None:
            rows = self.Z.reshape(self.filters, -1)
            np.add(rows, self.b[:, None], out=rows)
        return self.Z

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dZ = dY.reshape(self.groups, -1, self.points)
        if self.db is not None:
            np.dot(dY.reshape(self.filters, -1), self.ones, out=self.db)
        W, dW = self.weights.W.reshape(self.W_shape), self.weights.dW
        assert dW is not None
        dW = dW.reshape(self.W_shape)
        for group in range(self.groups):
            self.for_dW(dZ[group], self.seen[group].T, dW[group])
        self.weights.pick_gradient()
        if self.dX is None:
            return None
        # The columns are no longer needed; those of the gradient reuse their memory.
        columns = np.empty_like(self.seen) if self.windows.are_points else self.seen
        for group in range(self.groups):
            self.for_dX(W[group].T, dZ[group], columns[group])
        self.columns.scatter(columns.reshape(self.columns.shape), self.dX)
        return self.dX
