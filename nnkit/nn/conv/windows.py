"""Positions of the windows of a convolution or pooling on its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from nnkit.native.program_layer import Window
from nnkit.nn.form import Form, Positions, ShapeError
from nnkit.nn.params import Shape

Sizes = int | tuple[int, ...]  # one number for all axes, or one for each
Padding = Literal["valid", "same"] | int | tuple[int, ...]
MOST = 1 << 31


class PerAxis:
    """Annotation of a setting that is one whole number for all axes, or a list of one per axis.

    Use: `Annotated[Sizes, PerAxis(least=1)]`.
    """

    def __init__(self, least: int, words: Sequence[str] = ()) -> None:
        self.least = least
        self.words = tuple(words)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": self.least}
        several = {"type": "array", "items": number, "minItems": 1, "maxItems": 2}
        return {"anyOf": [*([{"enum": list(self.words)}] if self.words else []), number, several]}

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return str(value)
        if self._fits(value):
            return value
        if isinstance(value, list | tuple) and 1 <= len(value) <= 2 and all(map(self._fits, value)):
            return tuple(value)
        if self.least == 0 and value in ("valid", "same"):
            raise PydanticCustomError(
                "not_a_padding",
                "'{value}' is for 'conv' only; give the number of zeros on each side, such as 0 "
                "or 1",
                {"value": value},
            )
        words = "".join(f"'{word}', " for word in self.words)
        raise PydanticCustomError(
            "per_axis",
            "expected {words}a whole number of at least {least}, or a list of one per axis, "
            "such as [3, 5]",
            {"words": words, "least": self.least},
        )

    def _fits(self, value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and self.least <= value < MOST


def per_axis(value: Sizes, axes: int, field: str) -> Shape:
    """A setting as one number for each axis.

    Raises:
        ShapeError: the setting lists a different number of axes.
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise ShapeError(
            f"{len(value)} numbers, but each sample has {axes} axis(es) besides the channels", field
        )
    return value


def positions_of(form: Form, kind: str) -> Positions:
    """The positions (H, W) or (L,) of an image or sequence.

    Raises:
        ShapeError: the samples are neither images nor sequences.
    """
    if len(form.positions) not in (1, 2):
        raise ShapeError(
            f"'{kind}' takes images (channels, height, width) or sequences (channels, length), "
            f"but each sample here has shape {form}; put it before '- flatten', or "
            "'- reshape: [channels, height, width]' before it"
        )
    return form.positions


@dataclass(frozen=True, slots=True)
class Windows:
    """A grid of windows over an input; all attributes have one entry for each axis.

    Attributes:
        size: the size of the input, such as (H, W).
        kernel: size of a window, in entries.
        stride: distance from one window to the next.
        dilation: distance from one entry of a window to the next.
        before: amount of padding before the input.
        after: amount of padding after the input.
    """

    size: Shape
    kernel: Shape
    stride: Shape
    dilation: Shape
    before: Shape
    after: Shape

    @property
    def extent(self) -> Shape:
        """The extent of a window, from its first entry to just past its last."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def padded(self) -> Shape:
        """The input's size including padding."""
        return tuple(b + n + a for b, n, a in zip(self.before, self.size, self.after, strict=True))

    @property
    def count(self) -> Shape:
        """The number of windows, which is the output's size."""
        return tuple(
            (n - r) // s + 1 for n, r, s in zip(self.padded, self.extent, self.stride, strict=True)
        )

    @property
    def taps(self) -> int:
        """The number of entries in a window."""
        return prod(self.kernel)

    @property
    def is_padded(self) -> bool:
        """Whether the input is padded."""
        return any(self.before) or any(self.after)

    @property
    def are_points(self) -> bool:
        """Whether each window is just one entry of the input, and each entry has its window."""
        return self.taps == 1 and set(self.stride) == {1} and not self.is_padded

    def in_program(self) -> Window:
        """The windows as compiled programs take them; those over sequences are of height 1."""
        return Window(
            of_image(self.kernel, 1),
            of_image(self.before, 0),
            of_image(self.after, 0),
            of_image(self.stride, 1),
            of_image(self.dilation, 1),
        )

    @property
    def inside(self) -> tuple[slice, ...]:
        """The slices of the padded input that hold the input."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.size, strict=True))

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Yields, for each entry of a window, its slices in the padded input, over all windows."""
        for entry in product(*(range(k) for k in self.kernel)):
            yield tuple(
                slice(e * d, e * d + (n - 1) * s + 1, s)
                for e, d, s, n in zip(entry, self.dilation, self.stride, self.count, strict=True)
            )


def windows(
    size: Positions,
    kernel: Sizes,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    kernel_field: str = "kernel",
) -> Windows:
    """The windows over an input of the given size for a layer's settings.

    An axis of varying size gets one window.

    With `same` there is one window for each `stride` entries. If the amount of padding is odd, the
    extra zero is added after the input (as in PyTorch, Keras and ONNX's SAME_UPPER).

    Raises:
        ShapeError: the settings do not fit the input, or no window fits into it.
    """
    axes = len(size)
    kernels, strides = per_axis(kernel, axes, kernel_field), per_axis(stride, axes, "stride")
    dilations = per_axis(dilation, axes, "dilation")
    extent = [(k - 1) * d + 1 for k, d in zip(kernels, dilations, strict=True)]
    sizes = tuple(r if n is None else n for n, r in zip(size, extent, strict=True))
    if padding == "same":
        total = [
            max((-(-n // s) - 1) * s + r - n, 0)
            for n, s, r in zip(sizes, strides, extent, strict=True)
        ]
        before = tuple(t // 2 for t in total)
        after = tuple(t - b for t, b in zip(total, before, strict=True))
    else:
        before = after = per_axis(0 if padding == "valid" else padding, axes, "padding")
    found = Windows(sizes, kernels, strides, dilations, before, after)
    if any(n < r for n, r in zip(found.padded, extent, strict=True)):
        raise ShapeError(
            f"a window of {_times(extent)} does not fit into {_times(found.padded)}", kernel_field
        )
    return found


def of_image(values: Shape, vertical: int) -> tuple[int, int]:
    """The values of both axes of images; sequences get `vertical` for the other axis."""
    *others, horizontal = values
    return (others[0] if others else vertical, horizontal)


def _times(sizes: Sequence[int]) -> str:
    return " × ".join(map(str, sizes))
