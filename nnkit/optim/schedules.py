"""Schedules: how the learning rate changes over a run, as a factor on the optimizer's `lr`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nnkit.config.spec import Component, Count, Fraction, Listed, NonNegative, Positive
from nnkit.config.tagged_union import Tagged


@dataclass(frozen=True, slots=True)
class PlateauState:
    """The state of the schedule `plateau`.

    Attributes:
        factor: factor on the learning rate.
        best: best value of the monitored metric so far; None before the first evaluation.
        waited: number of evaluations since the last improvement or reduction.
    """

    factor: float = 1.0
    best: float | None = None
    waited: int = 0


class Schedule(Component):
    """The learning rate over a run, as a factor applied to `lr`.

    Every schedule may start with a warm-up: the factor rises linearly over the first fraction
    `warmup` of all steps, and the schedule itself takes the rest. Of these T steps, or epochs, t
    have passed.
    """

    warmup: Fraction = Field(
        0.0, description="The fraction of all steps in which the rate rises to lr."
    )
    per: Literal["step", "epoch"] = Field(
        "step", description="Whether the rate changes at each step or at each epoch."
    )

    def factor(self, step: int, steps: int, per_epoch: int = 1) -> float:
        """The factor for step `step` (from 0) of `steps`, `per_epoch` of them in an epoch."""
        time, duration = step, steps
        if self.warmup:
            rising = int(self.warmup * steps)
            if step < rising:
                return (step + 1) / (rising + 1)
            time, duration = step - rising, max(steps - rising, 1)
        if self.per == "epoch":
            time, duration = time // per_epoch, -(-duration // per_epoch)
        return self.after_warmup(time, duration)

    @property
    def remark(self) -> str | None:
        """A remark on what a plot of the schedule cannot show, or None."""
        return None

    @property
    def is_constant(self) -> bool:
        """Whether the rate is the same at every step."""
        return False

    def observe(self, state: PlateauState, value: float, higher_is_better: bool) -> PlateauState:
        """The state after an evaluation; most schedules ignore metrics.

        Args:
            state: the state after the previous evaluation.
            value: the value of the monitored metric.
            higher_is_better: whether a larger value is an improvement.
        """
        return state

    @abstractmethod
    def after_warmup(self, time: int, duration: int) -> float:
        """The factor after the warm-up, at `time` (from 0) of `duration`."""


class ConstantRate(Schedule):
    """Constant lr."""

    kind: Literal["constant"] = "constant"

    @property
    def is_constant(self) -> bool:
        return not self.warmup

    def after_warmup(self, time: int, duration: int) -> float:
        return 1.0


class StepDecay(Schedule):
    """lr · gamma^⌊t/every⌋."""

    kind: Literal["step"] = "step"
    shorthand: ClassVar[str | None] = "every"
    every: Count
    gamma: Positive = 0.1

    def after_warmup(self, time: int, duration: int) -> float:
        return float(self.gamma ** (time // self.every))


class MultiStep(Schedule):
    """lr · gamma^n after n of the milestones."""

    kind: Literal["multi_step"] = "multi_step"
    shorthand: ClassVar[str | None] = "milestones"
    milestones: Annotated[tuple[Count, ...], Listed, Field(min_length=1)]
    gamma: Positive = 0.1

    @model_validator(mode="after")
    def _milestones_rise(self) -> Self:
        if any(a >= b for a, b in pairwise(self.milestones)):
            raise ValueError("milestones must increase")
        return self

    def after_warmup(self, time: int, duration: int) -> float:
        return float(self.gamma ** sum(time >= milestone for milestone in self.milestones))


class ExponentialDecay(Schedule):
    """lr · gamma^t."""

    kind: Literal["exponential"] = "exponential"
    shorthand: ClassVar[str | None] = "gamma"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.999

    def after_warmup(self, time: int, duration: int) -> float:
        return float(self.gamma**time)


class Polynomial(Schedule):
    """lr · (floor + (1 − floor)(1 − t/T)^power); linear for power 1."""

    kind: Literal["polynomial"] = "polynomial"
    shorthand: ClassVar[str | None] = "power"
    power: Positive = 1.0
    floor: Fraction = 0.0

    def after_warmup(self, time: int, duration: int) -> float:
        return self.floor + (1 - self.floor) * float((1 - time / duration) ** self.power)


class InverseScaling(Schedule):
    """lr / (1 + scale · t)^power (Robbins & Monro 1951).

    scikit-learn's `invscaling` counts samples but changes once an epoch: that is `per: epoch` with
    the number of training samples as `scale`.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("invscaling",)
    kind: Literal["inverse_scaling"] = "inverse_scaling"
    shorthand: ClassVar[str | None] = "power"
    power: NonNegative = 0.5
    scale: Positive = 1.0

    def after_warmup(self, time: int, duration: int) -> float:
        return float((1 + self.scale * time) ** -self.power)


