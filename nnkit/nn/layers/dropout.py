"""Dropout: in training, each unit is dropped with a given probability."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.dropout_mask import DropoutMask, DropoutRate, dropped_draws
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass


class Dropout(LayerSpec):
    """Sets units to 0 with probability `rate` and scales the rest by 1/(1 − rate).

    At inference it has no effect (Srivastava et al. 2014, in the "inverted" form). The rate is
    rounded to within 1/65536, and the scale is exact for the rounded rate.
    """

    kind: Literal["dropout"] = "dropout"
    shorthand: ClassVar[str | None] = "rate"
    drops_units: ClassVar[bool] = True
    rate: DropoutRate

    def in_program(self, form: Form) -> ProgramLayer | None:
        shape = form.sequence_shape or form.image_shape or (form.size, 1, 1)
        return ProgramLayer(LayerKind.DROPOUT, shape, shape, dropped=dropped_draws(self.rate))

    def bind(self, binding: Binding) -> Layer:
        return BoundDropout(self.rate, binding, binding.input_shape)


class SpatialDropout(LayerSpec):
    """Sets whole channels to 0 with probability `rate` and scales the rest by 1/(1 − rate).

    Neighbouring units of a map are strongly correlated, so dropping single ones removes little
    information (Tompson et al. 2015, §3.2).
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("dropout2d", "spatial_dropout2d", "channel_dropout")
    kind: Literal["spatial_dropout"] = "spatial_dropout"
    shorthand: ClassVar[str | None] = "rate"
    rate: DropoutRate

    def output_form(self, form: Form) -> Form:
        if not form.positions:
            raise ShapeError(
                "'spatial_dropout' drops whole maps of images or sequences, but each sample "
                f"here has shape {form}; use '- dropout: {self.rate:g}'"
            )
        return form

    def in_program(self, form: Form) -> ProgramLayer | None:
        shape = form.sequence_shape or form.image_shape
        if shape is None:
            return None
        return ProgramLayer(
            LayerKind.SPATIAL_DROPOUT, shape, shape, dropped=dropped_draws(self.rate)
        )

    def bind(self, binding: Binding) -> Layer:
        channels, *positions = binding.input_shape
        return BoundDropout(self.rate, binding, (channels, *[1] * len(positions)))


class BoundDropout(Layer):
    """Y = M ⊙ X and dX = M ⊙ dY, with a new mask M at each step.

    M is (*shape, N), or has size 1 along axes whose units are dropped together.
    """

    def __init__(self, rate: float, binding: Binding, mask_shape: Shape) -> None:
        self.mask = DropoutMask(rate, binding, mask_shape)
        if binding.training:
            self.Y = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        if not now.training:
            return X
        return np.multiply(X, self.mask.draw(now), out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return np.multiply(dY, self.mask.mask, out=dY)
