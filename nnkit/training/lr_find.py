"""The learning-rate range test: train while the rate rises, and see where the loss falls fastest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np

from nnkit.errors import DivergedError, SettingError, UsageError
from nnkit.nn.params import Array
from nnkit.optim.lbfgs import FullBatch
from nnkit.optim.schedules import Schedule
from nnkit.plots import Chart, Curve, Mark
from nnkit.training.config import Config
from nnkit.training.loop import Loop, Progress, Step
from nnkit.training.numerics import numerics
from nnkit.training.session import build

WORSE = 4.0  # times the best smoothed loss, at which the test has seen enough
MEMORY = 0.8  # of the running mean that smooths the loss
FEWEST = 10  # steps from which a slope can be read

Ending = Literal["the rates were through", "the loss rose", "the loss was not finite"]


class Rising(Schedule):
    """lr · growth^t, for this test alone."""

    kind: Literal["rising"] = "rising"
    growth: float

    def after_warmup(self, time: int, duration: int) -> float:
        return float(self.growth**time)


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What a range test saw.

    Attributes:
        lr: the rates at which steps were taken, rising, (n,).
        loss: of the batch that followed the step at each rate, (n,).
        smoothed: the same, noise taken out, (n,).
        ending: why it ended.
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
        """The rate at which the smoothed loss falls fastest; None if it never falls."""
        slope = np.gradient(self.smoothed, np.log10(self.lr))[: self.best + 1]
        i = int(np.argmin(slope))
        return float(self.lr[i]) if slope[i] < 0 else None

    @property
    def tenth_of_minimum(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest."""
        return float(self.lr[self.best]) / 10


def find_lr(config: Config, low: float = 1e-7, high: float = 10.0, steps: int = 100) -> RangeTest:
    """Trains anew for a few steps at a learning rate that rises exponentially; keeps nothing.

    The config's own learning rate and schedule are left aside, all else is as in its training. It
    ends early where the smoothed loss is over four times its best, or not finite.

    Args:
        config: from `load_config`.
        low: the first rate.
        high: the last.
        steps: updates, each on one batch.

    Raises:
        ConfigError: settings, shapes and data do not fit together, or the optimizer looks for its
            steps' length itself.
        DataError: the data is missing or damaged.
        DivergedError: the loss is not finite before any step.
        UsageError: there is no such range.

    References:
        Smith 2017, "Cyclical learning rates for training neural networks", §3.3.
    """
    if not (0 < low < high < float("inf")):
        raise UsageError(f"the rates must rise from above 0, not go from {low:g} to {high:g}")
    if steps < FEWEST:
        raise UsageError(f"{steps} steps are too few to read a slope from; take {FEWEST} or more")
    with config.locating():
        if isinstance(config.optimizer, FullBatch):
            raise SettingError(
                ("optimizer",),
                f"'{config.optimizer.tag()}' finds the length of its steps on all samples at once, "
                "so there is no rate to find; this is for optimizers that go batch by batch",
            )
        session = build(config)
    growth = (high / low) ** (1 / (steps - 1))
    rising = config.optimizer.model_copy(update={"lr": low, "schedule": Rising(growth=growth)})
    # One step more, because what a step did is seen in the loss of the next batch.
    loop = replace(
        session.loop,
        optimizer=rising,
        steps=steps + 1,
        evaluate_every=steps + 1,
        average=None,
        progress=Progress(),
    )
    losses: list[float] = []
    ending: Ending = "the rates were through"
    with numerics(session.threads):
        try:
            for loss in _losses(loop):
                losses.append(loss)
                if _much_worse(losses):
                    ending = "the loss rose"
                    break
        except DivergedError:
            if len(losses) <= FEWEST:
                raise
            ending = "the loss was not finite"
    followed = np.array(losses[1:])
    rates = low * growth ** np.arange(len(followed))
    return RangeTest(rates, followed, smooth(followed), ending)


def _losses(loop: Loop) -> Iterator[float]:
    """The loss of each batch, before the step that it makes; the last evaluation is left out."""
    for event in loop.run():
        assert isinstance(event, Step)
        yield event.loss
        if loop.progress.step == loop.steps:
            return


def _much_worse(losses: list[float]) -> bool:
    means = running_mean(np.array(losses))
    return len(losses) > FEWEST and bool(means[-1] > WORSE * means.min())


def running_mean(values: Array) -> Array:
    """The mean of each value and those before it, ever less of what is longer ago, (n,)."""
    means = np.empty(len(values))
    total = weight = 0.0
    for i, value in enumerate(values):
        total, weight = MEMORY * total + value, MEMORY * weight + 1
        means[i] = total / weight
    return means


def smooth(losses: Array) -> Array:
    """Losses (n,) without their noise: the mean of a running mean forwards and one backwards.

    So the curve does not lag behind the rates, as one running mean would. What is beyond the limit
    of the test counts as that limit, so that one huge loss does not reach far back.
    """
    capped = np.minimum(losses, WORSE * running_mean(losses).min())
    return (running_mean(capped) + running_mean(capped[::-1])[::-1]) / 2


def draw(found: RangeTest, name: str) -> Chart:
    """The losses over the rates."""
    shown = np.where(found.loss <= 1.1 * max(found.smoothed), found.loss, np.nan)
    marks = [Mark(f"a tenth of the minimum {found.tenth_of_minimum:.2g}", found.tenth_of_minimum)]
    if found.steepest is not None:
        marks.insert(0, Mark(f"steepest descent {found.steepest:.2g}", found.steepest))
    within = tuple(mark for mark in marks if mark.x >= found.lr[0])
    return Chart(
        f"{name}: loss while the learning rate rises",
        "lr",
        (Curve("loss", found.lr, shown, "points"), Curve("smoothed", found.lr, found.smoothed)),
        "loss",
        log_x=True,
        marks=within,
    )
