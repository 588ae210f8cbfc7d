"""Starts the workers of a task: each contender's fastest settings, found by short trials.

All contenders' settings are tried in order of how fast they are likely to be, until the time is
up. Most of it goes into starting workers, as many at once as there are cores. While one is timed,
nothing else runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from time import perf_counter

from benchmarks.contenders import OURS, Contender, Setting
from benchmarks.saved_settings import SavedSettings, Speeds, fastest
from benchmarks.tasks import Task
from benchmarks.worker import Worker, WorkerError, say

FINALISTS = 2  # settings of a contender that are measured in full
CLOSE = 0.8  # of the fastest setting's speed, which the second must reach
TRIALS = 2  # portions of each setting in a trial
PREPARING = os.cpu_count() or 1  # workers that start at once
Candidate = tuple[Contender, Setting]


@dataclass
class Trials:
    """The trials of one task.

    Attributes:
        task: the task.
        folder: the folder with its data.
        seconds: the time of a trial's portion.
        deadline: when no more settings are to be tried, as `perf_counter` counts.
        saved: the speeds of settings that are known.
        stack: stops the workers on exit.
        workers: the running workers.
        started: the names of the contenders with a worker that was started.
        speeds: samples per second of each contender's settings that were tried; 0 if they failed.
        errors: the error messages of those that failed.
    """

    task: Task
    folder: Path
    seconds: float
    deadline: float
    saved: SavedSettings
    stack: ExitStack
    workers: list[Worker] = field(default_factory=list)
    started: set[str] = field(default_factory=set)
    speeds: dict[str, Speeds] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def finalists(self, contenders: Sequence[Contender]) -> list[Worker]:
        """Returns running workers of each contender's fastest settings, at most two."""
        self._start(_in_turns(self._candidates(contender) for contender in contenders))
        self._compare(contenders)
        self._start(_in_turns(self._refinements(contender) for contender in contenders))
        self._compare(contenders)
        for contender in contenders:
            if contender.name in self.speeds:
                speeds = self.speeds[contender.name]
                self.saved.keep(self.task, contender.name, contender.versions, speeds)
        return self.workers

    def _candidates(self, contender: Contender) -> list[Candidate]:
        """Returns the two fastest settings known, and those not known, likely ones first."""
        settings = contender.settings(self.task.row, self.task.job, self.task.batch)
        known = self._known(contender)
        best = contender.named(settings, fastest(known, FINALISTS))
        left = [setting for setting in settings if str(setting) not in known]
        return [(contender, setting) for setting in (*best, *left)]

    def _refinements(self, contender: Contender) -> list[Candidate]:
        """Returns the fastest setting with each option that has not been tried."""
        tried = self._known(contender) | self.speeds.get(contender.name, {})
        settings = contender.settings(self.task.row, self.task.job, self.task.batch)
        best = contender.named(settings, fastest(tried, 1))
        refined = [setting for each in best for setting in contender.refined(each)]
        return [(contender, setting) for setting in refined if str(setting) not in tried]

    def _known(self, contender: Contender) -> Speeds:
        return self.saved.speeds(self.task, contender.name, contender.versions)

    def _start(self, candidates: Iterable[Candidate]) -> None:
        """Starts workers until the deadline, and at least one for each contender."""
        before = len(self.workers)
        pool = ThreadPoolExecutor(PREPARING)
        try:
            ready = [*pool.map(self._prepared, candidates)]
        finally:  # on Ctrl-C, too
            pool.shutdown(cancel_futures=True)
        self.workers += [worker for worker in ready if worker is not None]
        for worker in self.workers[before:]:
            say(f"{worker}: ready")

    def _prepared(self, candidate: Candidate) -> Worker | None:
        """Returns a worker that is ready; None if it fails, or is not needed and too late."""
        contender, setting = candidate
        if perf_counter() > self.deadline and contender.name in self.started:
            return None
        self.started.add(contender.name)
        worker = Worker(contender, setting, self.task, self.folder)
        self.stack.callback(worker.stop)
        try:
            worker.prepare()
        except WorkerError as error:
            say(f"{worker}: {error}")
            self.errors[f"{contender.title}, {setting}"] = str(error)
            self.speeds.setdefault(contender.name, {})[str(setting)] = 0.0
            return None
        return worker

    def _compare(self, contenders: Sequence[Contender]) -> None:
        """Times the workers of contenders with several; stops all but the fastest."""
        for contender in contenders:
            own = [worker for worker in self.workers if worker.contender is contender]
            if len(own) < 2 and contender.name in OURS:
                continue
            speeds = self.speeds.setdefault(contender.name, {})
            for _ in range(TRIALS):
                for worker in own:
                    speed = worker.run(self.seconds)["samples_per_second"]
                    speeds[str(worker.setting)] = max(speed, speeds.get(str(worker.setting), 0.0))
            names = fastest({str(w.setting): speeds[str(w.setting)] for w in own}, FINALISTS)
            kept = [name for name in names if speeds[name] >= CLOSE * speeds[names[0]]]
            for worker in own:
                if str(worker.setting) not in kept:
                    worker.stop()
                    self.workers.remove(worker)


def _in_turns(candidates: Iterable[Sequence[Candidate]]) -> Iterator[Candidate]:
    """Yields the first of each contender, then the second of each, and so on."""
    for turn in zip_longest(*candidates):
        yield from (candidate for candidate in turn if candidate is not None)
