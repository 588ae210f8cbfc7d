"""The config of a layer, and the stage of a chain that it is: shapes, parameters, properties."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from nnkit.config.spec import Component
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.activation import Activation
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Parameter, Shape
from nnkit.nn.receptive_field import ReceptiveField


class LayerSpec(Component):
    """The config of a layer.

    Attributes:
        output_is_scratch: whether the next layer may overwrite its output, because it is a buffer
            of its own that its backward pass does not read.
        output_is_view: whether its output is a view of its input.
        normalizes: whether it stands between a layer with weights and its activation.
        selects: whether it picks the largest of several inputs.
        drops_units: whether it leaves out units at random in training.
        takes_ids: whether its input may be ids, such as those of words, rather than real numbers.
        multiplies_by_matrix: whether its outputs are z = W x + b for a vector x.
        feeds_output: whether its output at a position is also an input at the next one.
        rearranges: whether a position of its output may stand elsewhere than in its input.
        largest_micro_batch: upper bound on the samples of a micro-batch, if it outgrows the cache.
        gradient_formulas: formulas of its backward pass for traces; empty for most layers.
    """

    output_is_scratch: ClassVar[bool] = False
    output_is_view: ClassVar[bool] = False
    normalizes: ClassVar[bool] = False
    selects: ClassVar[bool] = False
    drops_units: ClassVar[bool] = False
    takes_ids: ClassVar[bool] = False
    multiplies_by_matrix: ClassVar[bool] = False
    feeds_output: ClassVar[bool] = False
    rearranges: ClassVar[bool] = False
    largest_micro_batch: ClassVar[int] = 64
    gradient_formulas: ClassVar[tuple[str, ...]] = ()

    @property
    def applied_activation(self) -> Activation | None:
        """The activation function of an activation layer; None for other layers."""
        return None

    @property
    def layers_inside(self) -> Sequence[LayerSpec]:
        """The layers listed inside a block; empty for other layers."""
        return ()

    @property
    def output_units(self) -> int | None:
        """The number of outputs if the config alone determines it, otherwise None."""
        return None

    @property
    def needs_batch(self) -> bool:
        """Whether the layer combines the samples of a batch, so that it needs more than one."""
        return False

    def smallest_micro_batch(self, form: Form) -> int:
        """The fewest samples of an input form for which another thread is worth its cost."""
        return 1

    @property
    def mixes_positions(self) -> bool:
        """Whether an output depends on several positions, and so on what stands after the end.

        Where sequences differ in length, such a layer finds 0 there.
        """
        return False

    @property
    def continues_streams(self) -> bool:
        """Whether the parts of a sequence, one after the other, give what the whole gives.

        A recurrent layer does so by the state that one pass hands over to the next.
        """
        return not self.mixes_positions

    @property
    def outgrows_cache(self) -> bool:
        """Whether the layer is faster on micro-batches, whose buffers stay in the cache."""
        return False

    @property
    def precedes_output(self) -> bool:
        """Whether the output activation is applied after the layer, as after global pooling."""
        return False

    @property
    def has_kinks(self) -> bool:
        """Whether the output has kinks where neighbouring inputs are equal, as in blank margins."""
        return False

    def with_outputs(self, outputs: int) -> LayerSpec:
        """The layer with that many outputs, if its config leaves their number to the data."""
        return self

    def output_form(self, form: Form) -> Form:
        """The form of one output sample for an input sample of the given form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        return form

    def output_length(self, form: Form, length: int) -> int:
        """The length of the output for a sequence of some length; an empty one stays empty.

        Args:
            form: the form of a sequence, whose own length does not matter.
            length: the length of the sequence; if no window fits into it, the output is empty.
        """
        if not length:
            return 0
        try:
            (found,) = self.output_form(form.at((length,))).positions
        except ShapeError:
            return 0
        assert found is not None
        return found

    def parameters(self, form: Form) -> Sequence[Parameter]:
        """The trainable blocks, with short names, for inputs of that form."""
        return ()

    def state(self, form: Form) -> Sequence[Parameter]:
        """The blocks that are not trained but change in training, such as running means."""
        return ()

    def multiplications(self, form: Form) -> int:
        """The number of multiplications by weights for one sample of that form.

        An axis of varying size counts as one output.
        """
        return sum(prod(p.shape) for p in self.parameters(form) if len(p.shape) > 1)

    def values_inside(self, form: Form) -> int:
        """The number of values of one sample that grow faster than input and output."""
        return 0

    def parts(self, form: Form) -> Sequence[Stage]:
        """The layers inside this layer, for inputs of that form; empty for most layers."""
        return ()

    def receptive_field(self, form: Form) -> ReceptiveField | None:
        """The receptive field of an output for inputs of that form; None for elementwise layers."""
        return None

    def in_program(self, form: Form) -> ProgramLayer | None:
        """The layer in compiled programs, for inputs of that form; None if they do not know it.

        The places of its parameters are left out.
        """
        return None

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """Binds the layer to parameters and buffers."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer at its place in a chain.

    Attributes:
        name: unique in the chain; prefix of the names of its parameters, as in `name.W`.
        spec: the layer.
        input_form: the form of an input sample.
        output_form: the form of an output sample.
    """

    name: str
    spec: LayerSpec
    input_form: Form
    output_form: Form

    @classmethod
    def of(cls, name: str, spec: LayerSpec, form: Form) -> Stage:
        """The stage of a layer for inputs of that form.

        Raises:
            ShapeError: the layer does not accept that form.
        """
        if form.ids and not spec.takes_ids:
            raise ShapeError(f"'{spec.tag()}' takes real numbers, but each sample here is of ids")
        return cls(name, spec, form, spec.output_form(form))

    @property
    def input_shape(self) -> Shape:
        """The shape of one input sample."""
        return self.input_form.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one output sample."""
        return self.output_form.shape

    @property
    def parameters(self) -> Sequence[Parameter]:
        """The trainable blocks, with short names."""
        return self.spec.parameters(self.input_form)

    @property
    def state(self) -> Sequence[Parameter]:
        """The blocks that change in training without being trained, with short names."""
        return self.spec.state(self.input_form)

    @property
    def multiplications(self) -> int:
        """The number of multiplications by weights for one sample."""
        return self.spec.multiplications(self.input_form)

    @property
    def parts(self) -> Sequence[Stage]:
        """The layers inside this layer; empty for most layers."""
        return self.spec.parts(self.input_form)


def rebuild_stages(stages: Sequence[Stage], form: Form) -> Iterator[Stage]:
    """Yields stages of the same layers for inputs of another form.

    Raises:
        ShapeError: a layer does not accept its input form.
    """
    for stage in stages:
        renewed = Stage.of(stage.name, stage.spec, form)
        yield renewed
        form = renewed.output_form
