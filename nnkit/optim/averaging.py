"""Averages of the weights over training, which often generalize better than the last weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Component, Count, Fraction
from nnkit.config.tagged_union import Tagged
from nnkit.nn.params import Array


class Averaging(Component):
    """Averaging of parameters over the steps; evaluations and checkpoints use the average.

    Running means, such as those of batch normalization, remain those of the original parameters.
    """

    def has_started(self, step: int, steps: int) -> bool:
        """Whether averaging has started after step `step` (from 1) of `steps`."""
        return True

    @abstractmethod
    def share(self, step: int, steps: int) -> float:
        """The fraction by which the average moves to the parameters after step `step` (from 1)."""


class EMA(Averaging):
    """Exponential moving average: a ← decay·a + (1 − decay)·p after each step.

    Averaging of weights goes back to Polyak & Juditsky 1992. The average starts as the parameters
    after the first step; until 1/(1 − decay) steps have passed it is the plain mean, so that the
    first parameters do not dominate it.
    """

    kind: Literal["ema"] = "ema"
    shorthand: ClassVar[str | None] = "decay"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999

    def share(self, step: int, steps: int) -> float:
        return max(1 - self.decay, 1 / step)


class SWA(Averaging):
    """Stochastic weight averaging: the mean of the parameters after every `every` steps.

    It starts after the fraction `start` of all steps (Izmailov et al. 2018). Use it with a constant
    or cyclic learning rate.
    """

    kind: Literal["swa"] = "swa"
    shorthand: ClassVar[str | None] = "start"
    start: Fraction = 0.75
    every: Count = 1

    def has_started(self, step: int, steps: int) -> bool:
        return step >= int(self.start * steps) + self.every

    def share(self, step: int, steps: int) -> float:
        if not self.has_started(step, steps):
            return 1.0
        counted = step - int(self.start * steps)
        # the k-th vector of the mean has weight 1/k
        return 0.0 if counted % self.every else 1 / (counted // self.every)


AnyAveraging = Annotated[EMA | SWA, Tagged(default="ema")]


@dataclass(frozen=True, slots=True)
class Average:
    """The running average of a parameter vector.

    Attributes:
        spec: the averaging method.
        values: the average, (P,), updated in place.
    """

    spec: Averaging
    values: Array

    def add(self, params: Array, step: int, steps: int) -> None:
        """Updates the average by the parameters after step `step` (from 1) of `steps`."""
        share = self.spec.share(step, steps)
        if share == 1.0:
            self.values[...] = params
        elif share:
            np.add(self.values, share * (params - self.values), out=self.values)

    @contextmanager
    def swapped_in(self, params: Array) -> Iterator[None]:
        """Replaces the contents of `params` by the average within the block."""
        kept = params.copy()
        np.copyto(params, self.values)
        try:
            yield
        finally:
            np.copyto(params, kept)
