"""Tests of the fork server: its workers train as others do, and none is left over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nnkit.experiments.executor import LocalExecutor
from nnkit.experiments.fork_server import ForkedProcess, ForkServer
from tests.experiments.test_executor import ignore, job
from tests.training.configs import iris


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as started:
        yield started


def test_a_forked_worker_trains_as_a_spawned_one(server: ForkServer, tmp_path: Path) -> None:
    weights = []
    for name, more in (("forked", [server.start]), ("spawned", [])):
        with LocalExecutor(1, *more) as executor:
            ending = executor.submit(job(iris(), tmp_path / name), ignore).result()
        weights.append(ending.summary["weights_sha256"])
    assert weights[0] == weights[1]


def test_a_forked_worker_that_is_killed_fails_its_job_alone(
    server: ForkServer, tmp_path: Path
) -> None:
    long = iris(training={"epochs": None, "steps": 10**6, "evaluate_every": 100})

    def kill(record: Mapping[str, Any]) -> None:
        (worker,) = executor.workers
        os.kill(worker.process.pid, signal.SIGKILL)

    with LocalExecutor(1, server.start) as executor:
        killed = executor.submit(job(long, tmp_path), kill).result()
        good = executor.submit(job(iris(), tmp_path), ignore).result()
    assert (killed.outcome, "signal SIGKILL" in killed.error) == ("crashed", True)
    assert good.outcome == "completed"


def test_the_workers_end_with_their_executor(server: ForkServer, tmp_path: Path) -> None:
    with LocalExecutor(2, server.start) as executor:
        jobs = [executor.submit(job(iris(seed=seed), tmp_path), ignore) for seed in range(2)]
        assert {each.result().outcome for each in jobs} == {"completed"}
        processes = [worker.process for worker in executor.workers]
        assert all(isinstance(process, ForkedProcess) for process in processes)
        assert [process.poll() for process in processes] == [None] * len(processes)
    assert [process.poll() for process in processes] == [0] * len(processes)


@pytest.mark.slow
def test_without_a_server_workers_are_spawned(tmp_path: Path) -> None:
    with ForkServer() as gone:
        gone.server.kill()
        gone.server.wait()
        with LocalExecutor(1, gone.start) as executor:
            ending = executor.submit(job(iris(), tmp_path), ignore).result()
    assert ending.outcome == "completed"


def test_a_server_that_is_not_used_ends() -> None:
    with ForkServer() as unused:
        pass
    assert unused.server.poll() is not None
