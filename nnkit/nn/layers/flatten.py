"""Flatten, reshape and rows: the values of a sample in another shape."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, Listed
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass


class Flatten(LayerSpec):
    """A sample of any shape as one vector, channels slowest: (C, H, W) → (C·H·W,)."""

    kind: Literal["flatten"] = "flatten"
    output_is_view: ClassVar[bool] = True

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_form(self, form: Form) -> Form:
        return Form(form.size)

    def bind(self, binding: Binding) -> Layer:
        return BoundReshape(binding, (binding.form.size,))


class Reshape(LayerSpec):
    """The values of each sample, in their order, as an array of the given shape.

    For example, a table with one column per pixel becomes images: `- reshape: [1, 8, 8]`.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("unflatten", "view")
    kind: Literal["reshape"] = "reshape"
    shorthand: ClassVar[str | None] = "shape"
    output_is_view: ClassVar[bool] = True
    rearranges: ClassVar[bool] = True
    shape: Annotated[tuple[Count, ...], Listed, Field(min_length=1, max_length=3)] = Field(
        description="Channels first: [channels, height, width]."
    )

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_form(self, form: Form) -> Form:
        if form.size != prod(self.shape):
            raise ShapeError(
                f"makes {prod(self.shape)} numbers, but each sample here has {form.size}",
                "shape",
            )
        return Form.of(self.shape)

    def bind(self, binding: Binding) -> Layer:
        return BoundReshape(binding, self.shape)


class Rows(LayerSpec):
    """An image as the sequence of its rows, from top to bottom: (C, H, W) → (C·W, H)."""

    kind: Literal["rows"] = "rows"
    output_is_scratch: ClassVar[bool] = True
    rearranges: ClassVar[bool] = True

    def output_form(self, form: Form) -> Form:
        if len(form.positions) != 2:
            raise ShapeError(f"'rows' takes images, but each sample here has shape {form}")
        channels, height, width = form.shape
        return Form(channels * width, (height,))

    def in_program(self, form: Form) -> ProgramLayer | None:
        channels, height, width = form.shape
        return ProgramLayer(
            LayerKind.SEQUENCE,
            (form.size,),
            (channels * width, height),
            groups=channels,
            width=width,
        )

    def bind(self, binding: Binding) -> Layer:
        return BoundRows(binding)


class BoundRows(Layer):
    """(C, H, W, N) → (C·W, H, N) and back."""

    def __init__(self, binding: Binding) -> None:
        channels, height, width = self.shape = binding.input_shape
        self.Y = binding.buffer(channels, width, height)

    def forward(self, X: Array, now: Pass) -> Array:
        np.copyto(self.Y, X.transpose(0, 2, 1, 3))
        channels, height, width = self.shape
        return self.Y.reshape(channels * width, height, -1)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        channels, height, width = self.shape
        return dY.reshape(channels, width, height, -1).transpose(0, 2, 1, 3)


class BoundReshape(Layer):
    """(*shape, N) → (*other shape, N) and back; both are views where the memory layout allows."""

    def __init__(self, binding: Binding, shape: Shape) -> None:
        self.before, self.after = binding.input_shape, shape
        # np.moveaxis would take microseconds to compute these at each step.
        self.axes = (len(self.before), *range(len(self.before)))
        self.samples_last = (*range(1, len(shape) + 1), 0)

    def forward(self, X: Array, now: Pass) -> Array:
        # A data batch is stored as (N, *shape) and viewed with N last; this needs no copy either.
        samples = X.shape[-1]
        if X.flags.c_contiguous:
            return X.reshape(*self.after, samples)
        rows = X.transpose(self.axes).reshape(samples, *self.after)
        return rows.transpose(self.samples_last)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return dY.reshape(*self.before, -1)
