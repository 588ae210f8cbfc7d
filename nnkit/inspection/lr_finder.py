"""The learning-rate range test: train with a rising rate and observe where the loss falls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import numpy as np

from nnkit.charts import Annotation, Chart, Curve
from nnkit.errors import DivergedError, SettingError, UsageError
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.optim.schedules import Schedule
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.task_loading import load_task
from nnkit.training.events import Step
from nnkit.training.loop import Loop, Progress
from nnkit.training.trainer import Trainer

WORSE = 4.0  # multiple of the best smoothed loss at which the test stops
MEMORY = 0.8  # decay of the running mean that smooths the loss
BEGUN = 0.25  # fraction of the total decrease above which the loss counts as falling
WIDEST = 1e100  # ratio of the highest to the lowest rate
FEWEST = 10  # fewest steps from which a slope can be estimated

Ending = Literal["the whole range was tried", "the loss rose", "the loss was not finite"]


class Rising(Schedule):
    """A rate that rises exponentially, lr · growth^t, for the range test alone."""

    kind: Literal["rising"] = "rising"
    growth: float

    def after_warmup(self, time: int, duration: int) -> float:
        return float(self.growth**time)


@dataclass(frozen=True, slots=True)
class RangeTest:
    """The result of a learning-rate range test.

    Attributes:
        lr: the learning rates of the steps, increasing, (n,).
        loss: the loss of the next batch after the step at each rate, (n,).
        smoothed: the smoothed losses, (n,).
        ending: why the test ended.
    """

    lr: Array
    loss: Array
    smoothed: Array
    ending: Ending

    @property
    def best(self) -> int:
        """The index at which the smoothed loss is lowest."""
        return int(np.argmin(self.smoothed))

    @property
    def steepest(self) -> float | None:
        """The rate around which the smoothed loss falls fastest; None if it never falls.

        The search begins where the loss has fallen, for the last time, by a quarter of its total
        decrease, and ends at the minimum. Slopes are taken over three quarters of a decade,
        because the remaining noise may be steeper, but only over short distances.
        """
        x, y, best = np.log10(self.lr), self.smoothed, self.best
        before = float(np.median(y[: best + 1]))  # most rates are too small to reduce the loss
        fallen = before - BEGUN * (before - y[best])
        begun = int(np.flatnonzero(y[: best + 1] >= fallen)[-1])
        half = np.searchsorted(x, x[0] + 0.375)
        within = np.arange(max(begun, min(half, best)), best + 1)
        left, right = np.maximum(within - half, 0), np.minimum(within + half, len(x) - 1)
        slope = (y[right] - y[left]) / (x[right] - x[left])
        steepest = int(np.argmin(slope))
        return float(self.lr[within[steepest]]) if slope[steepest] < 0 else None

    @property
    def tenth_of_minimum(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest."""
        return float(self.lr[self.best]) / 10


def find_lr(
    config: ConfigLike, low: float = 1e-7, high: float = 10.0, steps: int = 100
) -> RangeTest:
    """Trains a new network for a few steps at an exponentially rising rate; nothing is saved.

    The learning rate and schedule of the config are ignored; everything else is as in training.
    The test ends early if the smoothed loss exceeds four times its minimum or is not finite.

    Args:
        config: a config from `load_config`, or what it takes.
        low: the first rate.
        high: the last rate.
        steps: number of updates, each on one batch.

    Raises:
        ConfigError: settings, shapes and data do not fit together, or the optimizer chooses the
            length of its steps itself.
        DataError: the data is missing or damaged.
        DivergedError: the loss is not finite at the start or after too few steps.
        UsageError: the range is invalid, or there are too few steps.

    References:
        Smith 2017, "Cyclical learning rates for training neural networks", §3.3.
    """
    _check_range(low, high, steps)
    config = load_config(config)
    with config.locating():
        if config.optimizer.full_batch:
            raise SettingError(
                ("optimizer",),
                f"'{config.optimizer.tag()}' chooses its step lengths by a line search over "
                "all samples, so there is no learning rate to find; use a mini-batch optimizer",
            )
        trainer = Trainer(load_task(config))
    growth = (high / low) ** (1 / (steps - 1))
    loop = _rising(trainer.loop, low, growth, steps)
    losses: list[float] = []
    with numerics(trainer.model):
        try:
            ending = _append_losses(losses, loop)
        except DivergedError:
            if not losses:
                raise
            if len(losses) <= FEWEST:
                raise DivergedError(
                    f"the loss was not finite after {len(losses)} steps, at lr "
                    f"{low * growth ** (len(losses) - 1):.2g}; start at a lower rate (--from)"
                ) from None
            ending = "the loss was not finite"
    followed = np.array(losses[1:])
    rates = low * growth ** np.arange(len(followed))
    return RangeTest(rates, followed, smooth(followed), ending)


