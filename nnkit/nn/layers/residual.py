"""Residual block: the output of its layers is added to their input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import inf, isclose
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, WithJsonSchema

from nnkit.config.spec import Listed
from nnkit.config.tagged_union import HELD
from nnkit.nn.chain import bind_chain
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.layers.conv import Conv
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.weighted import ActivatedLayer, Inside
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.receptive_field import ReceptiveField

if TYPE_CHECKING:
    AnyLayer = LayerSpec  # the union, which holds this layer: `nnkit.nn.layers` resolves the name

# A block may hold blocks.
LAYERS_SCHEMA = {"type": "array", "minItems": 1, "items": {HELD: "layer"}}


class Residual(ActivatedLayer):
    """Y = F(X) + X, with F the layers inside (He, Zhang, Ren & Sun 2016, eq. 1).

    Inside, the hidden activation follows every layer with weights except the last; it also follows
    the sum. If F changes the shape, X passes through a 1 × 1 convolution without bias and with the
    strides of F, or through a dense layer (eq. 2).
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("resnet_block", "skip", "residual_block")
    kind: Literal["residual"] = "residual"
    shorthand: ClassVar[str | None] = "layers"
    output_is_scratch: ClassVar[bool] = True
    layers: Annotated[
        tuple[AnyLayer, ...], Listed, Field(min_length=1), WithJsonSchema(LAYERS_SCHEMA)
    ] = Field(description="The layers of F, top to bottom.")
    initializer: AnyInitializer | None = Field(
        None,
        description="For the weights that X passes through, if any; by default "
        "`architecture.initializer`.",
    )

    # The config index of each layer, once activations have been inserted between them.
    _places: tuple[int, ...] = PrivateAttr(())

    def completed(
        self, initializer: AnyInitializer, bias_initializer: AnyInitializer, inside: Inside
    ) -> Residual:
        places, layers = zip(*inside, strict=True)
        own = self.initializer or initializer
        block = self.model_copy(update={"layers": layers, "initializer": own})
        block._places = places
        return block

    @property
    def layers_inside(self) -> Sequence[LayerSpec]:
        return self.layers

    @property
    def needs_batch(self) -> bool:
        return any(layer.needs_batch for layer in self.layers)

    @property
    def mixes_positions(self) -> bool:
        return any(layer.mixes_positions for layer in self.layers)

    @property
    def continues_streams(self) -> bool:
        return all(layer.continues_streams for layer in self.layers)

    @property
    def outgrows_cache(self) -> bool:
        return any(layer.outgrows_cache for layer in self.layers)

    @property
    def precedes_output(self) -> bool:
        return any(layer.precedes_output for layer in self.layers)

    @property
    def has_kinks(self) -> bool:
        return any(layer.has_kinks for layer in self.layers)

    def output_form(self, form: Form) -> Form:
        *_, last = self._inside(form)
        return last.output_form

    def _inside(self, form: Form) -> Iterator[Stage]:
        """Yields the layers of F as stages, with their input forms."""
        for index, layer in enumerate(self.layers):
            with self._with_error_path(index):
                stage = Stage.of(f"layers.{index}", layer, form)
            yield stage
            form = stage.output_form

    @contextmanager
    def _with_error_path(self, index: int) -> Iterator[None]:
        """Adds the setting of a layer of F to the path of its ShapeErrors."""
        try:
            yield
        except ShapeError as error:
            place = self._places[index] if self._places else index
            raise ShapeError(str(error), "layers", place, *error.path) from None

    def _shortcut(self, form: Form) -> Stage | None:
        """The layer of the shortcut past F, or None for the identity."""
        output = self.output_form(form)
        if output == form:
            return None
        if len(form.positions) != len(output.positions):
            raise ShapeError(f"turns {form} into {output}, to which its input cannot be added")
        if not form.positions:
            layer: LayerSpec = Dense(
                units=output.channels, bias=False, initializer=self.initializer
            )
        else:
            layer = Conv(
                filters=output.channels,
                kernel=1,
                stride=self._stride(form),
                bias=False,
                initializer=self.initializer,
            )
        shortcut = Stage.of("shortcut", layer, form)
        if shortcut.output_form != output:
            raise ShapeError(
                f"turns {form} into {output}, to which its input cannot be added: with the same "
                f"strides it has shape {shortcut.output_form}; pad the layers inside, convolutions "
                "with 'same'"
            )
        return shortcut

    def _stride(self, form: Form) -> tuple[int, ...]:
        """The stride of F along each axis; 1 where it is not a whole number.

        The ratio of the sizes would not do: a valid 3 × 3 window with stride 1 turns 4 into 2.
        """
        field = self.receptive_field(form)
        assert field is not None
        return tuple(
            round(stride) if round(stride) and isclose(stride, round(stride)) else 1
            for stride in field.stride
        )

    def branches(self, form: Form) -> tuple[list[Stage], Stage | None]:
        """The layers of F, and the layer of the shortcut, for inputs of that form.

        The shortcut is None for the identity.
        """
        return list(self._inside(form)), self._shortcut(form)

    def parts(self, form: Form) -> Sequence[Stage]:
        inside, shortcut = self.branches(form)
        return [*inside, *([shortcut] if shortcut is not None else [])]

    def parameters(self, form: Form) -> Sequence[Parameter]:
        found: list[Parameter] = []
        for index, stage in enumerate(self.parts(form)):
            with self._with_error_path(index) if index < len(self.layers) else nullcontext():
                trained = stage.parameters
            found += [replace(each, name=f"{stage.name}.{each.name}") for each in trained]
        return found

    def state(self, form: Form) -> Sequence[Parameter]:
        return [
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self._inside(form)
            for parameter in stage.state
        ]

    def multiplications(self, form: Form) -> int:
        return sum(stage.multiplications for stage in self.parts(form))

    def receptive_field(self, form: Form) -> ReceptiveField | None:
        axes = len(form.positions)
        inside = list(self._inside(form))
        if any(len(stage.input_form.positions) != axes for stage in inside):
            return ReceptiveField((inf,) * axes, (1,) * axes)  # F mixes positions
        seen = ReceptiveField((1,) * axes, (1,) * axes)
        for stage in inside:
            seen = seen.then(stage.spec.receptive_field(stage.input_form))
        return seen

    def bind(self, binding: Binding) -> Layer:
        return BoundResidual(binding, *self.branches(binding.form))


