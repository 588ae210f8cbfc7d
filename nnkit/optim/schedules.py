"""Schedules: how the learning rate changes over a run, as a factor on the optimizer's `lr`."""

from __future__ import annotations

from abc import abstractmethod
from math import cos, pi
from typing import Annotated, ClassVar, Literal

from nnkit.config.base import Component, Fraction, NonNegative, Tagged


class Schedule(Component):
    """The learning rate at a step, as a factor on `lr`.

    Every schedule may begin with a warm-up: the factor rises linearly over the first share
    `warmup` of all steps, and the schedule proper takes the steps that remain.
    """

    warmup: Fraction = 0.0

    def factor(self, step: int, steps: int) -> float:
        """The factor for step `step` (from 0) of `steps`."""
        rising = int(self.warmup * steps) if self.warmup else 0
        if step < rising:
            return (step + 1) / (rising + 1)
        return self.after_warmup(step - rising, max(steps - rising, 1))

    @abstractmethod
    def after_warmup(self, step: int, steps: int) -> float:
        """The factor once the warm-up is over."""


class Constant(Schedule):
    """lr as it is."""

    kind: Literal["constant"] = "constant"

    def after_warmup(self, step: int, steps: int) -> float:
        return 1.0


class Cosine(Schedule):
    """Half a cosine, from lr to lr · floor (Loshchilov & Hutter 2017, eq. 5, without restarts)."""

    kind: Literal["cosine"] = "cosine"
    floor: Fraction = 0.0

    def after_warmup(self, step: int, steps: int) -> float:
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * step / steps))


class InverseScaling(Schedule):
    """lr / (step + 1)^power (Robbins & Monro 1951)."""

    kind: Literal["inverse_scaling"] = "inverse_scaling"
    shorthand: ClassVar[str | None] = "power"
    power: NonNegative = 0.5

    def after_warmup(self, step: int, steps: int) -> float:
        return float((step + 1) ** -self.power)


AnySchedule = Annotated[Constant | Cosine | InverseScaling, Tagged(default="constant")]
