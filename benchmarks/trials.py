"""Starts the workers of a task: each contender's fastest settings, found by short trials.

All contenders' settings are tried in order of how fast they are likely to be, until the time is
up. Most of it goes into starting workers, as many at once as there are cores. While one is timed,
nothing else runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from time import perf_counter

from benchmarks.contenders import OURS, Contender, Setting
from benchmarks.saved_settings import SavedSettings, Speeds, fastest
from benchmarks.tasks import Task
from benchmarks.worker import Portion, Worker, WorkerError, say

FINALISTS = 2  # settings of a contender that are measured in full
FAR = 0.5  # of the fastest setting's speed; slower ones have one trial
CLOSE = 0.8  # of the fastest setting's speed, which the second finalist must reach
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
        for settings in (self._candidates, self._refinements):
            before = {*self.workers}
            self._start(_in_turns(settings(contender) for contender in contenders))
            changed = {worker.contender.name for worker in {*self.workers} - before}
            for contender in contenders:
                if contender.name in changed - {*OURS}:
                    self._compare(contender)
        for contender in contenders:
            speeds = self.speeds.get(contender.name, {})
            self.saved.keep(self.task, contender.name, contender.versions, speeds)
        return self.workers

    def portion(self, worker: Worker, work: Callable[[Worker], Portion]) -> Portion | None:
        """Lets a worker do something; None if it fails, and then stops it and notes why."""
        try:
            return work(worker)
        except WorkerError as error:
            self._drop(worker, error)
            return None

    def _drop(self, worker: Worker, error: WorkerError) -> None:
        say(f"{worker}: {error}")
        worker.stop()
        self.workers = [other for other in self.workers if other is not worker]
        self.errors[f"{worker.contender.title} ({worker.setting})"] = str(error)
        self.speeds.setdefault(worker.contender.name, {})[str(worker.setting)] = 0.0

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
        except BaseException:  # such as Ctrl-C
            pool.shutdown(wait=False, cancel_futures=True)
            self.stack.close()  # ends the workers that the pool's threads wait for
            raise
        finally:
            pool.shutdown()
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
            self._drop(worker, error)
            return None
        return worker

    def _compare(self, contender: Contender) -> None:
        """Times the workers of a contender, the slow ones once; stops all but the fastest."""
        speeds = self.speeds.setdefault(contender.name, {})
        for least in (FAR, CLOSE):
            for worker in self._workers_of(contender):
                done = self.portion(worker, lambda each: each.run(self.seconds))
                if done is not None:
                    name = str(worker.setting)
                    speeds[name] = max(done["samples_per_second"], speeds.get(name, 0.0))
            own = self._workers_of(contender)
            best = max((speeds[str(worker.setting)] for worker in own), default=0.0)
            self._keep(
                own, [worker for worker in own if speeds[str(worker.setting)] >= least * best]
            )
        own = sorted(self._workers_of(contender), key=lambda worker: -speeds[str(worker.setting)])
        self._keep(own, own[:FINALISTS])

    def _workers_of(self, contender: Contender) -> list[Worker]:
        return [worker for worker in self.workers if worker.contender is contender]

    def _keep(self, workers: Sequence[Worker], kept: Sequence[Worker]) -> None:
        """Stops those of the workers that are not kept."""
        for worker in workers:
            if worker not in kept:
                worker.stop()
                self.workers.remove(worker)


def _in_turns(candidates: Iterable[Sequence[Candidate]]) -> Iterator[Candidate]:
    """Yields the first of each contender, then the second of each, and so on."""
    for turn in zip_longest(*candidates):
        yield from (candidate for candidate in turn if candidate is not None)
