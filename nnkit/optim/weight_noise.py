"""Noise on the weights while a gradient is computed (An 1996; Graves 2013, §4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from nnkit.nn.params import Array
from nnkit.random import generator


@dataclass(frozen=True, slots=True)
class NoisyWeights:
    """Parameters to which noise can be added temporarily.

    Attributes:
        params: all parameters, (P,).
        std: standard deviation of the noise.
        seed: seed of the noise.
    """

    params: Array
    std: float
    seed: int

    @contextmanager
    def at(self, step: int) -> Iterator[None]:
        """Adds the step's noise to the parameters within the block."""
        kept = self.params.copy()
        noise = generator(self.seed, "weight noise", step).standard_normal(
            len(kept), dtype=kept.dtype.type
        )
        np.add(self.params, self.std * noise, out=self.params)
        try:
            yield
        finally:
            self.params[...] = kept
