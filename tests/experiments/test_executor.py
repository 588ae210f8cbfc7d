"""Worker processes: one cell cannot take others down, and none is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import time
from typing import Any

import pytest

import nnkit
from nnkit.cli.executors import ExecutorKind, starter_of
from nnkit.data.sources.csv import Csv
from nnkit.experiments.batch import BatchListener, Limits, run_cells
from nnkit.experiments.batch_file import Cell
from nnkit.experiments.executor import LocalExecutor
from nnkit.experiments.job import NOT_RUN, Job
from nnkit.experiments.worker import LastDataset
from nnkit.experiments.worker_process import StartProcess
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.task.config import Config, Data
from tests.training.configs import iris


def job(config: Config, folder: Path, **more: Any) -> Job:
    return Job(config.resolved(), str(folder / "runs"), **more)


def ignore(record: Mapping[str, Any]) -> None:
    pass


@pytest.fixture(scope="module")
def start() -> Iterator[StartProcess]:
    """Starts workers as a batch does, which is faster than a process of its own for each."""
    with starter_of(ExecutorKind.LOCAL) as start:
        yield start


def test_a_job_is_the_training_that_train_does(tmp_path: Path) -> None:
    records: list[Mapping[str, Any]] = []
    with LocalExecutor(1) as executor:
        ending = executor.submit(job(iris(), tmp_path), records.append).result()
        again = executor.submit(job(iris(), tmp_path), ignore).result()
    own = nnkit.train(iris(), runs=tmp_path / "own", threads=1)
    assert (ending.outcome, ending.already_finished) == ("completed", False)
    assert ending.summary["weights_sha256"] == own.summary["weights_sha256"]
    assert again.already_finished
    assert [record["step"] for record in records] == [
        record["step"] for record in RunDirectory(own.directory).read_metrics()
    ]


def test_failures_are_told_and_the_worker_goes_on(tmp_path: Path, start: StartProcess) -> None:
    gone = iris(data={"source": {"kind": "csv", "path": str(tmp_path / "none.csv")}})
    exploding = iris(optimizer={"kind": "sgd", "lr": 1e30})
    with LocalExecutor(1, start) as executor:
        jobs = [job(config, tmp_path) for config in (gone, exploding, iris())]
        missing, diverged, good = [executor.submit(each, ignore).result() for each in jobs]
    assert (missing.outcome, "none.csv: no such file" in missing.error) == ("failed", True)
    assert (diverged.outcome, "the loss became" in diverged.error) == ("diverged", True)
    assert good.outcome == "completed"


def test_a_worker_that_is_killed_fails_its_job_alone(tmp_path: Path) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})

    def kill(record: Mapping[str, Any]) -> None:
        (worker,) = executor.workers
        os.kill(worker.process.pid, signal.SIGKILL)

    with LocalExecutor(1) as executor:
        killed = executor.submit(job(long, tmp_path), kill).result()
        good = executor.submit(job(iris(), tmp_path), ignore).result()
    assert (killed.outcome, "signal SIGKILL" in killed.error) == ("crashed", True)
    assert good.outcome == "completed"


@pytest.mark.slow
def test_a_pruned_job_takes_no_step_after_the_evaluation_that_decided_it(tmp_path: Path) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})
    records: list[Mapping[str, Any]] = []

    def third(record: Mapping[str, Any]) -> bool:
        records.append(record)
        return len(records) == 3

    with LocalExecutor(1) as executor:
        waiting = job(long, tmp_path, awaits_verdicts=True)
        ending = executor.submit(waiting, third).result()
        again = executor.submit(
            job(iris(), tmp_path, awaits_verdicts=True), lambda _: True
        ).result()
        good = executor.submit(job(iris(), tmp_path), lambda _: True).result()
    assert (ending.outcome, ending.summary["step"]) == ("pruned", 300)
    assert [record["step"] for record in records] == [100, 200, 300]
    assert (again.outcome, again.summary["epochs"] > 1) == ("pruned", True)
    assert (good.outcome, good.already_finished) == ("completed", False)  # it awaited no verdict


@pytest.mark.slow
def test_a_job_that_awaits_verdicts_is_told_of_evaluations_before_an_interruption(
    tmp_path: Path,
) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})
    waiting = job(long, tmp_path, awaits_verdicts=True)
    steps: list[int] = []

    def stop_at_second(record: Mapping[str, Any]) -> bool:
        steps.append(record["step"])
        if len(steps) == 2:
            executor.stop()
        return False

    def prune_at_second(record: Mapping[str, Any]) -> bool:
        steps.append(record["step"])
        return record["step"] == 200

    with LocalExecutor(1) as executor:
        assert executor.submit(waiting, stop_at_second).result().outcome == "interrupted"
    with LocalExecutor(1) as executor:
        ending = executor.submit(waiting, prune_at_second).result()
    assert steps == [100, 200, 100, 200]
    assert (ending.outcome, ending.summary["step"]) == ("pruned", 200)


def test_stop_saves_what_runs_and_cancels_the_rest(tmp_path: Path, start: StartProcess) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})
    with LocalExecutor(1, start) as executor:
        running = executor.submit(job(long, tmp_path), lambda record: executor.stop())
        waiting = executor.submit(job(iris(), tmp_path), ignore)
        assert running.result().outcome == "interrupted"
        assert waiting.result() == NOT_RUN
    (run,) = list_runs(tmp_path / "runs")
    assert (run.state, run.begun) == ("interrupted", True)


def test_a_deadline_saves_and_interrupts(tmp_path: Path, start: StartProcess) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})
    cells = [Cell(long, {}), Cell(iris(), {})]
    with LocalExecutor(1, start) as executor:
        limits = Limits(deadline=time() + 1)
        runs = tmp_path / "runs"
        results = run_cells(cells, executor, runs, 1, limits, BatchListener())
    assert [result.ending.outcome for result in results] == ["interrupted", "not run"]
    assert results[0].ending.summary["step"] >= 1
    (run,) = list_runs(runs)
    assert (run.state, run.begun) == ("interrupted", True)


def test_a_run_that_another_process_trains_is_left_alone(
    tmp_path: Path, start: StartProcess
) -> None:
    name = nnkit.train(iris(), runs=tmp_path / "runs").directory.name
    directory = RunDirectory(tmp_path / "runs" / name)
    directory.summary.unlink()
    with directory.locked(), LocalExecutor(1, start) as executor:
        ending = executor.submit(job(iris(), tmp_path), ignore).result()
    assert ending.outcome == "locked"


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_handed_in(tmp_path: Path, start: StartProcess, threads: int) -> None:
    config = iris(training={"threads": 2})
    with LocalExecutor(1, start) as executor:
        ending = executor.submit(job(config, tmp_path, threads=threads), ignore).result()
    assert ending.summary["threads"] == threads


def test_data_is_read_again_only_if_it_changed(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("x,y\n1,a\n2,b\n3,a\n4,b\n")
    data, source = LastDataset(), Data(source=Csv(path=str(table)))
    first = data.load(source)
    assert data.load(Data(source=Csv(path=str(table)))) is first
    table.write_text("x,y\n1,a\n2,b\n3,a\n5,b\n")
    changed = data.load(source)
    assert changed is not first
    assert data.load(Data(source=Csv(path=str(table), label="x"))) is not changed


def test_a_dataset_that_is_loaded_already_gives_the_same_run(tmp_path: Path) -> None:
    dataset = iris().data.source.load()
    given = nnkit.train(iris(), runs=tmp_path / "given", dataset=dataset)
    own = nnkit.train(iris(), runs=tmp_path / "own")
    assert given.directory.name == own.directory.name
    assert given.summary["weights_sha256"] == own.summary["weights_sha256"]