class BoundResidual(Layer):
    """Y = F(X) + S(X); dX = Fᵀ dY + Sᵀ dY."""

    def __init__(self, binding: Binding, inside: Sequence[Stage], shortcut: Stage | None) -> None:
        kept = replace(binding, input_is_scratch=False)  # both branches read X
        self.inside = bind_chain(inside, kept)
        self.shortcut = bind_chain([shortcut], kept) if shortcut is not None else None
        output = inside[-1].output_shape
        self.Y = binding.buffer(*output)
        self.dY = binding.buffer(*output)
        self.input_gradient = binding.input_gradient

    def forward(self, X: Array, now: Pass) -> Array:
        Y = self.inside.forward(X, now)
        past = X if self.shortcut is None else self.shortcut.forward(X, now)
        return np.add(Y, past, out=self.Y)

    def release(self) -> None:
        for chain in (self.inside, self.shortcut):
            if chain is not None:
                chain.release()

    def backward(self, dY: Array, now: Pass) -> Array | None:
        np.copyto(self.dY, dY)  # the layers of F may overwrite dY
        inside = self.inside.backward(dY, now)
        past = self.dY if self.shortcut is None else self.shortcut.backward(self.dY, now)
        if not self.input_gradient:
            return None
        if inside is None or past is None:
            return past if inside is None else inside
        return np.add(inside, past, out=past)
