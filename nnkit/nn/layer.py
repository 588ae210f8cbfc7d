"""The layer interface: specs define shapes and parameters, and bound layers compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from nnkit.config.spec import Component
from nnkit.native.program_layer import ProgramFunction, ProgramLayer
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Pass
from nnkit.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Binding:
    """Everything a layer needs to allocate its buffers, created once per batch size.

    Attributes:
        form: the form of an input sample of this batch; all its sizes are fixed.
        batch: number of samples, N.
        buffers: allocates the layer's buffers.
        dtype: data type of parameters and buffers.
        params: the layer's parameter blocks by short name, such as `W`; views of the flat vector.
        grads: the gradients of these blocks, also views; `backward` overwrites them.
        state: the layer's running state by short name; saved but not trained.
        training: whether `backward` will be called.
        input_gradient: whether `backward` must return dE/dX; usually not needed for the first
            layer.
        input_is_scratch: whether `forward` may overwrite its input, because it is not used
            elsewhere.
        input_is_batch_first: whether the input is a view of memory with the batch as first axis,
            like data batches; otherwise it is C-ordered.
        ranks: the processes that share the batch, for layers that combine its samples.
        seed: the run's seed, for layers that draw random numbers.
        name: the layer's name, part of the key of its random draws.
        threads: number of threads that may share the work of the layer.
    """

    form: Form
    batch: int
    buffers: Buffers
    dtype: np.dtype[Any]
    params: Mapping[str, Array]
    grads: Mapping[str, Array]
    state: Mapping[str, Array]
    training: bool
    input_gradient: bool
    input_is_scratch: bool
    input_is_batch_first: bool
    ranks: Ranks
    seed: int
    name: str
    threads: int = 1

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample, such as (features,) or (C, H, W)."""
        return self.form.shape

    def buffer(self, *shape: int) -> Array:
        """A buffer (*shape, N) whose contents need not persist between passes."""
        return self.buffers.empty((*shape, self.batch), self.dtype)

    def buffer_by_position(self, features: int, positions: int) -> Array:
        """A buffer (features, T, N) in which the features of a position of a sample are neighbours.

        Its memory is (T, N, features).
        """
        shape = (positions, self.batch, features)
        return self.buffers.empty(shape, self.dtype).transpose(2, 0, 1)

    def ones(self, count: int) -> Array:
        """A vector of ones, (count,), to compute sums as matrix products."""
        return self.buffers.full((count,), self.dtype, 1)


NO_INPUT: Array = np.empty(0)  # what a layer holds that has released its input


class Layer(ABC):
    """A layer bound to parameters and to one batch size, with buffers that it reuses.

    Attributes:
        kept: names of attributes that refer to the input between forward and backward pass.
    """

    kept: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def forward(self, X: Array, now: Pass) -> Array:
        """The output Y (*output shape, N) for X (*input shape, N).

        Args:
            X: the layer's input; overwritten only where the binding allows it.
            now: the current pass.
        """

    @abstractmethod
    def backward(self, dY: Array, now: Pass) -> Array | None:
        """Returns dE/dX for dE/dY and writes the parameters' gradients; may overwrite dY.

        Returns:
            dE/dX (*input shape, N), or None if the binding does not require it.
        """

    def release(self) -> None:
        """Drops references to the last input."""
        for name in self.kept:
            setattr(self, name, NO_INPUT)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of an output of a layer or chain, along each axis of positions.

    Attributes:
        width: size of the receptive field in inputs; infinite if it covers the whole input.
        stride: distance between the receptive fields of neighbouring outputs, in inputs.
    """

    width: tuple[float, ...]
    stride: tuple[float, ...]

    def then(self, layer: ReceptiveField | None) -> ReceptiveField:
        """The receptive field with one more layer after it: r ← r + (k − 1)·s and s ← s·t.

        Araujo, Norris & Sim 2019, *Computing receptive fields of convolutional neural networks*,
        eq. 2.
        """
        if layer is None:
            return self
        return ReceptiveField(
            tuple(
                r + (k - 1) * s
                for r, k, s in zip(self.width, layer.width, self.stride, strict=True)
            ),
            tuple(s * t for s, t in zip(self.stride, layer.stride, strict=True)),
        )


class Activation(Component):
    """A nonlinear function after a layer with weights.

    Attributes:
        trainable: False where the derivative is zero almost everywhere, so that no gradient
            passes and it can only serve for inference.
        rectifier: whether it cuts negative values, for which He initialization is made.
        probability: whether its outputs are probabilities.
        nonnegative: whether its outputs are never below 0.
        elementwise: whether each output depends on one input alone, so that it is a curve.
        is_threshold: whether it only tells positive inputs from the others.
        log_probability: whether its outputs are logarithms of probabilities.
        least_units: the number of units below which its output is always the same.
        commutes_with_max: whether the largest of its outputs is its output for the largest input,
            with the same gradients.
    """

    trainable: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False
    probability: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True
    is_threshold: ClassVar[bool] = False
    log_probability: ClassVar[bool] = False
    least_units: ClassVar[int] = 1
    commutes_with_max: ClassVar[bool] = False

    def output_form(self, form: Form) -> Form:
        """The form of one output sample for an input sample of the given form.

        Raises:
            ShapeError: the activation does not accept that form.
        """
        return form

    def parameters(self, form: Form) -> Sequence[Parameter]:
        """The activation's trainable blocks, with short names, for inputs of that form."""
        return ()

    def in_program(self) -> ProgramFunction | None:
        """The activation in compiled programs; None if they do not know it."""
        return None

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """Binds the activation to parameters and buffers, as a layer."""


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
