"""Executors: where jobs run. One of local processes; others have the same interface."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Event, Lock
from types import TracebackType
from typing import Any, Protocol, Self, cast

from nnkit.experiments.job import NOT_RUN, Ending, Job, OnEvaluation
from nnkit.experiments.worker_process import StartProcess, spawned
from nnkit.text import as_json

LOG_BYTES = 20_000  # of what a crashed worker printed


class Executor(Protocol):
    """An executor of jobs, in the shape of `concurrent.futures.Executor`."""

    def submit(self, job: Job, on_evaluation: OnEvaluation) -> Future[Ending]:
        """Starts a job as soon as there is room for it.

        Args:
            job: the training.
            on_evaluation: called from any thread with each evaluation's record. If the job awaits
                verdicts, it is called with every evaluation of the run from the first on, also
                those from before an interruption, and True ends the run as pruned: no further
                step is taken.
        """

    def stop(self) -> None:
        """Lets running jobs save and end; those that have not begun do not."""

    def shutdown(self) -> None:
        """Waits for running jobs, and frees all resources."""


class LocalExecutor:
    """Runs jobs in worker processes of this machine; each takes one job after the other."""

    def __init__(self, jobs: int, start: StartProcess = spawned) -> None:
        """Prepares for jobs; a worker is started when it is needed.

        Args:
            jobs: the number of jobs at a time.
            start: starts the process of a worker.
        """
        self.start = start
        self.threads = ThreadPoolExecutor(jobs, "nnkit-worker")
        self.idle: SimpleQueue[Worker] = SimpleQueue()
        self.workers: list[Worker] = []
        self.lock = Lock()
        self.stopping = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.stop()
        self.shutdown()

    def submit(self, job: Job, on_evaluation: OnEvaluation) -> Future[Ending]:
        """Starts a job as soon as a worker is free."""
        return self.threads.submit(self._run, job, on_evaluation)

    def stop(self) -> None:
        """Lets running jobs save and end; those that have not begun do not."""
        with self.lock:
            self.stopping.set()
            for worker in self.workers:
                worker.interrupt()

    def shutdown(self) -> None:
        """Waits for running jobs, and ends the workers."""
        self.threads.shutdown()
        for worker in self.workers:
            worker.close()

    def _run(self, job: Job, on_evaluation: OnEvaluation) -> Ending:
        worker = self._worker()
        if worker is None:
            return NOT_RUN
        ending = worker.run(job, on_evaluation)
        if worker.alive:
            self.idle.put(worker)
        return ending

    def _worker(self) -> Worker | None:
        """An idle worker or a new one, for one thread of the pool; None after `stop`."""
        with self.lock:
            if self.stopping.is_set():
                return None
            try:
                return self.idle.get_nowait()
            except Empty:
                self.workers.append(Worker(self.start))
                return self.workers[-1]


class Worker:
    """A process that trains jobs one after the other."""

    def __init__(self, start: StartProcess = spawned) -> None:
        """Starts the process.

        Args:
            start: starts it.
        """
        self.interrupted = False
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.process = start(self.errors)

    @property
    def alive(self) -> bool:
        """Whether the process is there for another job."""
        return self.process.poll() is None

    def run(self, job: Job, on_evaluation: OnEvaluation) -> Ending:
        """Trains a job and waits for its end."""
        start = self.errors.seek(0, os.SEEK_END)
        self._send(asdict(job))
        while (message := self._receive()) is not None:
            if "ending" in message:
                return Ending(**message["ending"])
            is_pruned = on_evaluation(message["evaluation"])
            if job.awaits_verdicts:
                self._send({"prune": bool(is_pruned)})
        if self.interrupted:
            return Ending("interrupted")
        return Ending("crashed", error=self._death(), log=self._printed(start))

    def interrupt(self) -> None:
        """Lets the process save its run and end, by the end of its input."""
        assert self.process.stdin is not None
        self.interrupted = True
        with suppress(OSError):
            self.process.stdin.close()

    def close(self) -> None:
        """Ends the process, after its job."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        """Writes a message; if the process is gone, reading its answer will tell."""
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):  # ValueError: closed by `interrupt`
            self.process.stdin.write(as_json(message) + "\n")
            self.process.stdin.flush()

    def _receive(self) -> dict[str, Any] | None:
        """The next message; None if the process has ended."""
        assert self.process.stdout is not None
        try:
            return cast("dict[str, Any]", json.loads(self.process.stdout.readline()))
        except (OSError, ValueError):
            return None

    def _death(self) -> str:
        code = self.process.wait()
        if code < 0:
            return f"the worker process was killed by signal {signal.Signals(-code).name}"
        return f"the worker process ended with exit code {code}"

    def _printed(self, start: int) -> str:
        end = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(start, end - LOG_BYTES))
        return self.errors.read().decode(errors="replace")
