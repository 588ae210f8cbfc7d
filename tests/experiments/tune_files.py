"""Tune files for tests, and an executor that trains in the test's own process."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Any

from nnkit.experiments.batch import Limits
from nnkit.experiments.job import NOT_RUN, Ending, Job, OnEvaluation
from nnkit.experiments.study import Study
from nnkit.experiments.tune_checks import check_tune
from nnkit.experiments.tune_file import LoadedTune, load_tune
from nnkit.experiments.tuning import TuneListener, Tuner
from nnkit.experiments.worker import LastDataset, run_job

IRIS = Path(__file__).parents[2] / "configs" / "iris-mlp.yaml"
BASE = f"""extends: {IRIS}
name: t
training: {{epochs: 4}}
regularization: {{early_stopping: null}}
"""
LR = "optimizer: {kind: adam, lr: {float: {low: 1e-3, high: 0.1, log: true}}}\n"
SEARCH = "search: {metric: validation.loss, trials: 4, sampler: random}\n"


def tune_file(folder: Path, text: str, base: str = BASE) -> LoadedTune:
    path = folder / "t.yaml"
    path.write_text(base + text)
    return load_tune(path)


def study_of(folder: Path, text: str, base: str = BASE) -> Study:
    checked = check_tune(tune_file(folder, text, base))
    return Study(checked, folder / "runs" / "tune" / checked.study)


class InlineExecutor:
    """An executor that trains each job at once, in the caller's thread."""

    def __init__(self) -> None:
        self.stopping = Event()
        self.data = LastDataset()

    def submit(self, job: Job, on_evaluation: OnEvaluation) -> Future[Ending]:
        future: Future[Ending] = Future()
        is_stopped = self.stopping.is_set()
        future.set_result(
            NOT_RUN if is_stopped else run_job(job, on_evaluation, self.stopping, self.data)
        )
        return future

    def stop(self) -> None:
        self.stopping.set()

    def shutdown(self) -> None:
        pass


class Interruptions(TuneListener):
    """Interrupts training, in the middle of a trial, after every so many new evaluations."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.seen: set[tuple[int, int]] = set()
        self.executor = InlineExecutor()

    def evaluated(self, number: int, record: Mapping[str, Any]) -> None:
        if (number, record["step"]) not in self.seen:
            self.seen.add((number, record["step"]))
            if len(self.seen) % self.every == 0:
                self.executor.stop()


def train(study: Study, trials: int, interruptions: Interruptions | None = None) -> bool:
    """Trains trials one after the other until the study has so many.

    Returns:
        Whether training was not interrupted.
    """
    listener = interruptions or TuneListener()
    executor = InlineExecutor()
    if interruptions is not None:
        interruptions.executor = executor
    limits = Limits(should_stop=executor.stopping.is_set)
    Tuner(study, executor, study.folder.parents[1], 1, listener).run(trials, 1, limits)
    return not executor.stopping.is_set()
