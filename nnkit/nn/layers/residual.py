"""Residual block: what its layers compute is added to their input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import inf, isclose
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, WithJsonSchema

from nnkit.config.spec import HELD, Listed
from nnkit.nn.initializers import AnyInitializer
from nnkit.nn.layer import Binding, Layer, LayerSpec, Link, Reach, ShapeError, bind_chain
from nnkit.nn.layers.conv import Conv
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.weighted import ActivatedLayer
from nnkit.nn.params import Array, Parameter, Shape

if TYPE_CHECKING:
    from nnkit.nn.layers import AnyLayer


# A block may hold blocks.
LAYERS_SCHEMA = {"type": "array", "minItems": 1, "items": {HELD: "layer"}}


class Residual(ActivatedLayer):
    """Y = F(X) + X, with F the layers inside (He, Zhang, Ren & Sun 2016, eq. 1).

    Inside, the hidden activation follows every layer with weights but the last; after the sum it
    follows too. Where F changes the shape, X goes through a 1 × 1 convolution without bias that
    strides as F does, or a dense layer (eq. 2).
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("resnet_block", "skip", "residual_block")
    kind: Literal["residual"] = "residual"
    shorthand: ClassVar[str | None] = "layers"
    output_is_scratch: ClassVar[bool] = True
    layers: Annotated[
        tuple[AnyLayer, ...], Listed, Field(min_length=1), WithJsonSchema(LAYERS_SCHEMA)
    ] = Field(description="The layers of F, top to bottom.")
    initializer: AnyInitializer | None = Field(
        None, description="Of X's own weights; by default `architecture.initializer`."
    )

    # Where in the config each layer stands, once activations stand between them.
    _places: tuple[int, ...] = PrivateAttr(())

    def filled_in(
        self, layers: Sequence[tuple[int, LayerSpec]], initializer: AnyInitializer
    ) -> Residual:
        """The block with its activations and initializers decided.

        Args:
            layers: each with the index of the one in the config to which it belongs.
            initializer: of X's own weights.
        """
        inside = tuple(layer for _, layer in layers)
        block = self.model_copy(update={"layers": inside, "initializer": initializer})
        block._places = tuple(place for place, _ in layers)
        return block

    @property
    def needs_batch(self) -> bool:
        return any(layer.needs_batch for layer in self.layers)

    @property
    def is_spatial(self) -> bool:
        return any(layer.is_spatial for layer in self.layers)

    @property
    def rounds_otherwise(self) -> bool:
        return any(layer.rounds_otherwise for layer in self.layers)

    def output_shape(self, shape: Shape) -> Shape:
        *_, last = self._inside(shape)
        return last.spec.output_shape(last.input_shape)

    def _inside(self, shape: Shape) -> Iterator[Link]:
        """The layers of F with the shapes that reach them."""
        for index, layer in enumerate(self.layers):
            yield Link(f"layers.{index}", layer, shape)
            with self._blaming(index):
                shape = layer.output_shape(shape)

    @contextmanager
    def _blaming(self, index: int) -> Iterator[None]:
        """What a layer of F can't do is said of its own setting."""
        try:
            yield
        except ShapeError as error:
            place = self._places[index] if self._places else index
            raise ShapeError(str(error), "layers", place, *error.path) from None

    def _beside(self, shape: Shape) -> Link | None:
        """What X goes through on its way past F, if anything."""
        output = self.output_shape(shape)
        if output == shape:
            return None
        if len(shape) != len(output):
            raise ShapeError(f"turns {shape} into {output}, to which its input can't be added")
        if len(shape) == 1:
            layer: LayerSpec = Dense(units=output[0], bias=False, initializer=self.initializer)
        else:
            layer = Conv(
                filters=output[0],
                kernel=1,
                stride=self._stride(shape),
                bias=False,
                initializer=self.initializer,
            )
        beside = layer.output_shape(shape)
        if beside != output:
            raise ShapeError(
                f"turns {shape} into {output}, to which its input can't be added: with the same "
                f"strides it has shape {beside}; pad the layers inside, convolutions with 'same'"
            )
        return Link("shortcut", layer, shape)

    def _stride(self, shape: Shape) -> tuple[int, ...]:
        """How many inputs lie from one output of F to the next; 1 where that is no whole number.

        That the sizes are as many times apart would not do: so are 4 and 2 of a valid 3 × 3 window.
        """
        reach = self.reach(shape)
        assert reach is not None
        return tuple(
            round(stride) if round(stride) and isclose(stride, round(stride)) else 1
            for stride in reach.stride
        )

    def parts(self, shape: Shape) -> Sequence[Link]:
        beside = self._beside(shape)
        return [*self._inside(shape), *([beside] if beside is not None else [])]

    def parameters(self, shape: Shape) -> Sequence[Parameter]:
        found: list[Parameter] = []
        for index, link in enumerate(self.parts(shape)):
            with self._blaming(index) if index < len(self.layers) else nullcontext():
                trained = link.spec.parameters(link.input_shape)
            found += [replace(each, name=f"{link.name}.{each.name}") for each in trained]
        return found

    def state(self, shape: Shape) -> Sequence[Parameter]:
        return [
            replace(parameter, name=f"{link.name}.{parameter.name}")
            for link in self._inside(shape)
            for parameter in link.spec.state(link.input_shape)
        ]

    def multiplications(self, shape: Shape) -> int:
        return sum(link.spec.multiplications(link.input_shape) for link in self.parts(shape))

    def reach(self, shape: Shape) -> Reach | None:
        axes = len(shape) - 1
        inside = list(self._inside(shape))
        if any(len(link.input_shape) != len(shape) for link in inside):
            return Reach((inf,) * axes, (1,) * axes)  # positions are not kept apart
        seen = Reach((1,) * axes, (1,) * axes)
        for link in inside:
            seen = seen.then(link.spec.reach(link.input_shape))
        return seen

    def bind(self, binding: Binding) -> Layer:
        shape = binding.input_shape
        return BoundResidual(
            binding, list(self._inside(shape)), self._beside(shape), self.output_shape(shape)
        )


class BoundResidual(Layer):
    """Y = F(X) + S(X); dX = Fᵀ dY + Sᵀ dY."""

    def __init__(
        self, binding: Binding, inside: Sequence[Link], beside: Link | None, output: Shape
    ) -> None:
        kept = replace(binding, input_is_scratch=False)  # both ways begin at X
        self.inside = bind_chain(inside, kept)
        self.beside = bind_chain([beside], kept)[0] if beside is not None else None
        self.Y = binding.buffer(*output)
        self.dY = binding.buffer(*output)
        self.wants_dX = binding.input_gradient

    def forward(self, X: Array, step: int | None) -> Array:
        Y = X
        for layer in self.inside:
            Y = layer.forward(Y, step)
        past = X if self.beside is None else self.beside.forward(X, step)
        return np.add(Y, past, out=self.Y)

    def backward(self, dY: Array) -> Array | None:
        np.copyto(self.dY, dY)  # F's layers may overwrite theirs
        inside: Any = dY
        for layer in reversed(self.inside):
            if inside is None:
                break
            inside = layer.backward(inside)
        past = self.dY if self.beside is None else self.beside.backward(self.dY)
        if not self.wants_dX:
            return None
        if inside is None or past is None:
            return past if inside is None else inside
        return np.add(inside, past, out=past)
