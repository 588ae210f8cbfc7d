"""Tune files for tests, and an executor that trains in the test's own process."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from threading import Event

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


def train(
    study: Study, trials: int, listener: TuneListener | None = None, limits: Limits | None = None
) -> None:
    """Trains trials one after the other until the study has so many."""
    runs = study.folder.parents[1]
    tuner = Tuner(study, InlineExecutor(), runs, 1, listener or TuneListener())
    tuner.run(trials, 1, limits or Limits())
