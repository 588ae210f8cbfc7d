"""The layer interface: a spec that knows shapes and parameters, and a bound layer that computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from nnkit.config.spec import Component
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Pass


@dataclass(frozen=True, slots=True)
class Binding:
    """All that a layer needs to allocate its buffers, once per batch size.

    Attributes:
        form: the form of an input sample of this batch; its positions do not vary.
        batch: how many samples, N.
        buffers: hands out the layer's buffers.
        dtype: data type of parameters and buffers.
        params: the layer's blocks by their short name, such as `W`; views into the flat vector.
        grads: the gradients of these blocks, views as well; backward overwrites them.
        state: the layer's running state by short name, which is not trained but saved.
        training: whether backward will be called.
        input_gradient: whether backward shall return dE/dX; a first layer's is wanted by nobody.
        input_is_scratch: whether forward may overwrite its input, because nobody else needs it.
        input_is_batch_first: whether the input is a view of memory with the batch as first axis, as
            batches come; else it is C-ordered.
        compiled: whether kernels shall be compiled.
        threads: that may share the layer's work; one where they share the batch.
        seed: the run's seed, for layers that draw random numbers.
        name: the layer's name, which keys those draws.
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
    compiled: bool
    threads: int
    seed: int
    name: str

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample, such as (features,) or (C, H, W)."""
        return self.form.shape

    def buffer(self, *shape: int) -> Array:
        """A buffer (*shape, N), whose contents do not matter between two passes."""
        return self.buffers.empty((*shape, self.batch), self.dtype)

    def ones(self, count: int) -> Array:
        """A vector of ones, (count,), for sums as matrix products."""
        return self.buffers.full((count,), self.dtype, 1)


class Layer(ABC):
    """A layer bound to parameters and to one batch size; buffers are its own and used again."""

    @abstractmethod
    def forward(self, X: Array, now: Pass) -> Array:
        """Y (*output shape, N) for X (*input shape, N).

        Args:
            X: the layer's input; overwritten only where the binding allows it.
            now: what the pass is for.
        """

    @abstractmethod
    def backward(self, dY: Array, now: Pass) -> Array | None:
        """dE/dX for dE/dY, which it may overwrite; writes the parameters' gradients.

        Returns:
            dE/dX (*input shape, N), or None where the binding wants none.
        """


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of an output of a layer or chain, along each axis of positions.

    Attributes:
        width: size of the receptive field in inputs; infinite where it covers all.
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
        parts_at_zero: whether it only tells positive inputs from the others.
        commutes_with_max: whether the largest of its outputs is its output for the largest input,
            with the same gradients.
    """

    trainable: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False
    probability: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True
    parts_at_zero: ClassVar[bool] = False
    commutes_with_max: ClassVar[bool] = False

    def output_form(self, form: Form) -> Form:
        """The form of one output sample for an input sample of the given form.

        Raises:
            ShapeError: the activation can't take that form.
        """
        return form

    def parameters(self, form: Form) -> Sequence[Parameter]:
        """The activation's trainable blocks for inputs of that form, by their short names."""
        return ()

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """The activation as a layer ready to compute."""


class LayerSpec(Component):
    """The config of a layer.

    Attributes:
        output_is_scratch: whether the next layer may overwrite its output, because it is a buffer
            of its own that its backward pass does not read.
        output_is_view: whether its output is a view of its input.
        normalizes: whether it stands between a layer with weights and its activation.
        selects: whether it picks the largest of several inputs.
        drops_units: whether it leaves out units at random in training.
        multiplies_by_matrix: whether its outputs are z = W x + b for a vector x.
        rearranges: whether a position of its output may stand elsewhere than in its input.
    """

    output_is_scratch: ClassVar[bool] = False
    output_is_view: ClassVar[bool] = False
    normalizes: ClassVar[bool] = False
    selects: ClassVar[bool] = False
    drops_units: ClassVar[bool] = False
    multiplies_by_matrix: ClassVar[bool] = False
    rearranges: ClassVar[bool] = False

    @property
    def applied_activation(self) -> Activation | None:
        """The activation that this layer is; None for every other kind of layer."""
        return None

    @property
    def layers_inside(self) -> Sequence[LayerSpec]:
        """The layers that a block's config lists inside it; no other kind of layer has any."""
        return ()

    @property
    def output_units(self) -> int | None:
        """The number of units, where the config alone tells and they are all the outputs."""
        return None

    @property
    def needs_batch(self) -> bool:
        """Whether the layer compares the samples of a batch, so that it needs more than one."""
        return False

    @property
    def outgrows_cache(self) -> bool:
        """Whether the layer is faster on micro-batches, whose buffers stay in the cache."""
        return False

    @property
    def shares_rows(self) -> bool:
        """Whether threads can share the rows of the layer's compiled kernels."""
        return False

    @property
    def precedes_output(self) -> bool:
        """Whether the output activation is applied after the layer, as after global pooling."""
        return False

    @property
    def has_corners(self) -> bool:
        """Whether the output is not differentiable at equal neighbours, as in blank margins."""
        return False

    @property
    def rounds_otherwise(self) -> bool:
        """Whether the layer's compiled kernels may round differently from NumPy."""
        return False

    def output_form(self, form: Form) -> Form:
        """The form of one output sample for an input sample of the given form.

        Raises:
            ShapeError: the layer can't take that form.
        """
        return form

    def parameters(self, form: Form) -> Sequence[Parameter]:
        """The trainable blocks for inputs of that form, by their short names."""
        return ()

    def state(self, form: Form) -> Sequence[Parameter]:
        """The blocks that are not trained but change in training, such as running means."""
        return ()

    def multiplications(self, form: Form) -> int:
        """The number of multiplications by weights for one sample of that form.

        An axis along which sizes vary counts as if the layer had one output there.
        """
        return sum(prod(p.shape) for p in self.parameters(form) if len(p.shape) > 1)

    def parts(self, form: Form) -> Sequence[Stage]:
        """The layers that the layer is made of, for inputs of that form; most are made of none."""
        return ()

    def receptive_field(self, form: Form) -> ReceptiveField | None:
        """The receptive field of an output for inputs of that form; None for elementwise layers."""
        return None

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """The layer ready to compute."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer in its place in a chain.

    Attributes:
        name: unique in the chain; its parameters are `name.W` and so on.
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
            ShapeError: the layer can't take that form.
        """
        return cls(name, spec, form, spec.output_form(form))

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample as it reaches the layer."""
        return self.input_form.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample as it leaves the layer."""
        return self.output_form.shape

    @property
    def parameters(self) -> Sequence[Parameter]:
        """The trainable blocks, by their short names."""
        return self.spec.parameters(self.input_form)

    @property
    def state(self) -> Sequence[Parameter]:
        """The blocks that change in training without being trained, by their short names."""
        return self.spec.state(self.input_form)

    @property
    def multiplications(self) -> int:
        """The number of multiplications by weights for one sample."""
        return self.spec.multiplications(self.input_form)

    @property
    def parts(self) -> Sequence[Stage]:
        """The layers that the layer is made of; most are made of none."""
        return self.spec.parts(self.input_form)


def restaged(stages: Sequence[Stage], form: Form) -> Iterator[Stage]:
    """The stages of the same layers for inputs of another form.

    Raises:
        ShapeError: a layer can't take what reaches it.
    """
    for stage in stages:
        renewed = Stage.of(stage.name, stage.spec, form)
        yield renewed
        form = renewed.output_form
