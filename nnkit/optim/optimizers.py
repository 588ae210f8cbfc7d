"""Optimizers: in-place updates of the flat parameter vector from the flat gradient vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from math import sqrt
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from nnkit.compiled import compiled, worthwhile
from nnkit.config.base import Component, Fraction, Positive, Tagged
from nnkit.optim import kernels
from nnkit.optim.schedules import AnySchedule, Constant

Array = NDArray[Any]

# Beyond the cache a long update is bound by memory: do all its passes over one part, then the next.
# Four vectors of this many float32 fill half of a 2 MB second-level cache.
BLOCK = 1 << 16


class Optimizer(Component):
    """An update rule; its memory between steps is in slots, vectors as long as the parameters."""

    lr: Positive
    schedule: AnySchedule = Field(Constant(), description="How lr changes over the run.")

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots it keeps, zero at the start."""
        return ()

    def learning_rate(self, step: int, steps: int) -> float:
        """The learning rate at step `step` (from 0) of `steps`."""
        return self.lr * self.schedule.factor(step, steps)

    @abstractmethod
    def step(
        self, params: Array, grads: Array, slots: tuple[Array, ...], t: int, lr: float
    ) -> None:
        """Updates `params` in place.

        Args:
            params: all parameters, shape (P,).
            grads: their gradients, shape (P,); used as scratch.
            slots: as named by `slots`, each of shape (P,), updated in place.
            t: the number of this step, from 1.
            lr: the learning rate at this step.
        """


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr·v with v ← momentum·v + g.

    Nesterov's form steps along g + momentum·v (Sutskever et al. 2013, as PyTorch writes it).
    """

    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov has no effect without momentum; set momentum, such as 0.9")
        return self

    @property
    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def step(
        self, params: Array, grads: Array, slots: tuple[Array, ...], t: int, lr: float
    ) -> None:
        if not self.momentum and worthwhile(params.size):
            compiled(kernels.sgd)(params, grads, params.dtype.type(lr))
            return
        for p, g, *v in blocks(params, grads, *slots):
            if v:
                np.multiply(v[0], self.momentum, out=v[0])
                np.add(v[0], g, out=v[0])
                if self.nesterov:
                    np.multiply(g, lr, out=g)
                    np.subtract(p, g, out=p)
                np.multiply(v[0], lr * self.momentum if self.nesterov else lr, out=g)
            else:
                np.multiply(g, lr, out=g)
            np.subtract(p, g, out=p)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): steps scaled by running moments of the gradient.

    The slots hold m/(1 − β₁) and v/(1 − β₂), which saves two passes over memory; the constants are
    put back, with the bias corrections, into the two scalars of the update.
    """

    kind: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def step(
        self, params: Array, grads: Array, slots: tuple[Array, ...], t: int, lr: float
    ) -> None:
        # With M = m/(1−β₁) and V = v/(1−β₂):
        # lr · m̂/(√v̂ + ε) = rate · M/(√V + ε·stretch)
        stretch = sqrt((1 - self.beta2**t) / (1 - self.beta2))
        rate = lr * (1 - self.beta1) / (1 - self.beta1**t) * stretch
        scalars = (self.beta1, self.beta2, rate, self.eps * stretch)
        if worthwhile(params.size):
            compiled(kernels.adam)(params, grads, *slots, *map(params.dtype.type, scalars))
            return
        for p, g, m, v in blocks(params, grads, *slots):
            adam_pass(p, g, m, v, *scalars)


def adam_pass(
    p: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, eps: float
) -> None:
    """Adam's ten vector operations; the compiled kernel does the same in one pass, bit for bit."""
    np.multiply(m, beta1, out=m)
    np.add(m, g, out=m)
    np.multiply(v, beta2, out=v)
    np.multiply(g, g, out=g)
    np.add(v, g, out=v)
    np.sqrt(v, out=g)
    np.add(g, eps, out=g)
    np.divide(m, g, out=g)
    np.multiply(g, rate, out=g)
    np.subtract(p, g, out=p)


def blocks(*vectors: Array) -> Iterator[tuple[Array, ...]]:
    """The vectors cut alike into parts that fit the cache together; whole where they already do."""
    size = len(vectors[0])
    if size <= 2 * BLOCK:
        yield vectors
        return
    for start in range(0, size, BLOCK):
        yield tuple(vector[start : start + BLOCK] for vector in vectors)


AnyOptimizer = Annotated[SGD | Adam, Tagged(default="adam")]
