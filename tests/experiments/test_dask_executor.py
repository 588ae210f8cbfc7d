"""Batches on a Dask cluster, of which anything may die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.errors import ClusterError
from nnkit.experiments import dask_client, dask_executor
from nnkit.experiments.batch import BatchListener, Limits, run_cells
from nnkit.experiments.batch_file import Cell
from nnkit.experiments.dask_executor import DaskExecutor
from nnkit.experiments.job import NOT_RUN, Ending, Job
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.task.config import Config
from tests.experiments.dask_cluster import (
    OTHER_NUMPY,
    WITHOUT_NNKIT,
    DaskCluster,
    without_speed,
)
from tests.training.configs import TABLES, iris
from tests.training.test_run import StopAt

pytestmark = pytest.mark.slow

LONG = {"epochs": None, "steps": 3000, "evaluate_every": 50, "checkpoint_every": 20}
ENDLESS = {"epochs": None, "steps": 10**7, "evaluate_every": 100}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A scheduler and two workers of one thread."""
    with DaskCluster(tmp_path) as cluster:
        for _ in range(2):
            cluster.add_worker()
        yield cluster


def executor(cluster: DaskCluster, folder: Path, **options: Any) -> DaskExecutor:
    files = [TABLES / "iris.csv"]
    return DaskExecutor(cluster.address, folder / "runs", files, **options)


def job(config: Config, folder: Path) -> Job:
    return Job(config.resolved(), str(folder / "runs"))


def ignore(record: Mapping[str, Any]) -> None:
    pass


class AtFirstEvaluation(BatchListener):
    """Calls a function at the first evaluation."""

    def __init__(self, at_first: Any) -> None:
        self.at_first = at_first

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        at_first, self.at_first = self.at_first, None
        if at_first is not None:
            at_first()


def own_weights(config: Config, folder: Path) -> str:
    """The weights of a training without interruption."""
    return str(nnkit.train(config, runs=folder / "own", threads=1).summary["weights_sha256"])


def trainer_of(cluster: DaskCluster, executor: DaskExecutor) -> tuple[int, list[int]]:
    """The Dask worker that trains the only job of an executor, and the process of the job."""
    (submission,) = executor.submitted.values()
    assert submission.worker is not None
    return cluster.processes_of(submission.worker)


def kill(*processes: int) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("wholly", [False, True])
def test_a_cell_continues_elsewhere_if_its_worker_is_killed(
    cluster: DaskCluster, tmp_path: Path, wholly: bool
) -> None:
    config = iris(training=LONG)

    def kill_worker() -> None:
        worker, training = trainer_of(cluster, there)
        kill(*(training if wholly else ()), worker)

    with executor(cluster, tmp_path) as there:
        cells, runs = [Cell(config, {})], tmp_path / "runs"
        (result,) = run_cells(cells, there, runs, 1, Limits(), AtFirstEvaluation(kill_worker))
    assert result.ending.outcome == "completed", result.ending
    assert result.ending.summary["weights_sha256"] == own_weights(config, tmp_path)
    (run,) = list_runs(runs)
    assert [record["step"] for record in run.read_metrics()] == list(range(50, 3001, 50))


def test_a_cell_that_kills_its_workers_is_given_up_and_the_others_are_trained(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "MOST_DEATHS", 1)
    fatal = job(iris(training=ENDLESS), tmp_path)
    lost = []

    class Killing(DaskExecutor):
        def _reply(self, submission: Any, reply: Any, question: str = "") -> None:
            super()._reply(submission, reply, question)
            if submission.job is fatal and reply == "go":
                lost.append(submission.worker)
                kill(cluster.processes_of(submission.worker)[0])

    with Killing(cluster.address, tmp_path / "runs", []) as there:
        killing = there.submit(fatal, ignore).result()
        good = there.submit(job(iris(), tmp_path), ignore).result()
    assert killing.outcome == "crashed"
    assert killing.error.endswith(f"died, one after the other: {lost[0]}")
    assert len(lost) == 1
    assert good.outcome == "completed"


def test_workers_may_die_as_often_as_a_cell_makes_progress(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "MOST_DEATHS", 1)
    cluster.add_worker()
    killed: list[str] = []

    class Killing(BatchListener):
        def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
            (submission,) = there.submitted.values()
            worker = submission.worker
            if worker is not None and worker not in killed and len(killed) < 2:
                killed.append(worker)
                kill(cluster.processes_of(worker)[0])

    said: list[str] = []
    with executor(cluster, tmp_path, notify=said.append) as there:
        cells = [Cell(iris(training=LONG), {})]
        (result,) = run_cells(cells, there, tmp_path / "runs", 1, Limits(), Killing())
    assert result.ending.outcome == "completed", result.ending
    assert [line.split()[1] for line in said] == killed


def test_a_reply_that_is_lost_is_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "preload.py").write_text(
        "import nnkit.experiments.dask_worker as module; module.REPLY_SECONDS = 0.5"
    )
    lost: list[str] = []

    class Forgetful(DaskExecutor):
        def _reply(self, submission: Any, reply: Any, question: str = "") -> None:
            if lost:
                super()._reply(submission, reply, question)
            lost.append(reply)

    said: list[str] = []
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker("--preload", tmp_path / "preload.py")
        with Forgetful(cluster.address, tmp_path / "runs", [], notify=said.append) as there:
            ending = there.submit(job(iris(), tmp_path), ignore).result()
    assert (ending.outcome, lost[:2], said) == ("completed", ["go", "go"], [])


