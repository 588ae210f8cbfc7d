"""Embedding: a vector of numbers for each id, such as that of a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.linear import Identity
from nnkit.nn.dropout_mask import DropoutMask, DropoutRate
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, Normal
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.weighted import Inside, TrainedLayer
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass

MOST_IDS = 1 << 24  # whole numbers that float32 holds exactly


class _OverIds(LayerSpec):
    takes_ids: ClassVar[bool] = True

    def _check(self, form: Form) -> None:
        if not form.ids:
            raise ShapeError(
                f"'{self.tag()}' takes ids, such as those of words, but each sample here is of "
                f"real numbers, {form}"
            )


def _in_program(kind: LayerKind, form: Form, units: int) -> ProgramLayer | None:
    """A layer over sequences of ids in compiled programs, which pass these as real numbers."""
    if len(form.positions) != 1 or form.channels > MOST_IDS:
        return None
    length = form.positions[0] or 0
    return ProgramLayer(kind, (1, length), (units, length), groups=form.channels)


class Embedding(_OverIds, TrainedLayer):
    """A vector of `units` numbers for each id: y = W[id], with W (ids, units).

    It is a dense layer over unit vectors, without the products (Bengio et al. 2003). By default the
    vectors are drawn from N(0, 1/units), so their length is about 1. With word dropout, y = m W[id]
    in training, where m is 0 or 1/(1 − rate) for each id and sequence (Gal & Ghahramani 2016,
    §4.2).
    """

    kind: Literal["embedding"] = "embedding"
    shorthand: ClassVar[str | None] = "units"
    units: Count
    initializer: AnyInitializer | None = Field(None, description="For W; by default N(0, 1/units).")
    word_dropout: DropoutRate | None = Field(
        None,
        description="Dropout of ids: the vector is 0 wherever the id stands in a sequence.",
    )

    lazy: bool = Field(
        False,
        description="Whether a step leaves vectors without a gradient as they are, such as those "
        "of ids that are not in the batch: no momentum moves them, and neither weight decay nor a "
        "penalty shrinks them.",
    )

    @property
    def inner_activation(self) -> AnyActivation:
        return Identity()

    def completed(
        self, initializer: AnyInitializer, bias_initializer: AnyInitializer, inside: Inside
    ) -> LayerSpec:
        return self  # initializers for products would make the vectors of large tables short

    def output_form(self, form: Form) -> Form:
        self._check(form)
        return Form(self.units, form.positions)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        initial = self.initializer or Normal(std=1 / sqrt(self.units))
        shape = (form.channels, self.units)
        found = Parameter("W", shape, 1, self.units, initial, self.decay, self.lr_factor)
        return [replace(found, lazy=self.lazy)]

    def multiplications(self, form: Form) -> int:
        return 0

    def in_program(self, form: Form) -> ProgramLayer | None:
        return None if self.word_dropout else _in_program(LayerKind.EMBEDDING, form, self.units)

    def bind(self, binding: Binding) -> Layer:
        return BoundEmbedding(binding, self.word_dropout)


class BoundEmbedding(Layer):
    """Y[:, t, n] = m[i, n] W[i] for i = X[t, n]; dW[i] is the sum of m[i, n] dE/dY over its places.

    m (ids, N) is 1 without word dropout.
    """

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, binding: Binding, word_dropout: float | None) -> None:
        self.W, self.dW = binding.params["W"], binding.grads["W"]
        self.Y = binding.buffer_by_position(self.W.shape[1], *binding.input_shape)
        self.training = binding.training
        self.mask: DropoutMask | None = None
        if word_dropout is not None:
            self.mask = DropoutMask(word_dropout, binding, (len(self.W),), "words")

    def forward(self, X: Array, now: Pass) -> Array:
        if self.training:
            self.X = X
        np.copyto(self.Y.transpose(1, 2, 0), self.W[X])
        if self.mask is not None and now.training:
            self.kept_places = np.take_along_axis(self.mask.draw(now), X, axis=0)  # (T, N)
            self.Y *= self.kept_places
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        ids = self.X.reshape(-1)
        if self.mask is not None:
            np.multiply(dY, self.kept_places, out=dY)
        order = np.argsort(ids, kind="stable")
        found, first = np.unique(ids[order], return_index=True)
        self.dW.fill(0)
        self.dW[found] = np.add.reduceat(dY.reshape(len(dY), -1).T[order], first, axis=0)
        return None


class OneHotIds(_OverIds):
    """A unit vector for each id: 1 at the place of the id, 0 elsewhere."""

    kind: Literal["one_hot"] = "one_hot"

    def output_form(self, form: Form) -> Form:
        self._check(form)
        return Form(form.channels, form.positions)

    def in_program(self, form: Form) -> ProgramLayer | None:
        return _in_program(LayerKind.ONE_HOT, form, form.channels)

    def bind(self, binding: Binding) -> Layer:
        return BoundOneHotIds(binding)


class BoundOneHotIds(Layer):
    """Y[X[t, n], t, n] = 1."""

    def __init__(self, binding: Binding) -> None:
        self.Y = binding.buffer(binding.form.channels, *binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        self.Y.fill(0)
        np.put_along_axis(self.Y, X[None].astype(np.intp, copy=False), 1, axis=0)
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return None
