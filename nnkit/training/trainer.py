"""The trainer: carries out a plan from the first step to the last, and saves checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from nnkit.errors import CheckpointError, DivergedError
from nnkit.inference.evaluation import evaluate
from nnkit.inference.saving import Snapshot, carried_in, copy_params, versions
from nnkit.metrics import higher_is_better
from nnkit.native.library import NUMPY
from nnkit.native.library import notices as native_notices
from nnkit.nn.model import Model
from nnkit.optim.averaging import Average
from nnkit.optim.early_stopping import Best
from nnkit.optim.schedules import PlateauState
from nnkit.ranks import ALONE, Ranks
from nnkit.runs.checkpoint import Checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, Outcome, RunDirectory
from nnkit.task.config import Config
from nnkit.task.task import Task
from nnkit.training.events import Evaluation, Step
from nnkit.training.loop import Loop, Progress
from nnkit.training.plan import plan
from nnkit.training.saver import Saver
from nnkit.training.start_from import take_weights

CURRENT = "current"  # the parameters themselves, in a checkpoint of averaged ones

Stopping = bool | Literal["pruned"]  # whether to stop; "pruned" if the run is not worth its end


class Trainer:
    """Trains the network of a task according to its plan, with checkpoints and early stopping.

    Attributes:
        task: config and data.
        model: the model, with initial weights or those of a checkpoint.
        sets: the prepared sets by name.
        plan: what training will do.
        loop: the training loop.
        directory: the run's folder.
        saver: writes the checkpoints.
        best: the best evaluation so far.
        seconds: duration of training, including the time before an interruption.
        notices: messages to the user before the first step.
        has_nothing_to_resume: whether the run was to be resumed, but has not begun.
        ranks: the processes that train together.
        outcome: how training ended; None while it has not.
    """

    def __init__(
        self,
        task: Task,
        runs: Path = DEFAULT_RUNS,
        threads: int | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Builds the network and checks everything beforehand; nothing is written.

        Args:
            task: config and data.
            runs: the folder that contains the run folders.
            threads: the most threads of a process; by default as many as there are processors.
            ranks: the processes that train together; each has a trainer, and all call its methods.

        Raises:
            SettingError: settings, shapes and data do not fit together.
            DataError: the inputs contain missing values.
        """
        self.task = task
        self.ranks = ranks
        self.notices = [*task.notices, *native_notices()]
        self.has_nothing_to_resume = False
        self.model = self.initial_model()
        if (unknown := self.model.unknown_to_kernels) is not None:
            self.notices.append(
                "computing layer by layer, which is slower: the compiled kernels do not know "
                f"{unknown}"
            )
        self.model.ranks = ranks
        # Prepare all sets now, so that errors in the test set are found before training.
        self.sets = {n: task.prepare(samples, self.model) for n, samples in task.sets.items()}
        self.plan = plan(task, self.model, self.sets, threads)
        self.model.execution = self.plan.execution
        self.loop = self._loop()
        self.directory = RunDirectory(runs / self.plan.run_name)
        self.saver = Saver(self.directory)
        self.best = Best()
        self.seconds = 0.0
        self.outcome: Outcome | None = None

    def initial_model(self) -> Model:
        """A new model before the first step, with the weights of `training.start_from` if given."""
        model, start = self.task.build_model(), self.config.training.start_from
        if start is not None:
            self.notices.extend(take_weights(start, model))
        return model

    def _loop(self) -> Loop:
        config, model, train = self.config, self.model, self.sets["train"]
        pace, averaging = self.plan.pace, config.training.averaging
        return Loop(
            model=model,
            optimizer=config.optimizer,
            optimizer_state=tuple(
                model.layout.zeros(model.dtype) for _ in config.optimizer.state_names
            ),
            regularization=config.regularization,
            batches=train.batches(
                pace.batch_size,
                config.training.batch_tokens,
                config.seed,
                config.data.augment,
                self.ranks,
            ),
            steps=pace.steps,
            evaluate_every=self.plan.evaluate_every,
            evaluate=self._evaluate,
            monitor=self.plan.monitor,
            accumulate=config.training.accumulate,
            pause_every=config.training.checkpoint_every,
            average=Average(averaging, model.params.copy()) if averaging is not None else None,
        )

    @property
    def config(self) -> Config:
        return self.task.config

    def summary(self) -> dict[str, Any]:
        """The part of the run's summary that is known before the first step."""
        loop = self.loop
        return {
            "name": self.config.name,
            "parameters": self.model.layout.size,
            "training_samples": len(loop.batches.inputs),
            "batch_size": loop.batches.batch_size,
            "steps": loop.steps,
            "epochs": loop.steps / loop.per_epoch,
            "threads": self.model.execution.threads,
            "ranks": self.ranks.size,
            "computed_by": self.model.computed_by,
        }

    def train(
        self, should_stop: Callable[[], Stopping] = lambda: False
    ) -> Iterator[Step | Evaluation]:
        """Trains until the plan's last step or early stopping, and saves checkpoints.

        Args:
            should_stop: called after each step, and before the first if training is resumed; True
                saves the run and interrupts it, and "pruned" ends it.

        Yields:
            Each step, and each evaluation once it is recorded. Its checkpoint may follow later
            (see `Saver`), at the end of training at the latest.

        Raises:
            DivergedError: the loss became NaN or infinite; the message names the weights file.
        """
        try:
            self.outcome = yield from self._events(should_stop)
        except DivergedError as error:
            weights = self.directory.diverged
            self.ranks.on_first(lambda: self.saver.save_diverged(self._snapshot()))
            raise DivergedError(f"{error}\nlast weights saved to {weights}") from None
        finally:
            self.saver.flush()

    def _events(
        self, should_stop: Callable[[], Stopping]
    ) -> Generator[Step | Evaluation, None, Outcome]:
        every = self.config.training.checkpoint_every
        if self._out_of_patience():  # resumed from the checkpoint at which training was to stop
            return "stopped early"
        if self.loop.progress.step and (
            stopping := self._stopping(should_stop)
        ):  # resumed, but for nothing
            return "pruned" if stopping == "pruned" else "interrupted"
        began = perf_counter() - self.seconds
        for event in self.loop.run():
            self.seconds = perf_counter() - began
            if isinstance(event, Evaluation):
                self._record(event)
                yield event
                if self._out_of_patience():
                    return "stopped early"
            else:
                yield event
                if self.loop.evaluation_due:
                    continue  # a run resumed from here would lack the evaluation that comes next
                if every and event.number % every == 0:
                    self.save()
            stopping = self._stopping(should_stop)
            if stopping and self.loop.progress.step < self.loop.steps:
                self.save()
                return "pruned" if stopping == "pruned" else "interrupted"
        return "completed"

    def _stopping(self, should_stop: Callable[[], Stopping]) -> Stopping:
        """Whether a rank is told to stop, or "pruned" if one is told so."""
        own = should_stop()
        if not self.ranks.any(bool(own)):
            return False
        return "pruned" if "pruned" in self.ranks.gather(own) else True

    def _out_of_patience(self) -> bool:
        stopping = self.config.regularization.early_stopping
        return stopping is not None and stopping.is_due(self.best)

    def _evaluate(self) -> dict[str, float]:
        """The metrics of the watched sets, with averaged weights if there are any."""
        average, model = self.loop.average, self.model
        with average.swapped_in(model.params) if average is not None else nullcontext():
            return {
                f"{name}.{figure}": value
                for name in self.plan.watched
                for figure, value in evaluate(model, self.sets[name], self.task.metrics).items()
            }

    def _record(self, evaluation: Evaluation) -> None:
        """Appends an evaluation to metrics.jsonl; keeps the last and possibly best checkpoint."""
        improved = self._improves(evaluation)
        self.ranks.on_first(lambda: self.directory.append_metrics(evaluation.record()))
        if improved:
            self.best = Best(evaluation.monitored(self.plan.monitor), evaluation.step)
        else:
            self.best.evaluations_since += 1
        self.ranks.on_first(lambda: self.saver.keep(self._snapshot(evaluation), best=improved))

    def _improves(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation is the best so far."""
        best, monitor = self.best, self.plan.monitor
        averaging = self.config.training.averaging
        if averaging is not None and not averaging.has_started(best.step, self.loop.steps):
            return True  # the best weights are not averaged, so the two are not comparable
        stopping = self.config.regularization.early_stopping
        return best.is_improved_by(
            evaluation.monitored(monitor),
            higher=higher_is_better(monitor),
            minimum_change=stopping.minimum_change if stopping else 0.0,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restores the state of training from a checkpoint of the same run.

        Raises:
            CheckpointError: the checkpoint is of another network or lacks what training needs.
        """
        loop, header = self.loop, checkpoint.header
        copy_params(checkpoint, self.model)
        # Checkpoints written by nnkit 0.1 before November 2026 use the name `slots`.
        saved = checkpoint.part("optimizer") or checkpoint.part("slots")
        try:
            for name, vector in zip(loop.optimizer.state_names, loop.optimizer_state, strict=True):
                vector[...] = saved[name]
            if loop.average is not None:  # the checkpoint's parameters are their average
                loop.average.values[...] = self.model.params
                self.model.params[...] = saved[CURRENT]
            loop.carried = carried_in(checkpoint.part("carried"))
            progress = header["progress"]
            loop.progress = Progress(**{**progress, "plateau": PlateauState(**progress["plateau"])})
            self.best = Best(**header["best"])
            self.seconds = float(header["seconds"])
            threads = int(header["threads"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{checkpoint.path}: cannot be resumed from ({error})") from None
        self._keep_threads(threads)
        if (ranks := header.get("ranks", 1)) != self.ranks.size:
            self.notices.append(
                f"resumed with another number of processes ({ranks} → {self.ranks.size}), so "
                "results may differ in the last digits"
            )
        before = {"kernels": NUMPY, **header.get("versions", {})}  # absent in early checkpoints
        now = versions()
        if changed := [
            f"{name} {before.get(name)} → {now[name]}"
            for name in now
            if now[name] != before.get(name)
        ]:
            self.notices.append(
                "resumed with different versions or on a different processor, so results may "
                f"differ in the last digits: {', '.join(changed)}"
            )

    def _keep_threads(self, threads: int) -> None:
        """Goes on with the number of threads before, because another could round differently."""
        if (planned := self.model.execution.threads) != threads:
            self.notices.append(
                f"resumed with {threads} thread{'s' * (threads > 1)}, as begun, instead of "
                f"{planned}, for the same results"
            )
        self.model.execution = replace(self.model.execution, threads=threads)

    def save(self) -> None:
        """Writes a checkpoint from which training can be resumed, on the first rank."""
        self.ranks.on_first(lambda: self.saver.save(self._snapshot()))

    def _snapshot(self, evaluation: Evaluation | None = None) -> Snapshot:
        """The state of training now, with the metrics of an evaluation."""
        loop, model = self.loop, self.model
        info = {
            "progress": asdict(loop.progress),
            "best": asdict(self.best),
            "seconds": round(self.seconds, 3),
            "threads": model.execution.threads,
            "ranks": self.ranks.size,
            "figures": dict(evaluation.figures) if evaluation else {},
        }
        state = dict(zip(loop.optimizer.state_names, loop.optimizer_state, strict=True))
        if loop.average is None:
            return Snapshot(model, self.task, state, info, loop.carried)
        state[CURRENT] = model.params.copy()
        with loop.average.swapped_in(model.params):
            return Snapshot(model, self.task, state, info, loop.carried)
