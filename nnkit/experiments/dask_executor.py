"""The executor of jobs on an existing Dask cluster."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, Self

from nnkit.errors import ClusterError
from nnkit.experiments.dask_client import answer_in_time, connect, first_workers, inspect_workers
from nnkit.experiments.dask_task import Submission, new_key, sent_by_value
from nnkit.experiments.job import NOT_RUN, Ending, Job, OnEvaluation
from nnkit.experiments.surroundings import surroundings
from nnkit.text import as_json

if TYPE_CHECKING:
    from nnkit.experiments.dask_worker import Reply

MOST_DEATHS = 3  # workers in succession that may die with a job before its next evaluation
LOOK_SECONDS = 1  # between two looks at which workers there are
SECONDS_TO_NEXT = 5  # until a job is sent again that a worker could not train
CLOSE_SECONDS = 5


class DaskExecutor:
    """Runs jobs on the workers of a Dask cluster, one for each of their threads.

    A thread of this object handles all messages of the cluster, one after the other, so its state
    needs no locks. A worker asks before it begins a job: that is how deaths of workers are counted,
    and how a job that was stopped does not begin again elsewhere.

    Attributes:
        threads: the threads for each job, so that as many jobs as allowed share the cluster.
        at_a_time: the number of jobs for which there is room at first.
    """

    def __init__(
        self,
        scheduler: str,
        runs: Path,
        files: Iterable[Path],
        jobs: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connects to a cluster, and checks that its workers can train.

        Args:
            scheduler: the address of the scheduler, or its scheduler file.
            runs: the folder of the runs.
            files: the files of the data.
            jobs: the most jobs at a time; by default as many as the workers have threads.
            notify: called with messages for the user.

        Raises:
            UsageError: the address is malformed, or Dask is not installed.
            ClusterError: there is no scheduler or no worker, or a worker cannot train.
        """
        self.notify = notify
        self.jobs = jobs
        self.messages: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.waiting: deque[Submission] = deque()
        self.submitted: dict[str, Submission] = {}
        self.deaths: dict[str, list[str]] = {}  # addresses of workers by job
        self.unsuitable: set[str] = set()  # workers that refused a job
        self.workers: dict[str, int] = {}  # threads by address
        self.stopping = False
        self.failure: Exception | None = None
        self.topic = new_key()
        with ExitStack() as stack:
            self.client = connect(scheduler)
            stack.callback(self.client.close, CLOSE_SECONDS)
            self.surroundings = stack.enter_context(surroundings(runs, files))
            self.address = self.client.scheduler.address
            self.workers = first_workers(self.client, notify)
            inspect_workers(self.client, self.surroundings, notify)
            self.resources = stack.pop_all()
        slots, largest = sum(self.workers.values()), max(self.workers.values())
        self.threads = max(1, min(largest, slots // jobs)) if jobs else 1
        self.at_a_time = min(jobs or slots, slots)
        self.client.subscribe_topic(self.topic, self._receive)
        self.client.loop.add_callback(self._watch)
        self.thread = Thread(target=self._serve, name="nnkit-dask", daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def submit(self, job: Job, on_evaluation: OnEvaluation) -> Future[Ending]:
        """Starts a job as soon as a worker is free."""
        submission = Submission(new_key(), job, on_evaluation)
        self.messages.put(lambda: self._add(submission))
        return submission.future

    def stop(self) -> None:
        """Lets running jobs save and end; those that have not begun do not."""
        self.messages.put(self._stop)

    def shutdown(self) -> None:
        """Leaves the cluster, whose workers save and end the jobs that they still run."""
        self.messages.put(None)
        self.thread.join()
        self.resources.close()

    # In the event loop of the client

    def _receive(self, event: tuple[float, Mapping[str, Any]]) -> None:
        self.messages.put(lambda: self._handle(event[1]))

    async def _watch(self) -> None:
        """Looks regularly at which workers there are, until the client is closed."""
        while self.client.status == "running":
            try:
                threads = await answer_in_time(self.client.nthreads())
            except ClusterError:
                self.messages.put(self._lose_scheduler)
                return
            self.messages.put(partial(self._see_workers, dict(threads)))
            await asyncio.sleep(LOOK_SECONDS)
        self.messages.put(self._lose_scheduler)

    async def _deliver(self, submission: Submission, reply: Reply, question: str) -> None:
        from nnkit.experiments.dask_worker import deliver

        # A worker that cannot be reached is lost, and the scheduler gives its job to another.
        with suppress(OSError, TimeoutError):
            await self.client.run(
                deliver,
                submission.key,
                question,
                reply,
                workers=[submission.worker],
                on_error="ignore",
            )

    # In the thread of the executor

    def _serve(self) -> None:
        while (message := self.messages.get()) is not None:
            try:
                message()
            except Exception as error:  # noqa: BLE001 (whoever waits for a job must get to know)
                self._fail(error)

    def _add(self, submission: Submission) -> None:
        if self.failure is not None:
            submission.future.set_exception(self.failure)
        elif self.stopping:
            submission.future.set_result(NOT_RUN)
        else:
            self.waiting.append(submission)
            self._send()

    def _send(self) -> None:
        """Sends jobs that wait to the cluster, as many as may run."""
        from nnkit.experiments.dask_worker import Assignment

        train = sent_by_value()
        while self.waiting and (self.jobs is None or len(self.submitted) < self.jobs):
            submission = self.waiting.popleft()
            key = submission.key
            assignment = Assignment(key, submission.job, self.surroundings, self.topic)
            self.submitted[key] = submission
            task = self.client.submit(
                train, assignment.encoded(), self.topic, key, key=key, pure=False
            )
            submission.task = task
            done = partial(self._done, submission)
            task.add_done_callback(lambda _, done=done: self.messages.put(done))

    def _handle(self, message: Mapping[str, Any]) -> None:
        """Handles a message of a worker about a job."""
        submission = self.submitted.get(message["key"])
        if submission is None:
            return
        if "evaluation" in message:
            submission.evaluated = True
            is_pruned = submission.on_evaluation(message["evaluation"])
            if submission.job.awaits_verdicts:
                self._reply(submission, "prune" if is_pruned else "go", message["question"])
        elif "ending" in message:
            self._end(submission, Ending(**message["ending"]))
        elif "refused" in message:
            self._refuse(submission, message["worker"], message["refused"])
        else:
            self._allow(submission, message["worker"], message["question"])

    def _allow(self, submission: Submission, worker: str, attempt: str) -> None:
        """Lets a worker begin a job, unless too many have died while they trained it."""
        if submission.attempt == attempt:  # the reply did not arrive
            self._reply(submission, "stop" if self.stopping else "go", attempt)
            return
        if submission.worker is not None:  # it began before, and did not end
            self.notify(f"worker {submission.worker} is lost; {worker} continues its cell")
            self._count_death(submission)
        submission.worker, submission.attempt, submission.evaluated = worker, attempt, False
        deaths = self._deaths_of(submission.job)
        if len(deaths) < MOST_DEATHS:
            self._reply(submission, "stop" if self.stopping else "go", attempt)
            return
        self._reply(submission, "stop")
        text = f"the workers that trained it died, one after the other: {', '.join(deaths)}"
        self._end(submission, Ending("crashed", error=text))

    def _count_death(self, submission: Submission) -> None:
        """Notes that a worker died; those before do not count if there was progress since."""
        deaths = self._deaths_of(submission.job)
        if submission.evaluated:
            deaths.clear()
        elif submission.worker is not None:
            deaths.append(submission.worker)

    def _deaths_of(self, job: Job) -> list[str]:
        """The addresses of the last workers that died while they trained a job."""
        return self.deaths.setdefault(as_json(job.settings), [])

    def _reply(self, submission: Submission, reply: Reply, question: str = "") -> None:
        self.client.loop.add_callback(self._deliver, submission, reply, question)

    def _end(self, submission: Submission, ending: Ending) -> None:
        del self.submitted[submission.key]
        if ending.outcome != "locked":  # a locked job is submitted again
            self.deaths.pop(as_json(submission.job.settings), None)
        submission.future.set_result(ending)
        self._send()

    def _refuse(self, submission: Submission, worker: str, reason: str) -> None:
        """Leaves a job to other workers than one that connected later and cannot train it."""
        if worker not in self.unsuitable:
            self.unsuitable.add(worker)
            self.notify(f"worker {worker} is not used: {reason}")
        self._send_again(submission)

    def _send_again(self, submission: Submission) -> None:
        """Sends a job again after a while, because its task has ended without it."""
        del self.submitted[submission.key]
        again = Submission(new_key(), submission.job, submission.on_evaluation, submission.future)
        timer = Timer(SECONDS_TO_NEXT, self.messages.put, [lambda: self._add(again)])
        timer.daemon = True
        timer.start()

    def _done(self, submission: Submission) -> None:
        """Handles the end of a task, which follows its last message if all went well."""
        task = submission.task
        if submission.key not in self.submitted or task is None:
            return
        if task.status != "error":
            self._lose_scheduler()
            return
        error = task.exception()
        if type(error).__name__ == "KilledWorker":
            self._count_death(submission)
            self._send_again(submission)
        else:
            self._end(submission, Ending("failed", error=f"{type(error).__name__}: {error}"))

    def _see_workers(self, workers: Mapping[str, int]) -> None:
        """Notices which workers are gone."""
        if self.workers and not workers:
            self.notify(
                f"no worker is left at {self.address}; training continues when one connects: "
                f"dask worker {self.address}"
            )
        self.workers = dict(workers)
        if self.stopping:
            for submission in [s for s in self.submitted.values() if s.worker not in workers]:
                self._cancel(submission, Ending("interrupted"))

    def _stop(self) -> None:
        self.stopping = True
        for submission in self.waiting:
            submission.future.set_result(NOT_RUN)
        self.waiting.clear()
        for submission in list(self.submitted.values()):
            if submission.worker is None:
                self._cancel(submission, NOT_RUN)
            else:
                self._reply(submission, "stop")

    def _cancel(self, submission: Submission, ending: Ending) -> None:
        self._end(submission, ending)
        if submission.task is not None:
            submission.task.cancel()

    def _lose_scheduler(self) -> None:
        self._fail(
            ClusterError(
                f"the connection to the Dask scheduler {self.address} was lost; its workers save "
                "what they train, and the same command continues"
            )
        )

    def _fail(self, error: Exception) -> None:
        """Ends all jobs with an error."""
        self.failure = self.failure or error
        for submission in (*self.waiting, *self.submitted.values()):
            submission.future.set_exception(self.failure)
        self.waiting.clear()
        self.submitted.clear()
