"""Adagrad and what came of it: steps scaled by the squares of past gradients."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Fraction, NonNegative, Positive
from nnkit.native.kernel_kinds import UpdateKind
from nnkit.native.program_update import ProgramRule
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.vectors import blocks, update_mean


class Adagrad(Optimizer):
    """p ← p − lr·g/(√Σg² + ε): scaled by the history of each parameter (Duchi et al. 2011).

    ε is added outside the root, as in PyTorch; in Keras inside.
    """

    kind: Literal["adagrad"] = "adagrad"
    lr: Positive = 0.01
    initial: NonNegative = Field(0.0, description="Initial value of the sum of squares.")
    eps: Positive = 1e-10

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("sum_of_squares",)

    def start(self, state: State) -> None:
        if self.initial:
            state[0].fill(self.initial)

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.ADAGRAD, eps=self.eps)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        if t == 1:
            self.start(state)
        for p, g, s in blocks(params, grads, *state):
            s += g * g
            np.multiply(g, lr, out=g)
            p -= g / (np.sqrt(s) + self.eps)


class Adadelta(Optimizer):
    """Scales g by the root mean square of previous steps over that of gradients (Zeiler 2012).

    p ← p − lr·Δ with Δ = √(E[Δ²] + ε)/√(E[g²] + ε) · g and running means with decay ρ.
    """

    kind: Literal["adadelta"] = "adadelta"
    lr: Positive = 1.0
    rho: Fraction = 0.9
    eps: Positive = 1e-6

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("mean_square", "mean_square_step")

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.ADADELTA, beta2=self.rho, eps=self.eps)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, s, d in blocks(params, grads, *state):
            update_mean(s, g * g, self.rho)
            np.multiply(g, np.sqrt(d + self.eps) / np.sqrt(s + self.eps), out=g)
            update_mean(d, g * g, self.rho)
            p -= lr * g


class RMSprop(Optimizer):
    """p ← p − lr·g/(√E[g²] + ε), E a running mean with decay ρ (Tieleman & Hinton 2012).

    `centered` uses the variance, E[g²] − E[g]² (Graves 2013, eq. 39), instead of the mean square;
    `momentum` accumulates the steps. ε is added outside the root, as in PyTorch.
    """

    kind: Literal["rmsprop"] = "rmsprop"
    lr: Positive = 0.01
    rho: Fraction = 0.99
    momentum: Fraction = 0.0
    centered: bool = False
    eps: Positive = 1e-8

    @property
    def state_names(self) -> tuple[str, ...]:
        momentum = ("velocity",) if self.momentum else ()
        return ("mean_square", *(("mean",) if self.centered else ()), *momentum)

    def in_program(self) -> ProgramRule:
        plain, with_momentum = UpdateKind.RMSPROP, UpdateKind.RMSPROP_MOMENTUM
        if self.centered:
            plain = UpdateKind.CENTERED_RMSPROP
            with_momentum = UpdateKind.CENTERED_RMSPROP_MOMENTUM
        kind = with_momentum if self.momentum else plain
        return ProgramRule(kind, beta2=self.rho, momentum=self.momentum, eps=self.eps)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, s, *more in blocks(params, grads, *state):
            update_mean(s, g * g, self.rho)
            variance = s
            if self.centered:
                update_mean(more[0], g, self.rho)
                # rounding can make a zero variance negative
                variance = np.maximum(s - more[0] * more[0], 0)
            np.divide(g, np.sqrt(variance) + self.eps, out=g)
            if self.momentum:
                v = more[-1]
                np.multiply(v, self.momentum, out=v)
                v += g
                g = v
            p -= lr * g


AnyAdagrad = Adagrad | Adadelta | RMSprop
