"""The training loop: a generator that takes steps and yields events; saving is left to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from math import inf, isfinite
from time import perf_counter

import numpy as np

from nnkit.data.batches import Batch, Batches
from nnkit.data.stream_batches import StreamBatches
from nnkit.errors import DivergedError
from nnkit.metrics import higher_is_better
from nnkit.native.library import library
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState
from nnkit.optim.averaging import Average
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.regularization import Regularization
from nnkit.optim.schedules import PlateauState
from nnkit.optim.update import Update
from nnkit.optim.weight_noise import NoisyWeights
from nnkit.task.prepared_set import AnyBatches, continued, pass_of
from nnkit.training.events import Evaluation, Step
from nnkit.training.nonfinite_loss import diverged_error
from nnkit.training.program_steps import ProgramSteps, program_steps


@dataclass(slots=True)
class Progress:
    """The state of the loop besides the parameters and the optimizer state.

    Attributes:
        step: updates done.
        loss_sum: sum of losses over the samples since the last evaluation.
        loss_count: number of these samples, or their total weight.
        samples: number of samples seen in total.
        plateau: state of the schedule `plateau`.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_count: float = 0
    samples: int = 0
    plateau: PlateauState = field(default_factory=PlateauState)


@dataclass(slots=True)
class Loop:
    """A training loop; iterate over `run()` to train.

    Attributes:
        model: the model, whose parameters are updated in place.
        optimizer: the update rule.
        optimizer_state: the optimizer's vectors, updated in place.
        regularization: weight penalties, and the changes to weights after an update.
        batches: the batches of the training set.
        steps: number of updates in total.
        evaluate_every: steps between evaluations.
        evaluate: computes the metrics of an evaluation.
        monitor: the metric that is passed to the schedule.
        accumulate: number of batches per update.
        average: the running average of the parameters, if one is kept.
        every_step: whether a `Step` is yielded for each update, even if several are made at once.
        pause_every: steps between checkpoints; None if they are saved at evaluations alone.
        progress: the current state of the loop, initially its starting point.
        carried: the states of recurrent layers after the last batch, by layer, if the next one
            continues its sequences.
        per_epoch: updates per epoch.
        update: the optimizer's step over all parameters.
        noisy: the parameters with added noise; None if the config sets none.
        program_steps: takes several steps in one call of the compiled kernels; None if they cannot
            take the steps of this loop.
    """

    model: Model
    optimizer: Optimizer
    optimizer_state: tuple[Array, ...]
    regularization: Regularization
    batches: AnyBatches
    steps: int
    evaluate_every: int
    evaluate: Callable[[], Mapping[str, float]]
    monitor: str = "train.loss"
    accumulate: int = 1
    average: Average | None = None
    every_step: bool = True
    pause_every: int | None = None
    progress: Progress = field(default_factory=Progress)
    per_epoch: int = field(init=False)
    carried: dict[str, LayerState] = field(default_factory=dict)
    update: Update = field(init=False)
    noisy: NoisyWeights | None = field(init=False)
    program_steps: ProgramSteps | None = field(init=False)

    def __post_init__(self) -> None:
        model = self.model
        self.per_epoch = -(-self.batches.per_epoch // self.accumulate)
        self.update = Update(
            model.params,
            model.grads,
            self.optimizer_state,
            model.layout,
            self.optimizer,
            self.regularization,
            library(),
        )
        noise = self.regularization.weight_noise
        self.noisy = NoisyWeights(model.params, noise, model.seed) if noise else None
        self.program_steps = None

    def run(self) -> Iterator[Step | Evaluation]:
        """Trains; yields a `Step` for each update, and an `Evaluation` where one is due.

        Several updates may be made before their steps are yielded.

        Raises:
            DivergedError: a batch's loss, before its update, or a metric is NaN or infinite.
        """
        seconds, before = 0.0, self.progress.samples
        self.program_steps = self._program_steps()
        steps = self._several_steps() if self.program_steps is not None else self._single_steps()
        while self.progress.step < self.steps:
            began = perf_counter()
            losses = next(steps)
            seconds += perf_counter() - began
            first = self.progress.step - len(losses) + 1
            for number, loss in enumerate(losses, first) if self.every_step else ():
                yield Step(number, loss)
            if not self.every_step:
                yield Step(self.progress.step, losses[-1])
            if self.evaluation_due:
                samples = self.progress.samples - before
                yield self._evaluation(samples / max(seconds, 1e-9))
                seconds, before = 0.0, self.progress.samples

    def _program_steps(self) -> ProgramSteps | None:
        update = self.update.program
        if self.accumulate > 1 or self.noisy is not None or update is None:
            return None
        if not isinstance(self.batches, Batches):
            return None
        update.set_average(None if self.average is None else self.average.values)
        return program_steps(self.model, update, self.batches, self._rates)

    def _rates(self, step: int) -> list[tuple[float, ...]]:
        """The scalars of the update at a step, counted from 0, for the compiled kernels."""
        if step == 0:
            self.update.start()
        average = self.average
        share = 0.0 if average is None else average.spec.share(step + 1, self.steps)
        return self.update.rates(step + 1, self.learning_rate(step), share)

    def _several_steps(self) -> Iterator[list[float]]:
        """Takes several steps at a time by the compiled kernels, and yields their losses."""
        assert self.program_steps is not None
        progress = self.progress
        with closing(self.program_steps) as program:
            while progress.step < self.steps:
                losses, weights, samples = program.take(progress.step, self.steps_to_pause)
                for loss, weight in zip(losses, weights, strict=True):
                    progress.loss_sum += loss * weight
                    progress.loss_count += weight
                progress.samples += samples
                progress.step += len(losses)
                # A step that the kernels do not take, as its loss is not finite, says why here.
                yield losses or next(self._single_steps())

    def _single_steps(self) -> Iterator[list[float]]:
        """Takes one step at a time, and yields its loss."""
        for batches in self._remaining():
            yield [self.step(batches)]

    @property
    def steps_to_pause(self) -> int:
        """The number of steps until the next evaluation or checkpoint, or the end."""
        step = self.progress.step
        pauses = [self.steps - step, self.evaluate_every - step % self.evaluate_every]
        if self.pause_every:
            pauses.append(self.pause_every - step % self.pause_every)
        return min(pauses)

    @property
    def evaluation_due(self) -> bool:
        """Whether an evaluation follows the step just done."""
        step = self.progress.step
        return step % self.evaluate_every == 0 or step == self.steps

    def _remaining(self) -> Iterator[Iterable[Batch]]:
        """Yields the batches of each remaining update, to be used before the next is requested."""
        while self.progress.step < self.steps:
            epoch, update = divmod(self.progress.step, self.per_epoch)
            batches = self.batches.epoch(epoch, update * self.accumulate)
            for batch in batches:
                if self.accumulate == 1:
                    yield (batch,)
                else:
                    yield chain((batch,), islice(batches, self.accumulate - 1))
                if self.progress.step == self.steps:
                    return

    def step(self, batches: Iterable[Batch]) -> float:
        """Makes one update from one or more batches; returns their mean loss before it.

        Raises:
            DivergedError: the loss is NaN or infinite; nothing was updated.
        """
        progress, step = self.progress, self.progress.step
        lr = self.learning_rate(step)
        state = self.model.state.copy()
        try:
            if self.optimizer.full_batch:
                loss, count = self._descend(batches, lr)
            else:
                loss, count = self._loss_and_gradient(batches, step)
                self.update(step + 1, lr)
        except DivergedError:
            self.model.state[...] = state
            raise
        if self.average is not None:
            self.average.add(self.model.params, step + 1, self.steps)
        progress.step = step + 1
        progress.loss_sum += loss * count
        progress.loss_count += count
        return loss

    def learning_rate(self, step: int) -> float:
        """The learning rate at a step, counted from 0."""
        by_schedule = self.optimizer.learning_rate(step, self.steps, self.per_epoch)
        return by_schedule * self.progress.plateau.factor

    def _loss_and_gradient(self, batches: Iterable[Batch], step: int) -> tuple[float, float]:
        """The mean loss and total weight of batches; the mean gradient is written to the model."""
        if self.noisy is not None:
            with self.noisy.at(step):
                found = self._mean(batches, step)
        elif self.accumulate > 1:
            found = self._mean(batches, step)
        else:
            (batch,) = batches
            found = self._of_batch(batch, step)
        self.model.ranks.sum_in_place(self.model.grads)
        return found

    def _mean(self, batches: Iterable[Batch], step: int) -> tuple[float, float]:
        """The mean loss and total weight of batches; writes this rank's part of the gradient."""
        grads, total, counted = self.model.grads, 0.0, 0.0
        sums = np.zeros_like(grads)
        for part, batch in enumerate(batches):
            loss, count = self._of_batch(batch, step * self.accumulate + part)
            total, counted = total + loss * count, counted + count
            sums += count * grads
        np.divide(sums, max(counted, 1e-30), out=grads)
        return total / max(counted, 1e-30), counted

    def _of_batch(self, batch: Batch, draw: int) -> tuple[float, float]:
        """The mean loss and the total weight of a batch; writes this rank's part of the gradient.

        Args:
            batch: the samples.
            draw: key of random draws, such as dropout's.
        """
        X, before, after = batch.X, batch.before, batch.after
        positions = self.model.input_form.positions_of(X.shape[:-1])
        network = self.model.network(X.shape[-1], positions, before, after)
        now = pass_of(batch, training=True, step=draw)
        if isinstance(self.batches, StreamBatches):
            now = now._replace(states=continued(self.carried, batch))
        own = network.loss_and_gradient(X, batch.T, now, batch.weights, batch.share)
        loss = self.model.ranks.sum(own)
        if not isfinite(loss):
            raise diverged_error(self.model, batch, now, self.progress.step + 1, loss)
        if now.states is not None:
            self.carried = now.states.last
        self.progress.samples += batch.size
        return loss, batch.total

    def _descend(self, batches: Iterable[Batch], lr: float) -> tuple[float, float]:
        """Makes one step of an optimizer that evaluates the objective several times."""
        step, whole = self.progress.step, tuple(batches)
        state = self.model.state.copy()
        first: list[tuple[float, float]] = []

        def objective() -> float:
            self.model.state[...] = state  # undo what the previous trial point changed
            try:
                loss, count = self._loss_and_gradient(whole, step)
            except DivergedError:
                if not first:
                    raise
                return inf  # a trial point too far away, which the line search rejects
            first.append((loss, count))
            self.update.add_penalties()
            self.update.zero_frozen_gradients()
            return loss + (self._penalty() or 0.0)

        model = self.model
        self.optimizer.descend(
            objective, model.params, model.grads, self.optimizer_state, step + 1, lr
        )
        self.update.constrain(lr)
        return first[0]

    def _evaluation(self, samples_per_second: float) -> Evaluation:
        progress = self.progress
        train_loss = progress.loss_sum / max(progress.loss_count, 1e-30)
        progress.loss_sum, progress.loss_count = 0.0, 0
        own = Evaluation(
            step=progress.step,
            epoch=progress.step / self.per_epoch,
            lr=self.learning_rate(progress.step - 1),
            train_loss=train_loss,
            penalty=self._penalty(),
            figures=self.evaluate(),
            samples_per_second=samples_per_second,
        )
        evaluation = self.model.ranks.on_first(lambda: own)  # on which all ranks decide
        for name, value in evaluation.all_figures().items():
            if not isfinite(value):
                raise DivergedError(f"{name} became {value} after step {progress.step}")
        value, higher = evaluation.monitored(self.monitor), higher_is_better(self.monitor)
        progress.plateau = self.optimizer.schedule.observe(progress.plateau, value, higher)
        return evaluation

    def _penalty(self) -> float | None:
        if not self.regularization.penalizes:
            return None
        return self.regularization.penalty(self.model.params[self.model.layout.decayed])
