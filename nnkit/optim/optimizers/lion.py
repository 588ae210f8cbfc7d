"""Lion: steps of the same length for every parameter."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Fraction, NonNegative, Positive
from nnkit.native.kernel_kinds import UpdateKind
from nnkit.native.program_update import ProgramRule
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.vectors import blocks, update_mean


class Lion(Optimizer):
    """p ← p − lr·sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g (Chen et al. 2023, alg. 2)."""

    kind: Literal["lion"] = "lion"
    lr: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NonNegative = Field(0.0, description="λ of the additional update w ← w − lr·λ·w.")

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("momentum",)

    @property
    def decay(self) -> float:
        return self.weight_decay

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.LION, self.beta1, self.beta2)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, m in blocks(params, grads, *state):
            p -= lr * np.sign(self.beta1 * m + (1 - self.beta1) * g)
            update_mean(m, g, self.beta2)
