"""The base of activations that are functions without parameters."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.nn.activation import Activation
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.passes import Pass

Array = NDArray[Any]


@cache
def constant(value: float, dtype: np.dtype[Any]) -> Array:
    """A number as a cached array, which saves NumPy the conversion (0.3 µs per call)."""
    return np.array(value, dtype=dtype)


class Function(Activation):
    """An activation Y = f(Z) without parameters, over arrays (units, …, N).

    Attributes:
        saves: what its derivative is computed from; with `output`, Y may overwrite Z.
    """

    saves: ClassVar[Literal["input", "output"]] = "output"

    @abstractmethod
    def forward(self, Z: Array, Y: Array) -> None:
        """Writes f(Z) into Y, of the same shape; Y may be Z where `saves` is `output`."""

    @abstractmethod
    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        """Turns dE/dY into dE/dZ in place: dY ← dY · f′(Z).

        Args:
            saved: Z or Y, according to `saves`.
            dY: dE/dY on entry, dE/dZ on return.
            work: scratch of the same shape and type.
        """

    def bind(self, binding: Binding) -> Layer:
        return BoundFunction(self, binding)


class BoundFunction(Layer):
    """Y = f(Z), computed in place if Z may be overwritten and f′ can be computed from Y."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self.function = function
        self.in_place = binding.input_is_scratch and function.saves == "output"
        if not self.in_place:
            self.Y = binding.buffer(*binding.input_shape)
        if binding.training:
            self.work = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        Y = X if self.in_place else self.Y
        self.function.forward(X, Y)
        self.saved = Y if self.function.saves == "output" else X
        return Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        self.function.backward(self.saved, dY, self.work)
        return dY
