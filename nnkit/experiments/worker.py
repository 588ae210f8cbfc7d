"""A worker process: trains one job after the other, in lines of JSON on its standard streams.

    → {"settings": {…}, "runs": "runs", "threads": 1}
    ← {"evaluation": {"step": 10, …}}        any number of these
    → {"prune": false}                       after each, if the job awaits verdicts
    ← {"ending": {"outcome": "completed", "run": "runs/iris-0a1b2c3d", "summary": {…}}}

The end of its input, SIGINT and SIGTERM let it finish the current step, save the run, and end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import IO, Any

from nnkit.data.dataset import Dataset
from nnkit.data.fingerprints import state_of
from nnkit.errors import DivergedError, GateError, NnkitError
from nnkit.experiments.job import Ending, Job, OnEvaluation
from nnkit.runs.directory import LockedError, RunDirectory
from nnkit.startup import set_up_process
from nnkit.task.config import Data
from nnkit.task.config_loading import config_from
from nnkit.text import as_json
from nnkit.training.events import Evaluation
from nnkit.training.identity import recorded_run_name
from nnkit.training.listeners import Listener
from nnkit.training.run import train
from nnkit.training.trainer import Stopping, Trainer


class Reporter(Listener):
    """Passes evaluations on as they are recorded.

    Attributes:
        is_pruned: whether the run is to be pruned.
    """

    def __init__(self, job: Job, on_evaluation: OnEvaluation) -> None:
        self.awaits_verdicts = job.awaits_verdicts
        self.on_evaluation = on_evaluation
        self.is_pruned = False

    def started(self, trainer: Trainer) -> None:
        if self.awaits_verdicts:
            self.repeat(trainer.directory.read_metrics())

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        self.report(evaluation.record())

    def repeat(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Reports evaluations that are recorded already, until the run is pruned."""
        for record in records:
            if not self.is_pruned:
                self.report(record)

    def report(self, record: Mapping[str, Any]) -> None:
        """Reports an evaluation, and heeds the verdict if the job awaits one."""
        verdict = self.on_evaluation(record)
        self.is_pruned = self.awaits_verdicts and bool(verdict)


def send(output: IO[str], message: Mapping[str, Any]) -> None:
    """Writes a message as one line."""
    output.write(as_json(message) + "\n")
    output.flush()


class LastDataset:
    """The data set that was loaded last, which the next job probably needs too."""

    def __init__(self) -> None:
        self.key: tuple[str, str | None] | None = None
        self.dataset: Dataset | None = None

    def load(self, data: Data) -> Dataset:
        """The data of a config, read again only if it is other data or its files changed."""
        source = data.source
        key = (source.model_dump_json() + data.unknown, state_of(source.files()))
        if self.dataset is None or key != self.key:
            self.dataset = None  # before the next one takes memory
            self.dataset, self.key = data.load(), key
        return self.dataset


def run_job(job: Job, on_evaluation: OnEvaluation, stop: Event, data: LastDataset) -> Ending:
    """Trains a job's config, and says how that ended, whatever happens.

    A run that diverged is not trained again, because it would diverge again. A run that is finished
    already can still be pruned: whether results were there must not change what a search finds.

    Args:
        job: the training.
        on_evaluation: called as by an executor.
        stop: when set, the run is saved and interrupted.
        data: the data set of the job before.
    """
    reporter = Reporter(job, on_evaluation)

    def should_stop() -> Stopping:
        return "pruned" if reporter.is_pruned else stop.is_set()

    try:
        config = config_from(dict(job.settings))
        name = recorded_run_name(config)
        known = None if name is None else RunDirectory(Path(job.runs) / name)
        if known is not None and known.state == "diverged":
            error = known.read_ending().get("error", "the run diverged")
            return Ending("diverged", str(known.path), already_finished=True, error=error)
        run = train(
            config,
            dataset=None if known is not None and known.finished else data.load(config.data),
            runs=job.runs,
            resume=True,
            listeners=[reporter],
            should_stop=should_stop,
            threads=job.threads,
        )
    except GateError as error:
        run = error.run
    except LockedError as error:
        return Ending("locked", error=str(error))
    except DivergedError as error:
        return Ending("diverged", error=str(error))
    except NnkitError as error:
        return Ending("failed", error=str(error))
    except Exception as error:  # noqa: BLE001 (one cell must not take others down)
        message = f"{type(error).__name__}: {error}"
        return Ending("failed", error=message, log=traceback.format_exc())
    outcome, directory = run.summary["outcome"], str(run.directory)
    if run.already_finished and job.awaits_verdicts:
        records = RunDirectory(run.directory).read_metrics()
        reporter.repeat(records[:-1])
        if reporter.is_pruned:
            return Ending("pruned", directory, dict(run.summary), already_finished=True)
        reporter.repeat(records[-1:])  # after the last, pruning would save nothing
    return Ending(outcome, directory, dict(run.summary), run.already_finished)


def main() -> None:
    """Reads jobs from standard input until its end, and writes what becomes of them."""
    set_up_process()
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything prints must not be taken for a message
    stop, data = Event(), LastDataset()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        stop.set()  # whoever started the worker is gone
        lines.put("")

    Thread(target=read, daemon=True).start()
    while line := lines.get():
        job = Job(**json.loads(line))

        def report(record: Mapping[str, Any], *, awaits: bool = job.awaits_verdicts) -> bool:
            send(messages, {"evaluation": record})
            return awaits and verdict_of(lines)

        send(messages, {"ending": asdict(run_job(job, report, stop, data))})
        if stop.is_set():
            return


def verdict_of(lines: SimpleQueue[str]) -> bool:
    """Waits for the verdict on an evaluation, which is whether to prune the run."""
    line = lines.get()
    if not line:
        lines.put(line)  # the end of the input, for whoever asks next
        return False
    return bool(json.loads(line)["prune"])


if __name__ == "__main__":
    main()
