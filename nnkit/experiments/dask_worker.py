"""A Dask worker's part in a batch: each job is trained by a process of its own.

A job does not run in the worker itself, so that a crash of one does not end the worker and the
others, and for the same reasons as with local processes: the threads, the memory and the settings
of floating-point arithmetic are its own. If the worker dies, its processes read the end of their
input, save their runs and end.

Messages to the batch are events of the scheduler; from there, `deliver` is called on the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from threading import Lock, Timer
from typing import Any, Literal

from distributed import WorkerPlugin, get_worker
from distributed.utils import sync

from nnkit.blas import kernels
from nnkit.experiments.cluster import Surroundings, obstacle
from nnkit.experiments.executor import Worker
from nnkit.experiments.job import NOT_RUN, Ending, Job

IDLE_SECONDS = 10  # until a process without a job ends

Reply = Literal["go", "stop"]


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
        return Worker(surroundings.folder, dict(surroundings.variables))

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


class Training:
    """A job that this Dask worker has accepted."""

    def __init__(self) -> None:
        self.replies: SimpleQueue[Reply] = SimpleQueue()
        self.process: Worker | None = None
        self.stopped = False
        self.lock = Lock()

    def deliver(self, reply: Reply) -> None:
        """Passes a reply on; the reply "stop" also ends a training that runs, after its step."""
        if reply == "stop":
            self.stop()
        self.replies.put(reply)

    def stop(self) -> None:
        """Lets the job save and end."""
        with self.lock:
            self.stopped = True
            if self.process is not None:
                self.process.interrupt()
        self.replies.put("stop")

    def begin(self, process: Worker) -> bool:
        """Whether the job may run in a process; not if it has been stopped."""
        with self.lock:
            self.process = process
            return not self.stopped


class StopWithTheirTasks(WorkerPlugin):  # type: ignore[misc]
    """Stops a training if its task is cancelled, or if the Dask worker closes."""

    name = "nnkit"

    def transition(self, key: str, start: str, finish: str, **more: Any) -> None:
        if start == "executing" and finish == "cancelled" and key in _trainings:
            _trainings[key].stop()

    def teardown(self, worker: Any) -> None:
        for key in list(worker.state.tasks):
            if key in _trainings:
                _trainings[key].stop()


_adding = Lock()
_processes = Processes()
_trainings: dict[str, Training] = {}  # by the key of their task


def deliver(key: str, reply: Reply) -> None:
    """Passes a reply of the batch to a job; called on its Dask worker."""
    if key in _trainings:
        _trainings[key].deliver(reply)


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
    training = _trainings[key] = Training()
    task = worker.state.tasks.get(key)
    if task is None or task.state != "executing":  # cancelled before it was in `_trainings`
        training.stop()
    try:
        tell({"asked": True})
        ending = NOT_RUN
        if training.replies.get() == "go":
            ending = _train(assignment, training, tell)
        tell({"ending": asdict(ending)})
    finally:
        del _trainings[key]


def _train(assignment: Assignment, training: Training, tell: Any) -> Ending:
    process = _processes.take(assignment.surroundings)
    if not training.begin(process):
        process.close()
        return NOT_RUN
    ending = process.run(assignment.job, lambda record: tell({"evaluation": dict(record)}))
    if process.alive and not process.interrupted:
        _processes.give_back(assignment.surroundings, process)
    else:
        process.close()
    return ending
