"""The encoder's last state as an input of each step of a decoder."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import PrivateAttr

from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass


class Context(LayerSpec):
    """In a decoder, appends the encoder's last state to each position's vector (Cho et al. 2014).

    As the first layer of a decoder it takes the place of the symbols: a decoder that is given
    nothing but the encoder's state, repeated.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("repeat_vector",)
    kind: Literal["context"] = "context"
    takes_ids: ClassVar[bool] = True
    _units: int | None = PrivateAttr(None)  # of the encoder's last state

    def reading(self, units: int) -> Context:
        """The layer in a decoder whose encoder's last state has so many units."""
        layer = self.model_copy()
        layer._units = units
        return layer

    def output_form(self, form: Form) -> Form:
        if self._units is None or len(form.positions) != 1:
            raise ShapeError("'context' stands in a decoder, before a recurrent layer")
        return Form(self._units + (0 if form.ids else form.channels), form.positions)

    def bind(self, binding: Binding) -> Layer:
        assert self._units is not None
        return BoundContext(self._units, binding)


class BoundContext(Layer):
    """Y[:, t] = [X[:, t]; s], with the encoder's last state s."""

    def __init__(self, units: int, binding: Binding) -> None:
        *channels, length = binding.input_shape  # ids have no channels
        self.own = channels[0] if channels else 0
        self.Y = binding.buffer(self.own + units, length)

    def forward(self, X: Array, now: Pass) -> Array:
        summary = now.encoder_memory().summary
        assert summary is not None
        if self.own:
            self.Y[: self.own] = X
        self.Y[self.own :] = summary[:, None]
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        memory = now.encoder_memory()
        memory.d_summary += np.add.reduce(dY[self.own :], axis=1)
        return dY[: self.own] if self.own else None