def test_a_cell_that_crashes_alone_leaves_its_worker_to_others(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    def kill_trainer(record: Mapping[str, Any]) -> None:
        with suppress(ProcessLookupError):  # killed before: evaluations arrive late
            kill(*trainer_of(cluster, there)[1])

    with executor(cluster, tmp_path) as there:
        crashed = there.submit(job(iris(training=ENDLESS), tmp_path), kill_trainer).result()
        good = there.submit(job(iris(), tmp_path), ignore).result()
    assert (crashed.outcome, "signal SIGKILL" in crashed.error) == ("crashed", True)
    assert good.outcome == "completed"


def test_stop_saves_what_runs_and_cancels_the_rest(cluster: DaskCluster, tmp_path: Path) -> None:
    configs = [iris(training=ENDLESS, seed=seed) for seed in range(5)]
    with executor(cluster, tmp_path) as there:
        futures = [there.submit(job(each, tmp_path), lambda _: there.stop()) for each in configs]
        endings = [future.result() for future in futures]
        late = there.submit(job(iris(), tmp_path), ignore).result()
    outcomes = [ending.outcome for ending in endings]
    assert set(outcomes) == {"interrupted", "not run"}
    assert outcomes.count("not run") >= 3
    assert late == NOT_RUN
    assert {(run.state, run.begun) for run in list_runs(tmp_path / "runs")} == {
        ("interrupted", True)
    }


def test_a_worker_that_was_cut_off_and_another_do_not_train_one_run(tmp_path: Path) -> None:
    """The scheduler gives a worker up that does not answer, while its process still trains."""
    config, runs = iris(training=ENDLESS), tmp_path / "runs"
    locked: list[Ending] = []
    stopped: list[int] = []
    after: list[int] = []  # evaluations since the other worker found the run locked

    class Watched(DaskExecutor):
        def _end(self, submission: Any, ending: Ending) -> None:
            if ending.outcome == "locked":
                locked.append(ending)
                os.kill(stopped[0], signal.SIGCONT)
            super()._end(submission, ending)

    class Halting(BatchListener):
        def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
            if not stopped:
                stopped.append(trainer_of(cluster, there)[0])
                os.kill(stopped[0], signal.SIGSTOP)
            elif locked:
                after.append(record["step"])

    with DaskCluster(tmp_path, {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2s"}) as cluster:
        for _ in range(2):
            cluster.add_worker()
        with Watched(cluster.address, runs, [TABLES / "iris.csv"]) as there:
            limits = Limits(should_stop=lambda: len(after) > 3)
            (result,) = run_cells([Cell(config, {})], there, runs, 1, limits, Halting())
    assert result.ending.outcome == "interrupted", result.ending
    (run,) = list_runs(runs)
    stop = StopAt(result.ending.summary["step"])
    own = nnkit.train(config, runs=tmp_path / "own", should_stop=stop, listeners=[stop])
    records = without_speed(run)
    assert records == without_speed(RunDirectory(own.directory))[: len(records)]
    assert after[-1] in [record["step"] for record in run.read_metrics()]


@pytest.mark.parametrize("difference", [OTHER_NUMPY, WITHOUT_NNKIT])
def test_a_worker_of_another_version_that_connects_later_is_not_used(
    tmp_path: Path, difference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "SECONDS_TO_NEXT", 0.2)
    (tmp_path / "preload.py").write_text(difference)
    said: list[str] = []
    configs = [iris(training=LONG, seed=seed) for seed in range(6)]
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        with executor(cluster, tmp_path, notify=said.append) as there:
            cluster.add_worker("--preload", tmp_path / "preload.py")
            futures = [there.submit(job(each, tmp_path), ignore) for each in configs]
            outcomes = {future.result().outcome for future in futures}
    assert outcomes == {"completed"}
    (line,) = said
    assert "is not used: it " in line


def test_no_worker_and_no_scheduler(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "WORKER_SECONDS", 0.1)
    monkeypatch.setattr(dask_client, "CONNECT_SECONDS", 0.5)
    said: list[str] = []
    for process in cluster.processes[1:]:
        process.terminate()
        process.wait()
    with pytest.raises(ClusterError, match="no worker has connected to tcp://"):
        executor(cluster, tmp_path, notify=said.append)
    (line,) = said
    assert line.endswith(f"{cluster.address}; start one: dask worker {cluster.address}")
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://"):
        executor(cluster, tmp_path)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(("jobs", "threads"), [(None, 1), (1, 3), (2, 2), (4, 1), (9, 1)])
def test_jobs_share_the_threads_of_the_cluster(
    tmp_path: Path, jobs: int | None, threads: int
) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker(threads=3)
        cluster.add_worker(threads=1)
        with executor(cluster, tmp_path, jobs=jobs) as there:
            assert there.threads == threads
            configs = [iris(seed=seed) for seed in range(4)]
            futures = [there.submit(job(each, tmp_path), ignore) for each in configs]
            assert {future.result().outcome for future in futures} == {"completed"}


def test_a_scheduler_that_is_frozen(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "SCHEDULER_SECONDS", 2)
    with executor(cluster, tmp_path) as there:
        running = there.submit(job(iris(training=ENDLESS), tmp_path), ignore)
        cluster.scheduler.send_signal(signal.SIGSTOP)
        with pytest.raises(ClusterError, match="the connection to the Dask scheduler tcp://"):
            running.result()
