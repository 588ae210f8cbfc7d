"""Positional encoding: tells positions of a sequence apart, for layers that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.linear import Identity
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, Normal
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.weighted import Inside, TrainedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass

WAVELENGTHS = 10_000  # the longest wavelength is about 2π times this many positions
STD = 0.02  # of the initial values of learned encodings, as in BERT (Devlin et al. 2019)


class PositionalEncoding(TrainedLayer):
    """Adds P to a sequence (channels, length): y(t) = x(t) + P[:, t], with positions from 0.

    Sinusoidal: P[2i, t] = sin(t / 10000^(2i/channels)), and P[2i+1, t] is the cosine of the same
    (Vaswani et al. 2017, §3.5). Learned: P (channels, length) is trained.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("position_embedding", "position_encoding")
    kind: Literal["positional_encoding"] = "positional_encoding"
    shorthand: ClassVar[str | None] = "method"
    method: Literal["sinusoidal", "learned"] = Field(
        "sinusoidal", description="Fixed waves, or trained values."
    )
    length: Count | None = Field(
        None, description="The length of the longest sequence; for learned encodings only."
    )

    initializer: AnyInitializer | None = Field(
        None, description="For learned encodings; by default N(0, 0.02²)."
    )

    @model_validator(mode="after")
    def _length_is_that_of_learned_ones(self) -> Self:
        if self.method == "learned" and self.length is None:
            raise ValueError("learned encodings need 'length', that of the longest sequence")
        if self.method == "sinusoidal" and self.length is not None:
            raise ValueError("length has no effect without 'method: learned'")
        return self

    @property
    def inner_activation(self) -> AnyActivation:
        return Identity()

    @property
    def continues_streams(self) -> bool:
        return False

    def completed(
        self, initializer: AnyInitializer, bias_initializer: AnyInitializer, inside: Inside
    ) -> LayerSpec:
        return self  # initializers for products do not suit what is added to inputs

    def output_form(self, form: Form) -> Form:
        if len(form.positions) != 1:
            raise ShapeError(
                f"'{self.tag()}' takes sequences (channels, length), but each sample here has "
                f"shape {form}"
            )
        (length,) = form.positions
        if self.length is not None and length is not None and length > self.length:
            raise ShapeError(f"must be at least {length}, the length of a sequence", "length")
        return form

    def parameters(self, form: Form) -> Sequence[Parameter]:
        if self.length is None:
            return ()
        initial = self.initializer or Normal(std=STD)
        shape = (form.channels, self.length)
        return [Parameter("P", shape, 1, 1, initial, self.decay, self.lr_factor)]

    def multiplications(self, form: Form) -> int:
        return 0

    def bind(self, binding: Binding) -> Layer:
        return BoundPositionalEncoding(binding)


class BoundPositionalEncoding(Layer):
    """Y = X + P; dX = dY, and dP[:, t] is the sum of dY[:, t] over the batch."""

    def __init__(self, binding: Binding) -> None:
        channels, self.length = binding.input_shape
        self.Y = binding.buffer(channels, self.length)
        self.dP = binding.grads.get("P")
        self.P = binding.params.get("P")
        if self.P is None:
            self.P = sinusoids(channels, self.length).astype(binding.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        assert self.P is not None
        return np.add(X, self.P[:, : self.length, None], out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        if self.dP is not None:
            self.dP.fill(0)
            np.sum(dY, axis=-1, out=self.dP[:, : self.length])
        return dY


def sinusoids(channels: int, length: int) -> Array:
    """The sinusoidal encoding P, (channels, length)."""
    rates = WAVELENGTHS ** (-(np.arange(channels) // 2 * 2) / channels)
    P: Array = rates[:, None] * np.arange(length)
    P[0::2] = np.sin(P[0::2])
    P[1::2] = np.cos(P[1::2])
    return P
