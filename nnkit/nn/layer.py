"""What a layer is: a spec that knows shapes and parameters, and a bound layer that computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from nnkit.config.spec import Component
from nnkit.memory import aligned_empty
from nnkit.nn.params import Array, Parameter, Shape


class ShapeError(Exception):
    """A layer can't take the shape that it is given.

    Attributes:
        path: to the layer's setting at fault; empty where it is the layer as such.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Binding:
    """All that a layer needs to allocate its buffers, once per batch size.

    Attributes:
        input_shape: of one sample, such as (features,) or (C, H, W).
        batch: how many samples, N.
        dtype: of parameters and buffers.
        params: the layer's blocks by their short name, such as `W`; views into the flat vector.
        grads: likewise for the gradients; backward overwrites them.
        state: the layer's running state by short name, which is not trained but saved.
        training: whether backward will be called.
        input_gradient: whether backward shall return dE/dX; a first layer's is wanted by nobody.
        input_is_scratch: whether forward may overwrite its input, because nobody else needs it.
        samples_first: whether the input is a view of memory that lies samples first, as batches
            come; else it is C-ordered.
        compiled: whether kernels shall be compiled.
        threads: that may share the layer's work; one where they share the batch.
        seed: of the run, for layers that draw random numbers.
        name: of the layer, which keys those draws.
    """

    input_shape: Shape
    batch: int
    dtype: np.dtype[Any]
    params: Mapping[str, Array]
    grads: Mapping[str, Array]
    state: Mapping[str, Array]
    training: bool
    input_gradient: bool
    input_is_scratch: bool
    samples_first: bool
    compiled: bool
    threads: int
    seed: int
    name: str

    def buffer(self, *shape: int) -> Array:
        """A buffer (*shape, N)."""
        return aligned_empty((*shape, self.batch), self.dtype)


class Layer(ABC):
    """A layer bound to parameters and to one batch size; buffers are its own and used again."""

    @abstractmethod
    def forward(self, X: Array, step: int | None) -> Array:
        """Y (*output shape, N) for X (*input shape, N).

        Args:
            X: the layer's input; overwritten only where the binding allows it.
            step: the training step, which keys random draws; None outside training.
        """

    @abstractmethod
    def backward(self, dY: Array) -> Array | None:
        """dE/dX for dE/dY, which it may overwrite; writes the parameters' gradients.

        Returns:
            dE/dX (*input shape, N), or None where the binding wants none.
        """


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an output of a layer or chain sees, along each axis of positions.

    Attributes:
        width: how many inputs it sees; infinite where it sees all.
        stride: how many inputs lie from one output to the next.
    """

    width: tuple[float, ...]
    stride: tuple[float, ...]

    def then(self, layer: Reach | None) -> Reach:
        """That of this one and a layer after it: r ← r + (k − 1)·s and s ← s·t.

        Araujo, Norris & Sim 2019, *Computing receptive fields of convolutional neural networks*,
        eq. 2.
        """
        if layer is None:
            return self
        return Reach(
            tuple(
                r + (k - 1) * s
                for r, k, s in zip(self.width, layer.width, self.stride, strict=True)
            ),
            tuple(s * t for s, t in zip(self.stride, layer.stride, strict=True)),
        )


class LayerSpec(Component):
    """A step on the way from input to output: the config of a layer.

    Attributes:
        output_is_scratch: whether the next layer may overwrite its output, because it is a buffer
            of its own that its backward pass does not read.
        output_is_view: whether its output is a view of its input.
        normalizes: whether it stands between a layer with weights and its activation.
        selects: whether it picks the largest of several inputs, so that a rising activation does
            as well after it, where there are fewer numbers.
    """

    output_is_scratch: ClassVar[bool] = False
    output_is_view: ClassVar[bool] = False
    normalizes: ClassVar[bool] = False
    selects: ClassVar[bool] = False

    @property
    def needs_batch(self) -> bool:
        """Whether it compares the samples of a batch, so that one alone says nothing."""
        return False

    @property
    def is_spatial(self) -> bool:
        """Whether it works position by position over images or sequences."""
        return False

    @property
    def rounds_otherwise(self) -> bool:
        """Whether its compiled kernels may round otherwise than NumPy."""
        return self.is_spatial

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one output sample for an input sample of the given shape.

        Raises:
            ShapeError: the layer can't take that shape.
        """
        return shape

    def parameters(self, shape: Shape) -> Sequence[Parameter]:
        """The trainable blocks for inputs of that shape, by their short names."""
        return ()

    def state(self, shape: Shape) -> Sequence[Parameter]:
        """The blocks that are not trained but change in training, such as running means."""
        return ()

    def multiplications(self, shape: Shape) -> int:
        """How many numbers it multiplies by weights, for one sample of that shape."""
        return sum(prod(p.shape) for p in self.parameters(shape) if len(p.shape) > 1)

    def parts(self, shape: Shape) -> Sequence[Link]:
        """The layers that it is made of, for inputs of that shape; most are made of none."""
        return ()

    def reach(self, shape: Shape) -> Reach | None:
        """How far an output sees, for inputs of that shape; None where units go one by one."""
        return None

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """The layer ready to compute."""


@dataclass(frozen=True, slots=True)
class Link:
    """A layer in its place in a chain.

    Attributes:
        name: unique in the chain; its blocks are `name.W` and so on.
        spec: the layer.
        input_shape: of one sample, as it reaches the layer.
    """

    name: str
    spec: LayerSpec
    input_shape: Shape


def bind_chain(links: Sequence[Link], binding: Binding) -> list[Layer]:
    """The layers of a chain, each bound to its part of what the chain as a whole is bound to."""
    layers: list[Layer] = []
    wanted = binding.input_gradient  # does anything from here down need dE/dX of this layer?
    scratch, samples_first = binding.input_is_scratch, binding.samples_first
    for link in links:
        spec, shape = link.spec, link.input_shape
        trained, running = spec.parameters(shape), spec.state(shape)
        own = replace(
            binding,
            input_shape=shape,
            params={p.name: binding.params[f"{link.name}.{p.name}"] for p in trained},
            grads={p.name: binding.grads[f"{link.name}.{p.name}"] for p in trained},
            state={p.name: binding.state[f"{link.name}.{p.name}"] for p in running},
            input_gradient=binding.training and wanted,
            input_is_scratch=scratch,
            samples_first=samples_first,
            name=f"{binding.name}.{link.name}" if binding.name else link.name,
        )
        layers.append(spec.bind(own))
        wanted = wanted or any(parameter.lr_factor for parameter in trained)
        # A layer without buffers of its own hands on what it was given, or a view of it.
        scratch = spec.output_is_scratch
        samples_first = samples_first and spec.output_is_view
    return layers
