"""A worker process: trains one job after the other, in lines of JSON on its standard streams.

    → {"settings": {…}, "runs": "runs", "threads": 1}
    ← {"evaluation": {"step": 10, …}}        any number of these
    ← {"ending": {"outcome": "completed", "run": "runs/iris-0a1b2c3d", "summary": {…}}}

The end of its input, SIGINT and SIGTERM let it finish the current step, save the run, and end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

from nnkit.data.dataset import Dataset
from nnkit.data.fingerprints import state_of
from nnkit.data.sources.source import Source
from nnkit.errors import DivergedError, GateError, NnkitError
from nnkit.experiments.job import Ending, Job
from nnkit.runs.directory import LockedError, RunDirectory
from nnkit.task.config import config_from
from nnkit.text import as_json
from nnkit.training.identity import recorded_run_name
from nnkit.training.listeners import Listener
from nnkit.training.loop import Evaluation
from nnkit.training.run import train


class Reporter(Listener):
    """Passes evaluations on as they are recorded."""

    def __init__(self, output: IO[str]) -> None:
        self.output = output

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        send(self.output, {"evaluation": evaluation.record()})


def send(output: IO[str], message: dict[str, Any]) -> None:
    """Writes a message as one line."""
    output.write(as_json(message) + "\n")
    output.flush()


class LastDataset:
    """The data set that was loaded last, which the next job probably needs too."""

    def __init__(self) -> None:
        self.key: tuple[str, str | None] | None = None
        self.dataset: Dataset | None = None

    def load(self, source: Source) -> Dataset:
        """The data of a source, read again only if it is another source or its files changed."""
        key = (source.model_dump_json(), state_of(source.files()))
        if self.dataset is None or key != self.key:
            self.dataset = None  # before the next one takes memory
            self.dataset, self.key = source.load(), key
        return self.dataset


def run_job(job: Job, listeners: list[Listener], stop: Event, data: LastDataset) -> Ending:
    """Trains a job's config, and says how that ended, whatever happens.

    A run that diverged is not trained again, because it would diverge again.
    """
    try:
        config = config_from(dict(job.settings))
        name = recorded_run_name(config)
        known = None if name is None else RunDirectory(Path(job.runs) / name)
        if known is not None and known.state == "diverged":
            error = known.read_ending().get("error", "the run diverged")
            return Ending("diverged", str(known.path), already_finished=True, error=error)
        run = train(
            config,
            dataset=None if known is not None and known.finished else data.load(config.data.source),
            runs=job.runs,
            resume=True,
            listeners=listeners,
            should_stop=stop.is_set,
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
    return Ending(outcome, directory, dict(run.summary), run.already_finished)


def main() -> None:
    """Reads jobs from standard input until its end, and writes what becomes of them."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything prints must not be taken for a message
    stop, data = Event(), LastDataset()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    lines: list[str] = []
    arrived = Event()

    def read() -> None:
        for line in sys.stdin:
            lines.append(line)
            arrived.set()
        stop.set()  # whoever started the worker is gone
        lines.append("")
        arrived.set()

    Thread(target=read, daemon=True).start()
    while True:
        arrived.wait()
        line = lines.pop(0)
        if not lines:
            arrived.clear()
        if not line:
            return
        ending = run_job(Job(**json.loads(line)), [Reporter(messages)], stop, data)
        send(messages, {"ending": asdict(ending)})
        if stop.is_set():
            return


if __name__ == "__main__":
    main()
