"""The layout of all trainable parameters in one flat vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.memory import aligned_zeros
from nnkit.nn.initializers import Initializer
from nnkit.random import generator

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One block of values, such as a weight matrix or a bias vector.

    Attributes:
        name: unique in the model, such as `layers.0.W`.
        shape: the shape of the block.
        fan_in: number of inputs that feed one unit.
        fan_out: number of units that one input feeds.
        initializer: draws the initial values.
        decay: whether weight penalties apply (to weights, not to biases).
        lr_factor: factor on the learning rate; 0 freezes the block.
        units: the unit (or filter) of each run of consecutive weights, (runs,), if the first axis
            is not the unit axis; all runs have the same length.
        lazy: whether a step updates only the rows whose gradient is not 0.
    """

    name: str
    shape: Shape
    fan_in: int
    fan_out: int
    initializer: Initializer
    decay: bool
    lr_factor: float = 1.0
    units: Array | None = field(default=None, compare=False)
    lazy: bool = False

    @property
    def size(self) -> int:
        return prod(self.shape)


def blocks_of(blocks: Mapping[str, Array], start: str) -> dict[str, Array]:
    """The blocks whose names start so, by the rest of the name."""
    return {
        name.removeprefix(start): block for name, block in blocks.items() if name.startswith(start)
    }


class Layout:
    """Places parameter blocks in one flat vector, blocks with weight decay first.

    All decayed weights are thus one slice, and a penalty is one vector operation.

    Attributes:
        parameters: the blocks in the order of the vector.
        size: length of the flat vector.
        decayed: the slice of it to which weight penalties apply.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters: Sequence[Parameter] = sorted(parameters, key=lambda p: not p.decay)
        self.offsets: dict[str, int] = {}
        self.size = 0
        for parameter in self.parameters:
            self.offsets[parameter.name] = self.size
            self.size += parameter.size
        self.decayed = slice(0, sum(p.size for p in self.parameters if p.decay))

    def place(self, parameter: Parameter) -> slice:
        """The slice of the vector that holds a block."""
        start = self.offsets[parameter.name]
        return slice(start, start + parameter.size)

    def view(self, parameter: Parameter, flat: Array) -> Array:
        """The view of a block in `flat`, (size,), with the shape of the block."""
        return flat[self.place(parameter)].reshape(parameter.shape)

    def views(self, flat: Array) -> dict[str, Array]:
        """The views of all blocks in `flat`, (size,), by name."""
        return {p.name: self.view(p, flat) for p in self.parameters}

    def initialize(self, flat: Array, seed: int) -> None:
        """Draws initial values into `flat`, each block from its own random stream."""
        views = self.views(flat)
        for parameter in self.parameters:
            rng = generator(seed, f"initial/{parameter.name}")
            views[parameter.name][...] = parameter.initializer.draw(
                rng, parameter.shape, parameter.fan_in, parameter.fan_out
            )

    def zeros(self, dtype: np.dtype[Any]) -> Array:
        """A flat vector of zeros, for gradients or optimizer state."""
        return aligned_zeros((self.size,), dtype)
