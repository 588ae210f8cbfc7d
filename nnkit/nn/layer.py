"""A layer bound to one batch size, and what it is bound to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form
from nnkit.nn.params import Array, Shape
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