def _check_range(low: float, high: float, steps: int) -> None:
    if not (0 < low < high < inf):
        raise UsageError(f"rates must be positive, finite and increasing, got {low:g} to {high:g}")
    if high / low > WIDEST:
        raise UsageError(
            f"the highest rate may be at most {WIDEST:g} times the lowest, got {low:g} to {high:g}"
        )
    if steps < FEWEST:
        raise UsageError(f"{steps} steps are too few to estimate a slope; use {FEWEST} or more")


def _rising(loop: Loop, low: float, growth: float, steps: int) -> Loop:
    """The loop from its start, with a rate that grows by a factor at each step."""
    optimizer = loop.optimizer.model_copy(update={"lr": low, "schedule": Rising(growth=growth)})
    # One more step, because the effect of a step is measured by the loss of the next batch.
    return replace(
        loop,
        optimizer=optimizer,
        steps=steps + 1,
        evaluate_every=steps + 1,
        average=None,
        progress=Progress(),
    )


def _append_losses(losses: list[float], loop: Loop) -> Ending:
    """Appends the loss of each step to a list, until it has risen too far; says why it ended.

    Raises:
        DivergedError: the loss is not finite.
    """
    mean, best = RunningMean(), inf
    for loss in _losses(loop):
        losses.append(loss)
        smoothed = mean.after(loss)
        best = min(best, smoothed)
        if len(losses) > FEWEST and smoothed > limit(best):
            return "the loss rose"
    return "the whole range was tried"


def _losses(loop: Loop) -> Iterator[float]:
    """Yields the loss of each batch before its update; the final evaluation is skipped."""
    for event in loop.run():
        assert isinstance(event, Step)
        yield event.loss
        if event.number == loop.steps:
            return


def limit(best: float) -> float:
    """Four times the best loss, or the same distance above it if it is negative (Poisson)."""
    return best + (WORSE - 1) * abs(best)


class RunningMean:
    """Exponentially weighted running mean; the latest value has the largest weight."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def after(self, value: float) -> float:
        """Adds a value; returns the new mean."""
        self.total, self.weight = MEMORY * self.total + value, MEMORY * self.weight + 1
        return self.total / self.weight


def running_mean(values: Array) -> Array:
    """The running mean after each of the values, (n,)."""
    mean = RunningMean()
    return np.array([mean.after(value) for value in values])


def smooth(losses: Array) -> Array:
    """Smooths losses (n,) by averaging a forward and a backward running mean.

    This avoids the lag of a single running mean. Past the minimum, losses are capped at the limit
    at which the test stops, so that one huge loss does not affect the values far before it.
    """
    means, capped = running_mean(losses), losses.copy()
    lowest = int(np.argmin(means))
    capped[lowest:] = np.minimum(losses[lowest:], limit(means[lowest]))
    return (running_mean(capped) + running_mean(capped[::-1])[::-1]) / 2


def draw(found: RangeTest, name: str) -> Chart:
    """A chart of the losses over the learning rates."""
    shown = np.where(found.loss <= 1.1 * max(found.smoothed), found.loss, np.nan)
    marks = [
        Annotation(f"a tenth of the minimum {found.tenth_of_minimum:.2g}", found.tenth_of_minimum)
    ]
    if found.steepest is not None:
        marks.insert(0, Annotation(f"steepest descent {found.steepest:.2g}", found.steepest))
    within = tuple(mark for mark in marks if mark.x >= found.lr[0])
    return Chart(
        f"{name}: loss while the learning rate rises",
        "lr",
        (Curve("loss", found.lr, shown, "points"), Curve("smoothed", found.lr, found.smoothed)),
        "loss",
        log_x=True,
        marks=within,
    )
