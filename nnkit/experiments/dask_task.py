"""A job as a task of a Dask cluster: what is known of it, and the function that a worker calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from nnkit.experiments.job import Ending, Job, OnEvaluation

if TYPE_CHECKING:
    from distributed import Future as Task


@dataclass(slots=True, eq=False)
class Submission:
    """A job that has not ended.

    Attributes:
        key: the key of its task.
        job: the training.
        on_evaluation: called with its evaluations.
        future: receives its ending.
        task: its task on the cluster; None if it waits for others.
        worker: the address of the worker that trains it; None if none does.
        attempt: the question with which that worker asked to begin.
        evaluated: whether there was an evaluation since that worker began.
    """

    key: str
    job: Job
    on_evaluation: OnEvaluation
    future: Future[Ending] = field(default_factory=Future)
    task: Task | None = None
    worker: str | None = None
    attempt: str = ""
    evaluated: bool = False


def sent_by_value() -> Callable[[str, str, str], None]:
    """The function that a task calls, which a worker without nnkit can receive, too.

    Functions of modules are sent as names. A name that a worker cannot import breaks its connection
    to the scheduler, and with it the work of others. A function within a function is sent as code.
    """

    def call(assignment: str, topic: str, key: str) -> None:
        from distributed import get_worker

        try:
            from nnkit.experiments.dask_worker import Assignment, train_assigned

            decoded = Assignment.decoded(assignment)
        except (ImportError, ValueError, KeyError, TypeError) as error:  # another version, or none
            worker = get_worker()
            reason = f"it cannot run nnkit ({error})"
            worker.log_event(topic, {"key": key, "worker": worker.address, "refused": reason})
            return
        train_assigned(decoded)

    return call


def new_key() -> str:
    """A key of a task that no other has."""
    return f"nnkit-{uuid4().hex}"
