"""Trains the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from nnkit.errors import ConfigError
from nnkit.experiments.batch import POLL, TRY_AGAIN, Limits
from nnkit.experiments.executor import Executor
from nnkit.experiments.job import Ending, Job
from nnkit.experiments.search_settings import NoPruner
from nnkit.experiments.study import Attempt, Study
from nnkit.task.config import Config


class TuneListener:
    """Notified while a study is trained; does nothing."""

    def began(self, attempt: Attempt) -> None:
        """Called when a trial begins, or is continued."""

    def evaluated(self, number: int, record: Mapping[str, Any]) -> None:
        """Called, from any thread, with each evaluation of a trial."""

    def ended(self, attempt: Attempt, ending: Ending) -> None:
        """Called when a trial has ended."""

    def stopping(self) -> None:
        """Called when running trials are told to save and end before their last step."""


class Tuner:
    """Trains trials of a study, several at a time, until there is none to begin.

    Other processes may do the same at the same time; each trial is trained once.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        runs: Path,
        threads: int,
        listener: TuneListener,
        *,
        take_over: bool = False,
    ) -> None:
        """Prepares for training; nothing is begun.

        Args:
            study: the study.
            executor: where trials are trained.
            runs: the folder of the runs.
            threads: the most threads of each training.
            listener: notified of trials.
            take_over: whether to take trials of other machines, as `Study.next` does.
        """
        self.study = study
        self.executor = executor
        self.runs = runs
        self.threads = threads
        self.listener = listener
        self.take_over = take_over
        self.prunes = not isinstance(study.checked.file.search.pruner, NoPruner)
        self.running: dict[Future[Ending], tuple[Attempt, Job]] = {}
        # Trials of which another process, or another trial, trains the run; and when to try again.
        self.locked: list[tuple[float, Attempt, Job]] = []

    def run(self, trials: int, at_a_time: int, limits: Limits) -> None:
        """Trains until the study has a number of trials, or a limit is reached.

        Args:
            trials: the number of trials in total, those trained before included.
            at_a_time: the number of trials at a time.
            limits: when to stop early; running trials are then saved, to be continued.
        """
        stopped = False
        with self.study.present():
            while True:
                late = limits.deadline is not None and time() >= limits.deadline
                if not stopped and (late or limits.should_stop()):
                    stopped = True
                    self.listener.stopping()
                    self.executor.stop()
                if stopped:
                    self._release_locked()
                else:
                    self._begin(trials, at_a_time)
                if self.running:
                    done, _ = wait(self.running, POLL, FIRST_COMPLETED)
                    for future in done:
                        self._end(future)
                elif self.locked:
                    sleep(POLL)
                else:
                    return

    def _begin(self, trials: int, at_a_time: int) -> None:
        """Begins as many trials as there is room for."""
        for entry in [entry for entry in self.locked if entry[0] <= monotonic()]:
            _, locked, job = entry
            if len(self.running) < at_a_time:
                self.locked.remove(entry)
                if not locked.is_finished:
                    self._submit(locked, job)
        while len(self.running) + len(self.locked) < at_a_time:
            attempt = self.study.next(trials, take_over=self.take_over)
            if attempt is None:
                return
            self.listener.began(attempt)
            try:
                config = self.study.checked.file.config(attempt.suggest)
            except ConfigError as error:
                ending = Ending("failed", error=str(error))
                attempt.finish(ending)
                self.listener.ended(attempt, ending)
            else:
                self._submit(attempt, self._job(config))

    def _job(self, config: Config) -> Job:
        return Job(config.resolved(), str(self.runs), self.threads, awaits_verdicts=self.prunes)

    def _submit(self, attempt: Attempt, job: Job) -> None:
        future = self.executor.submit(job, partial(self._evaluated, attempt))
        self.running[future] = attempt, job

    def _evaluated(self, attempt: Attempt, record: Mapping[str, Any]) -> bool:
        self.listener.evaluated(attempt.number, record)
        return self.prunes and attempt.evaluated(record)

    def _end(self, future: Future[Ending]) -> None:
        attempt, job = self.running.pop(future)
        ending = future.result()
        if ending.outcome == "locked":
            self.locked.append((monotonic() + TRY_AGAIN, attempt, job))
            return
        attempt.finish(ending)
        self.listener.ended(attempt, ending)

    def _release_locked(self) -> None:
        for _, attempt, _ in self.locked:
            attempt.finish(Ending("interrupted"))
        self.locked.clear()
