"""Chrono initialization: initial biases of gates for a given range of time scales."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.nn.initializers import AnyInitializer, Initializer


class ChronoInitializer(Initializer):
    """Biases of gates that keep a state for 2 to T positions (Tallec & Ollivier 2018).

    A unit that keeps a share of σ(b) of its state at each position has a time scale of
    1/(1 − σ(b)) = 1 + exp b positions. Drawing b = log u, with u uniform in [1, T − 1), makes time
    scales uniform between 2 and T. A gate that admits inputs gets −b of the same unit, so that it
    is 1 − σ(b).

    Attributes:
        longest: the longest time scale T.
        signs: of each gate: 1 for b, −1 for −b, 0 for a gate without a time scale.
        others: draws the biases of gates without a time scale.
    """

    kind: Literal["chrono"] = "chrono"
    longest: int
    signs: tuple[int, ...]
    others: AnyInitializer

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        rows = (shape[0] // len(self.signs), *shape[1:])
        b = np.log(rng.uniform(1, self.longest - 1, rows))
        return np.concatenate(
            [
                sign * b if sign else self.others.draw(rng, rows, fan_in, fan_out)
                for sign in self.signs
            ]
        )