class CosineDecay(Schedule):
    """Half a cosine, from lr to lr · floor (Loshchilov & Hutter 2017, eq. 5, without restarts)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("cosine_annealing",)
    kind: Literal["cosine"] = "cosine"
    floor: Fraction = 0.0

    def after_warmup(self, time: int, duration: int) -> float:
        return _half_cosine(1.0, self.floor, time / duration)


class CosineRestarts(Schedule):
    """Half a cosine, restarted after `first` steps or epochs, each cycle `growth` times as long.

    It falls to lr · floor each time. SGDR (Loshchilov & Hutter 2017, eq. 5).
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("sgdr", "cosine_annealing_warm_restarts")
    kind: Literal["cosine_restarts"] = "cosine_restarts"
    shorthand: ClassVar[str | None] = "first"
    first: Count
    growth: Count = 1
    floor: Fraction = 0.0

    def after_warmup(self, time: int, duration: int) -> float:
        length = self.first
        while time >= length:
            time -= length
            length *= self.growth
        return _half_cosine(1.0, self.floor, time / length)


class OneCycle(Schedule):
    """Up from lr/start to lr over the fraction `rise`, down to lr/(start · end), as half cosines.

    The peak is `lr` (Smith & Topin 2019; shape and defaults as in PyTorch).
    """

    kind: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    start: Annotated[float, Field(gt=1)] = 25.0
    end: Annotated[float, Field(ge=1)] = 10_000.0

    @model_validator(mode="after")
    def _no_other_warmup(self) -> Self:
        if self.warmup:
            raise ValueError("one_cycle has its own warm-up; remove warmup")
        return self

    def after_warmup(self, time: int, duration: int) -> float:
        peak, last = self.rise * duration - 1, duration - 1
        if time <= peak:
            return _half_cosine(1 / self.start, 1.0, time / peak if peak else 1.0)
        return _half_cosine(1.0, 1 / (self.start * self.end), (time - peak) / (last - peak))


class Plateau(Schedule):
    """lr · gamma if `training.monitor` has not improved for more than `patience` evaluations."""

    elsewhere: ClassVar[tuple[str, ...]] = ("reduce_on_plateau", "reduce_lr_on_plateau")
    kind: Literal["plateau"] = "plateau"
    shorthand: ClassVar[str | None] = "patience"
    patience: Annotated[int, Field(ge=0)] = 10
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    minimum_change: NonNegative = Field(
        1e-4, description="A smaller relative improvement does not count."
    )
    floor: Fraction = Field(0.0, description="The factor never falls below this.")

    def after_warmup(self, time: int, duration: int) -> float:
        return 1.0  # its factor is in the state; the training loop applies it

    @property
    def remark(self) -> str:
        return (
            "plateau depends on the course of training; the plot assumes that the monitored "
            f"metric always improves. The rate is multiplied by {self.gamma:g} when "
            f"training.monitor has not improved for more than {self.patience} evaluations."
        )

    def observe(self, state: PlateauState, value: float, higher_is_better: bool) -> PlateauState:
        sign = -1.0 if higher_is_better else 1.0
        change = self.minimum_change * abs(state.best or 0.0)
        if state.best is None or sign * value < sign * state.best - change:
            return PlateauState(state.factor, value, 0)
        waited = state.waited + 1
        if waited <= self.patience:
            return PlateauState(state.factor, state.best, waited)
        return PlateauState(max(state.factor * self.gamma, self.floor), state.best, 0)


def _half_cosine(first: float, last: float, share: float) -> float:
    """Interpolates from `first` to `last` along half a cosine."""
    return last + (first - last) * 0.5 * (1 + cos(pi * share))


AnySchedule = Annotated[
    ConstantRate
    | StepDecay
    | MultiStep
    | ExponentialDecay
    | Polynomial
    | InverseScaling
    | CosineDecay
    | CosineRestarts
    | OneCycle
    | Plateau,
    Tagged(default="constant"),
]
