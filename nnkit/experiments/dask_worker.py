"""A Dask worker's part in a batch: each job is trained by a process of its own.

A job does not run in the worker itself, so that a crash of one does not end the worker and the
others, and for the same reasons as with local processes: the threads, the memory and the settings
of floating-point arithmetic are its own. If the worker dies, its processes read the end of their
input, save their runs and end.

Messages to the batch are events of the scheduler; from there, `deliver` is called on the worker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Timer
from typing import Any, Literal, Self
from uuid import uuid4

from distributed import WorkerPlugin, get_worker
from distributed.utils import sync

from nnkit.blas import kernels
from nnkit.experiments.executor import Worker
from nnkit.experiments.job import NOT_RUN, Ending, Job
from nnkit.experiments.surroundings import Surroundings, obstacle
from nnkit.experiments.worker_process import spawned
from nnkit.text import as_json

IDLE_SECONDS = 10  # until a process without a job ends
REPLY_SECONDS = 60  # until a worker asks again

Reply = Literal["go", "prune", "stop"]
Tell = Callable[[Mapping[str, Any]], None]  # sends a message to the batch


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job as it is sent to a Dask worker.

    Attributes:
        key: the key of the task.
        job: the training.
        surroundings: the folders, files and versions that it needs.
        topic: the topic of the events that the batch reads.
    """

    key: str
    job: Job
    surroundings: Surroundings
    topic: str

    def encoded(self) -> str:
        """The assignment as JSON."""
        return as_json(asdict(self))

    @classmethod
    def decoded(cls, text: str) -> Self:
        """Reads an assignment from JSON.

        Raises:
            ValueError, KeyError, TypeError: it is from another version of nnkit.
        """
        known = json.loads(text)
        surroundings = known["surroundings"]
        for name in ("versions", "variables"):
            surroundings[name] = tuple(map(tuple, surroundings[name]))
        job, around = Job(**known["job"]), Surroundings(**surroundings)
        return cls(known["key"], job, around, known["topic"])


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of looking at a worker before anything is trained.

    Attributes:
        obstacle: why it cannot train; None if it can.
        processor: the processor, as named by its BLAS.
    """

    obstacle: str | None
    processor: str


def inspect(needed: Surroundings) -> Inspection:
    """Looks at whether this process has the surroundings of a batch."""
    return Inspection(obstacle(needed), kernels())


class Processes:
    """The processes that are without a job at the moment."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.idle: list[tuple[Surroundings, Worker]] = []

    def take(self, surroundings: Surroundings) -> Worker:
        """An idle process of the same batch, or a new one."""
        with self.lock:
            for entry in self.idle:
                if entry[0] == surroundings and entry[1].alive:
                    self.idle.remove(entry)
                    return entry[1]
        return Worker(
            partial(spawned, folder=surroundings.folder, variables=dict(surroundings.variables))
        )

    def give_back(self, surroundings: Surroundings, process: Worker) -> None:
        """Keeps a process for another job; it ends if there is none for a while."""
        entry = (surroundings, process)
        with self.lock:
            self.idle.append(entry)
        timer = Timer(IDLE_SECONDS, self._end, [entry])
        timer.daemon = True
        timer.start()

    def _end(self, entry: tuple[Surroundings, Worker]) -> None:
        with self.lock:
            if entry not in self.idle:
                return
            self.idle.remove(entry)
        entry[1].close()


class AcceptedJob:
    """A job that this Dask worker has accepted."""

    def __init__(self) -> None:
        self.replies: SimpleQueue[tuple[str, Reply]] = SimpleQueue()
        self.process: Worker | None = None
        self.stopped = False
        self.lock = Lock()

    def deliver(self, question: str, reply: Reply) -> None:
        """Passes a reply on; the reply "stop" also ends a training that runs, after its step."""
        if reply == "stop":
            self.stop()
        self.replies.put((question, reply))

    def ask(self, message: Mapping[str, Any], tell: Tell) -> Reply:
        """Sends a message and waits for its reply; sends it again if none arrives."""
        question = uuid4().hex
        while True:
            tell({**message, "question": question})
            with suppress(Empty):
                answered, reply = self.replies.get(timeout=REPLY_SECONDS)
                if reply == "stop" or answered == question:
                    return reply

    def stop(self) -> None:
        """Lets the job save and end."""
        with self.lock:
            self.stopped = True
            if self.process is not None:
                self.process.interrupt()
        self.replies.put(("", "stop"))

    def begin(self, process: Worker) -> bool:
        """Whether the job may run in a process; not if it has been stopped."""
        with self.lock:
            self.process = process
            return not self.stopped


class StopWithTheirTasks(WorkerPlugin):  # type: ignore[misc]
    """Stops a training if its task is cancelled, or if the Dask worker closes."""

    name = "nnkit"

    def transition(self, key: str, start: str, finish: str, **more: Any) -> None:
        if start == "executing" and finish == "cancelled" and key in _accepted:
            _accepted[key].stop()

    def teardown(self, worker: Any) -> None:
        for key in list(worker.state.tasks):
            if key in _accepted:
                _accepted[key].stop()


_adding = Lock()
_processes = Processes()
_accepted: dict[str, AcceptedJob] = {}  # by the key of their task


def deliver(key: str, question: str, reply: Reply) -> None:
    """Passes a reply of the batch to a job; called on its Dask worker."""
    if key in _accepted:
        _accepted[key].deliver(question, reply)


def train_assigned(assignment: Assignment) -> None:
    """Trains a job on a Dask worker; its evaluations and its ending are sent as events."""
    worker, key = get_worker(), assignment.key

    def tell(message: Mapping[str, Any]) -> None:
        worker.log_event(assignment.topic, {"key": key, "worker": worker.address, **message})

    if reason := obstacle(assignment.surroundings):
        tell({"refused": reason})
        return
    with _adding:  # a second plugin would end the first, which stops what runs
        if StopWithTheirTasks.name not in worker.plugins:
            sync(worker.loop, worker.plugin_add, StopWithTheirTasks())
    accepted = _accepted[key] = AcceptedJob()
    task = worker.state.tasks.get(key)
    if task is None or task.state != "executing":  # cancelled before it was in `_accepted`
        accepted.stop()
    try:
        go = accepted.ask({"begins": True}, tell) == "go"
        ending = _train(assignment, accepted, tell) if go else NOT_RUN
        tell({"ending": asdict(ending)})
    finally:
        del _accepted[key]


def _train(assignment: Assignment, accepted: AcceptedJob, tell: Tell) -> Ending:
    job = assignment.job
    process = _processes.take(assignment.surroundings)
    if not accepted.begin(process):
        process.close()
        return NOT_RUN

    def on_evaluation(record: Mapping[str, Any]) -> bool:
        message = {"evaluation": dict(record)}
        if job.awaits_verdicts:
            return accepted.ask(message, tell) == "prune"
        tell(message)
        return False

    ending = process.run(job, on_evaluation)
    if process.alive and not process.interrupted:
        _processes.give_back(assignment.surroundings, process)
    else:
        process.close()
    return ending
