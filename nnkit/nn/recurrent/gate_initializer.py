"""Initial values of the weights and biases of several gates, each drawn by itself."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.nn.initializers import AnyInitializer, Initializer


class OfEachGate(Initializer):
    """Initial values of stacked blocks of equally many rows, one for each gate.

    A block of orthogonal weights, for instance, must be orthogonal by itself.
    """

    kind: Literal["of_each_gate"] = "of_each_gate"
    gates: tuple[AnyInitializer, ...]

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        rows = (shape[0] // len(self.gates), *shape[1:])
        return np.concatenate([gate.draw(rng, rows, fan_in, fan_out) for gate in self.gates])
