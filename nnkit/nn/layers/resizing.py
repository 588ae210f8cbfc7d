"""Layers that enlarge images and sequences without weights: zero padding and upsampling."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer, Window
from nnkit.nn.conv.windows import PerAxis, Sizes, of_image, per_axis, positions_of
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import SpatialLayer
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField


class ZeroPad(SpatialLayer):
    """Zeros around an image or sequence: `size` before it and `behind` after it."""

    elsewhere: ClassVar[tuple[str, ...]] = ("zero_padding2d", "zero_pad2d", "pad", "zero_padding")
    kind: Literal["zero_pad"] = "zero_pad"
    shorthand: ClassVar[str | None] = "size"
    output_is_scratch: ClassVar[bool] = True
    size: Annotated[Sizes, PerAxis(0)] = Field(1, description="How many before, 2 or [2, 1].")
    behind: Annotated[Sizes, PerAxis(0)] | None = Field(
        None, description="How many after; default: as many as before."
    )

    def output_form(self, form: Form) -> Form:
        positions = positions_of(form, self.tag())
        before, after = self.sizes(len(positions))
        sizes = [b + (n or 0) + a for b, n, a in zip(before, positions, after, strict=True)]
        return form.resized(form.channels, sizes)

    def sizes(self, axes: int) -> tuple[Shape, Shape]:
        """The numbers of zeros before and after the input, for each axis."""
        before = per_axis(self.size, axes, "size")
        after = before if self.behind is None else per_axis(self.behind, axes, "behind")
        return before, after

    def in_program(self, form: Form) -> ProgramLayer | None:
        inputs, outputs = form.image_shape, self.output_form(form).image_shape
        if inputs is None or outputs is None:
            return None
        before, after = self.sizes(len(form.positions))
        window = Window((1, 1), of_image(before, 0), of_image(after, 0))
        return ProgramLayer(LayerKind.ZERO_PAD, inputs, outputs, window=window)

    def bind(self, binding: Binding) -> Layer:
        positions = binding.input_shape[1:]
        before, _ = self.sizes(len(positions))
        inside = tuple(slice(b, b + n) for b, n in zip(before, positions, strict=True))
        return BoundZeroPad(binding, self.output_form(binding.form).shape, inside)


class BoundZeroPad(Layer):
    """Y holds X in its middle; dX is the middle of dY."""

    def __init__(self, binding: Binding, shape: Shape, inside: tuple[slice, ...]) -> None:
        self.Y = binding.buffer(*shape)
        self.inside = (slice(None), *inside)

    def forward(self, X: Array, now: Pass) -> Array:
        self.Y.fill(0)  # the next layer may have overwritten it
        self.Y[self.inside] = X
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return np.ascontiguousarray(dY[self.inside])


class UpSample(SpatialLayer):
    """Enlarges each axis `size` times, by repetition or by interpolation between centres.

    `bilinear` is PyTorch's with `align_corners=False`, half-pixel centres; at the border the
    nearest value is used.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("upsample", "up_sampling2d", "upsampling", "resize")
    kind: Literal["up_sample"] = "up_sample"
    shorthand: ClassVar[str | None] = "size"
    output_is_scratch: ClassVar[bool] = True
    size: Annotated[Sizes, PerAxis(1)] = Field(2, description="The factor, 2 or [2, 1].")
    method: Literal["nearest", "bilinear"] = Field(
        "nearest", description="Repetition or interpolation."
    )

    def output_form(self, form: Form) -> Form:
        positions = positions_of(form, self.tag())
        times = per_axis(self.size, len(positions), "size")
        if self.method == "bilinear" and positions == (None,):
            raise ShapeError(
                "cannot interpolate at the ends of sequences of different lengths; use nearest",
                "method",
            )
        sizes = [(n or 1) * t for n, t in zip(positions, times, strict=True)]
        return form.resized(form.channels, sizes)

    def receptive_field(self, form: Form) -> ReceptiveField:
        times = per_axis(self.size, len(form.positions), "size")
        seen = tuple(1 if t == 1 or self.method == "nearest" else 2 for t in times)
        return ReceptiveField(seen, tuple(1 / t for t in times))

    def in_program(self, form: Form) -> ProgramLayer | None:
        inputs, outputs = form.image_shape, self.output_form(form).image_shape
        if inputs is None or outputs is None:
            return None
        times = per_axis(self.size, len(form.positions), "size")
        kind = LayerKind.REPEAT if self.method == "nearest" else LayerKind.INTERPOLATE
        return ProgramLayer(kind, inputs, outputs, window=Window(of_image(times, 1)))

    def bind(self, binding: Binding) -> Layer:
        old, new = binding.input_shape[1:], self.output_form(binding.form).shape[1:]
        matrices = [
            interpolation(n, m, self.method).astype(binding.dtype)
            for n, m in zip(old, new, strict=True)
        ]
        return BoundUpSample(matrices)


def interpolation(old: int, new: int, method: str) -> Array:
    """The matrix (new, old) that resizes `old` points to `new` ones along one axis."""
    places = (np.arange(new) + 0.5) * old / new - 0.5  # of the new points among the old ones
    if method == "nearest":
        places = np.rint(places)
    below = np.floor(places).astype(int)
    share = places - below
    matrix = np.zeros((new, old))
    for index, weight in ((below, 1 - share), (below + 1, share)):
        np.add.at(matrix, (np.arange(new), np.clip(index, 0, old - 1)), weight)
    return matrix


class BoundUpSample(Layer):
    """Y = A X along each axis, dX = Aᵀ dY."""

    def __init__(self, matrices: list[Array]) -> None:
        self.matrices = matrices

    def forward(self, X: Array, now: Pass) -> Array:
        for axis, matrix in enumerate(self.matrices, start=1):
            X = _along(matrix, X, axis)
        return X

    def backward(self, dY: Array, now: Pass) -> Array | None:
        for axis, matrix in enumerate(self.matrices, start=1):
            dY = _along(matrix.T, dY, axis)
        return dY


def _along(matrix: Array, X: Array, axis: int) -> Array:
    """The product of a matrix with X along one axis."""
    before, after = X.shape[:axis], X.shape[axis + 1 :]
    flat: Any = np.matmul(matrix, X.reshape(*before, X.shape[axis], -1))
    return flat.reshape(*before, len(matrix), *after)
