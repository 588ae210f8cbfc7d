"""Base of recurrent layers: a state that each position of a sequence changes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, inf
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from nnkit.config.spec import Count
from nnkit.native.kernel_kinds import LayerKind, MergeKind
from nnkit.native.library import library
from nnkit.native.program_layer import ProgramLayer
from nnkit.native.recurrence import Recurrence
from nnkit.native.recurrent_sweep import ParameterMemory
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.sigmoids import Tanh
from nnkit.nn.dropout_mask import DropoutRate
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, Orthogonal, Xavier, Zeros
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import BiasedLayer
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.receptive_field import ReceptiveField
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.compiled import CompiledRecurrent
from nnkit.nn.recurrent.directions import BoundRecurrent
from nnkit.nn.recurrent.gate_initializer import OfEachGate

# The fewest multiplications in a step for which a second thread is worth its cost, because threads
# of Python wait for each other before and after each of NumPy's calls.
WORTHWHILE_STEP = 3_500_000
WORTH_PACKING = 32  # sequences of one position for which weights are packed
REVERSE = "reverse."  # prefix of the parameters that read a sequence from its end


class Recurrent(BiasedLayer):
    """A layer over sequences (features, length) whose state has `units` numbers.

    Attributes:
        gates: the number of blocks of `units` rows in U, W and b.
        states: the number of vectors that make up the state.
    """

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    largest_micro_batch: ClassVar[int] = 256  # a step's numbers fit, and its products are small
    shorthand: ClassVar[str | None] = "units"
    units: Count
    output: Literal["last", "all"] = Field(
        "last", description="The state after the last position, or after each of them."
    )
    bidirectional: bool = Field(
        False, description="Whether a second network reads each sequence from its end."
    )
    merge: Literal["concat", "sum", "mean", "product"] = Field(
        "concat", description="How the outputs of two directions become one."
    )
    initial_state: Literal["zero", "trained"] = Field(
        "zero", description="The state before the first position."
    )
    dropout: DropoutRate | None = Field(
        None,
        description="Dropout of the inputs, with one mask for all positions of a sequence (Gal & "
        "Ghahramani 2016, §4).",
    )
    recurrent_dropout: DropoutRate | None = Field(
        None, description="The same for the state, where it is multiplied by W."
    )
    recurrent_initializer: AnyInitializer = Field(
        Orthogonal(), description="For the weights W of the state, one gate at a time."
    )

    @model_validator(mode="after")
    def _merge_has_an_effect(self) -> Self:
        if self.merge != "concat" and not self.bidirectional:
            raise ValueError("merge has no effect without 'bidirectional: true'")
        return self

    @property
    def inner_activation(self) -> AnyActivation:
        return Tanh()

    @property
    def continues_streams(self) -> bool:
        return not self.bidirectional

    @property
    def outgrows_cache(self) -> bool:
        return True

    @property
    def precedes_output(self) -> bool:
        return True

    def output_form(self, form: Form) -> Form:
        if len(form.positions) != 1:
            raise ShapeError(
                f"'{self.tag()}' takes sequences (features, length), but each sample here has "
                f"shape {form}; put '- rows' before it, which reads an image row by row"
            )
        both = self.bidirectional and self.merge == "concat"
        units = 2 * self.units if both else self.units
        return Form(units, form.positions if self.output == "all" else ())

    def parameters(self, form: Form) -> Sequence[Parameter]:
        of_one = [*self._weights(form.channels), *self.biases(), *self._initial_states()]
        prefixes = ("", REVERSE) if self.bidirectional else ("",)
        return [
            replace(each, name=f"{prefix}{each.name}") for prefix in prefixes for each in of_one
        ]

    def _weights(self, inputs: int) -> Sequence[Parameter]:
        rows, initial = self.gates * self.units, self.initializer or Xavier()
        return [
            self.block("U", (rows, inputs), inputs, [initial] * self.gates),
            self.block("W", (rows, self.units), self.units, self._of_state()),
        ]

    def _of_state(self) -> Sequence[AnyInitializer]:
        return [self.recurrent_initializer] * self.gates

    def biases(self) -> Sequence[Parameter]:
        """The blocks of biases, with short names."""
        initial = self.bias_initializer or Zeros()
        return [self.block("b", (self.gates * self.units,), 1, [initial] * self.gates)]

    def _initial_states(self) -> Sequence[Parameter]:
        if self.initial_state == "zero":
            return []
        names = [f"s{i}" for i in range(self.states)]
        return [self.block(name, (self.units,), 1, [Zeros()]) for name in names]

    def block(
        self, name: str, shape: Shape, fan_in: int, initial: Sequence[AnyInitializer]
    ) -> Parameter:
        """A block of parameters of several gates, each with its initializer."""
        return Parameter(
            name,
            shape,
            fan_in,
            self.units,
            OfEachGate(gates=tuple(initial)),
            decay=self.decay and len(shape) > 1,
            lr_factor=self.lr_factor,
        )

    def receptive_field(self, form: Form) -> ReceptiveField:
        return ReceptiveField((inf,), (1,))

    def multiplications(self, form: Form) -> int:
        (length,) = form.positions
        return (length or 1) * super().multiplications(form)

    @abstractmethod
    def new_cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        """Binds one direction without its dropout; its parameters have their short names."""

    def cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        """Binds one direction, whose parameters have their short names."""
        cell = self.new_cell(binding, reverse)
        cell.drop(self.dropout, self.recurrent_dropout)
        return cell

    @property
    def cell_in_program(self) -> Recurrence | None:
        """The cell in compiled programs; None if they do not know it."""
        return None

    def in_program(self, form: Form) -> ProgramLayer | None:
        cell, shape = self.cell_in_program, form.sequence_shape
        if cell is None or shape is None or self.dropout or self.recurrent_dropout:
            return None
        cells = (cell, replace(cell, reverse=True)) if self.bidirectional else (cell,)
        return ProgramLayer(
            LayerKind.RECURRENT,
            shape,
            (self.output_form(form).channels, *(shape[1:] if self.output == "all" else ())),
            recurrences=cells,
            merge=MergeKind[self.merge.upper()],
        )

    def bind(self, binding: Binding) -> Layer:
        return self.compiled(binding) or self._in_numpy(binding)

    def compiled(self, binding: Binding) -> CompiledRecurrent | None:
        """Binds the layer to the compiled kernels; None if they do not know it, or are slower."""
        loaded, found = library(), self._in_kernels(binding.form)
        if loaded is None or found is None:
            return None
        if found.positions == 1 and binding.batch < WORTH_PACKING:
            return None
        memory = ParameterMemory.of(binding.params, binding.grads)
        if memory is None:
            return None
        return CompiledRecurrent(
            loaded,
            list(zip(("", REVERSE), found.recurrences, strict=False)),
            found.merge,
            memory,
            lambda: self._in_numpy(binding),
            binding,
        )

    def _in_kernels(self, form: Form) -> ProgramLayer | None:
        """The layer in the compiled kernels, between layers in NumPy; None if these run it too."""
        return None if library() is None or self.output == "last" else self.in_program(form)

    def smallest_micro_batch(self, form: Form) -> int:
        if self._in_kernels(form) is not None:
            return 1
        return ceil(WORTHWHILE_STEP / (self.gates * self.units * (form.channels + self.units)))

    def _in_numpy(self, binding: Binding) -> Layer:
        directions = (False, True) if self.bidirectional else (False,)
        cells = [self.cell(_of_direction(binding, reverse), reverse) for reverse in directions]
        return BoundRecurrent(cells, self.merge, self.output, binding)


def _of_direction(binding: Binding, reverse: bool) -> Binding:
    """The binding of one direction, whose parameters have their short names."""

    def own(blocks: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name.removeprefix(REVERSE): block
            for name, block in blocks.items()
            if name.startswith(REVERSE) == reverse
        }

    return replace(binding, params=own(binding.params), grads=own(binding.grads))
