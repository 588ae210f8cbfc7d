"""The training loop: a generator that steps and yields what happened, untouched from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from nnkit.data.batches import Batches
from nnkit.errors import DivergedError
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.optim.optimizers import Optimizer
from nnkit.optim.regularization import Regularization

REMEDY = "try a smaller optimizer.lr, or data.preprocess: [standardize]"


class Step(NamedTuple):
    """One update done: its number from 1, and the batch's mean loss before it."""

    number: int
    loss: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The state of things between two steps.

    Attributes:
        step: updates done so far.
        epoch: passes over the training set so far.
        lr: the learning rate of the last step.
        train_loss: mean loss over the samples seen since the last evaluation.
        penalty: of the weights as they are now; None where the config has none.
        figures: such as `validation.accuracy`.
        samples_per_second: training alone, since the last evaluation or the start.
    """

    step: int
    epoch: float
    lr: float
    train_loss: float
    penalty: float | None
    figures: Mapping[str, float]
    samples_per_second: float

    def all_figures(self) -> dict[str, float]:
        """Training's own figures and those of the sets that are watched."""
        own = {"train.loss": self.train_loss}
        if self.penalty is not None:
            own["train.objective"] = self.train_loss + self.penalty
        return {**own, **self.figures}

    def record(self) -> dict[str, Any]:
        """As one line of metrics.jsonl."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 6),
            "lr": self.lr,
            **self.all_figures(),
            "samples_per_second": round(self.samples_per_second),
        }


@dataclass(slots=True)
class Progress:
    """All that the loop carries from step to step beside parameters and slots.

    Attributes:
        step: updates done.
        loss_sum: sum of losses over the samples since the last evaluation.
        loss_count: how many samples these were.
        samples: seen in all.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    samples: int = 0


@dataclass(slots=True)
class Loop:
    """Everything that one training needs; iterate over `run()` to train.

    Attributes:
        model: its parameters are updated in place.
        optimizer: the update rule.
        slots: the optimizer's vectors, updated in place.
        regularization: weight penalties.
        batches: of the training set.
        steps: how many in all.
        evaluate_every: steps between evaluations.
        evaluate: gives the figures of an evaluation.
        progress: where to begin, and from then on where it is.
    """

    model: Model
    optimizer: Optimizer
    slots: tuple[Array, ...]
    regularization: Regularization
    batches: Batches
    steps: int
    evaluate_every: int
    evaluate: Callable[[], Mapping[str, float]]
    progress: Progress = field(default_factory=Progress)

    def run(self) -> Iterator[Step | Evaluation]:
        """Trains; yields a `Step` after each update, and an `Evaluation` where one is due.

        Raises:
            DivergedError: a loss, before its update, or an evaluation's figure is NaN or infinite.
        """
        seconds, samples = 0.0, 0
        for X, T in self._remaining_batches():
            began = perf_counter()
            loss = self.step(X, T)
            seconds += perf_counter() - began
            samples += X.shape[-1]
            yield Step(self.progress.step, loss)
            if self.evaluation_due:
                yield self._evaluation(samples / max(seconds, 1e-9))
                seconds, samples = 0.0, 0

    @property
    def evaluation_due(self) -> bool:
        """Whether an evaluation follows the step just done."""
        step = self.progress.step
        return step % self.evaluate_every == 0 or step == self.steps

    def _remaining_batches(self) -> Iterator[tuple[Array, Array]]:
        per_epoch = self.batches.per_epoch
        while self.progress.step < self.steps:
            epoch, start = divmod(self.progress.step, per_epoch)
            for batch in self.batches.epoch(epoch, start):
                yield batch
                if self.progress.step == self.steps:
                    return

    def step(self, X: Array, T: Array) -> float:
        """One update from a batch; returns its mean loss before it.

        Raises:
            DivergedError: the loss is NaN or infinite; nothing was updated.
        """
        model, progress = self.model, self.progress
        step, size = progress.step, X.shape[-1]
        loss = model.network(size, training=True).loss_and_gradient(X, T, step)
        if not isfinite(loss):
            raise self._diverged(X, step, loss)
        if self.regularization.penalizes:
            decayed = model.layout.decayed
            self.regularization.add_gradient(model.params[decayed], model.grads[decayed])
        lr = self.optimizer.learning_rate(step, self.steps)
        self.optimizer.step(model.params, model.grads, self.slots, step + 1, lr)
        progress.step = step + 1
        progress.loss_sum += loss * size
        progress.loss_count += size
        progress.samples += size
        return loss

    def _evaluation(self, samples_per_second: float) -> Evaluation:
        progress = self.progress
        train_loss = progress.loss_sum / progress.loss_count
        progress.loss_sum, progress.loss_count = 0.0, 0
        evaluation = Evaluation(
            step=progress.step,
            epoch=progress.step / self.batches.per_epoch,
            lr=self.optimizer.learning_rate(progress.step - 1, self.steps),
            train_loss=train_loss,
            penalty=self._penalty(),
            figures=self.evaluate(),
            samples_per_second=samples_per_second,
        )
        for name, value in evaluation.all_figures().items():
            if not isfinite(value):
                raise DivergedError(f"{name} became {value} after step {progress.step}; {REMEDY}")
        return evaluation

    def _penalty(self) -> float | None:
        if not self.regularization.penalizes:
            return None
        return self.regularization.penalty(self.model.params[self.model.layout.decayed])

    def _diverged(self, X: Array, step: int, loss: float) -> DivergedError:
        where = self._first_nonfinite(X, step)
        return DivergedError(
            f"the loss became {loss} at step {step + 1}; "
            f"the first NaN or infinity is in {where}; {REMEDY}"
        )

    def _first_nonfinite(self, X: Array, step: int) -> str:
        for name, block in self.model.layout.views(self.model.params).items():
            if not np.isfinite(block).all():
                return f"the parameters {name}"
        network = self.model.network(X.shape[-1], training=True)
        return network.first_nonfinite(X, step) or f"the loss {self.model.loss.tag()}"
