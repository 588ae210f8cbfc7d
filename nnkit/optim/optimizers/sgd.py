"""Stochastic gradient descent: with momentum, and with the steps of Pegasos."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Fraction, Positive
from nnkit.native.kernel_kinds import UpdateKind
from nnkit.native.program_update import ProgramRule
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.vectors import blocks


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr·v with v ← momentum·v + (1 − dampening)·g.

    Nesterov's form steps along g + momentum·v (Sutskever et al. 2013, as PyTorch writes it). With
    `lr_inside`, v holds the step itself, v ← momentum·v + lr·g, which differs if lr changes (as in
    Sutskever et al., Keras and scikit-learn). The first v is g, undampened, as in PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("momentum", "nesterov")
    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    nesterov: bool = Field(False, description="Whether steps look ahead along the velocity.")
    dampening: Fraction = 0.0
    lr_inside: bool = False

    @model_validator(mode="after")
    def _momentum_is_there(self) -> Self:
        if self.momentum:
            if self.nesterov and self.dampening:
                raise ValueError("nesterov and dampening exclude each other; use one of them")
            return self
        if self.nesterov:
            raise ValueError(
                "nesterov has no effect without momentum; set momentum, for example 0.9"
            )
        if self.dampening or self.lr_inside:
            raise ValueError("dampening and lr_inside have no effect without momentum")
        return self

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def in_program(self) -> ProgramRule:
        if not self.momentum:
            return ProgramRule(UpdateKind.SGD)
        kind = UpdateKind.MOMENTUM
        if self.nesterov:
            kind = UpdateKind.NESTEROV
        elif self.dampening or self.lr_inside:
            kind = UpdateKind.DAMPED_MOMENTUM
        return ProgramRule(kind, momentum=self.momentum)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        outside, inside = (1.0, lr) if self.lr_inside else (lr, 1.0)
        if self.nesterov:
            return outside, inside, outside * self.momentum
        return outside, inside, 1 - self.dampening if t > 1 else 1.0

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        if self.lr_inside:
            np.multiply(grads, lr, out=grads)
            lr = 1.0
        for p, g, *v in blocks(params, grads, *state):
            if v:
                self._accelerate(p, g, v[0], t, lr)
            else:
                np.multiply(g, lr, out=g)
                np.subtract(p, g, out=p)

    def _accelerate(self, p: Array, g: Array, v: Array, t: int, lr: float) -> None:
        np.multiply(v, self.momentum, out=v)
        if self.nesterov:
            np.add(v, g, out=v)
            np.multiply(g, lr, out=g)
            np.subtract(p, g, out=p)
            np.multiply(v, lr * self.momentum, out=g)
        else:
            if self.dampening and t > 1:
                np.multiply(g, 1 - self.dampening, out=g)
            np.add(v, g, out=v)
            np.multiply(v, lr, out=g)
        np.subtract(p, g, out=p)


class Pegasos(Optimizer):
    """SGD with the step 1/(λt), for the penalty ½λ‖w‖² (Shalev-Shwartz et al. 2011).

    Set `regularization.l2` to the same λ; lr is a factor on the step. With `project`, the penalized
    weights are projected onto the ball ‖w‖ ≤ 1/√λ, in which the optimum of a linear SVM lies.
    """

    kind: Literal["pegasos"] = "pegasos"
    shorthand: ClassVar[str | None] = "strength"
    strength: Positive = Field(description="λ.")
    lr: Positive = 1.0
    project: bool = True

    @property
    def required_l2(self) -> float:
        return self.strength

    @property
    def radius(self) -> float | None:
        return 1 / sqrt(self.strength) if self.project else None

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.SGD)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        return (lr / (self.strength * t),)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        np.multiply(grads, lr / (self.strength * t), out=grads)
        np.subtract(params, grads, out=params)

    def constrain(self, weights: Sequence[Array]) -> None:
        if self.radius is None:
            return
        length = hypot(*map(np.linalg.norm, weights))
        if length > self.radius:
            for block in weights:
                np.multiply(block, self.radius / length, out=block)


AnySGD = SGD | Pegasos
