"""`--executor dask`: what the user of a cluster sees of a batch and of a search."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnkit.runs.directory import RunDirectory, list_runs
from tests.cli.program import IRIS, Program, command, plain_environment
from tests.cli.test_batch import long_batch, weights
from tests.experiments.dask_cluster import (
    OTHER_NUMPY,
    WITHOUT_NNKIT,
    DaskCluster,
    wait_for,
    without_speed,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A scheduler and two workers of one thread."""
    with DaskCluster(tmp_path) as cluster:
        for _ in range(2):
            cluster.add_worker()
        yield cluster


def test_a_batch_is_the_same_as_with_local_processes(
    program: Program, cluster: DaskCluster, tmp_path: Path
) -> None:
    path = long_batch(tmp_path)
    there = program("batch", path, *dask(cluster), "--runs", "there", "--json")
    here = program("batch", path, "--json", "--runs", "here")
    assert (there.code, here.code) == (0, 0), there.err
    assert there.err.count("completed, test.accuracy") == 4
    for data in (there.json, here.json):
        for cell in data["cells"]:
            for run in cell["runs"]:
                del run["seconds"], run["run"]
    assert weights(tmp_path, "there") == weights(tmp_path, "here")
    for run in list_runs(tmp_path / "there"):
        same = RunDirectory(tmp_path / "here" / run.path.name)
        assert run.config.read_bytes() == same.config.read_bytes()
        assert without_speed(run) == without_speed(same)


def test_a_search_is_the_same_as_with_local_processes(
    program: Program, cluster: DaskCluster, tmp_path: Path
) -> None:
    """A trial that is pruned there takes no further step either."""
    path = tmp_path / "search.yaml"
    path.write_text(
        f"extends: {IRIS}\ntraining: {{epochs: 6}}\nregularization: {{early_stopping: null}}\n"
        "optimizer: {kind: sgd, lr: {float: {low: 1e-6, high: 0.1, log: true}}}\n"
        "search: {metric: validation.loss, trials: 12, sampler: random, "
        "pruner: {median: {startup_trials: 2}}}\n"
    )
    options = ("tune", path, "--jobs", 1, "--quiet", "--json")
    there = program(*options, *dask(cluster), "--runs", "there")
    here = program(*options, "--runs", "here")
    assert (there.code, here.code) == (0, 0), there.err
    found, expected = there.json["trials"], here.json["trials"]
    assert "pruned" in {trial["state"] for trial in expected}
    for trial in (*found, *expected):
        del trial["seconds"], trial["run"]
    assert found == expected
    assert steps_of(tmp_path / "there") == steps_of(tmp_path / "here")


def steps_of(runs: Path) -> dict[str, int]:
    return {run.path.name: run.read_ending()["step"] for run in list_runs(runs)}


def dask(cluster: DaskCluster) -> tuple[str, ...]:
    return ("--executor", "dask", "--scheduler", str(cluster.file))


def test_a_scheduler_that_dies_is_an_error_and_the_same_command_continues(
    program: Program, tmp_path: Path
) -> None:
    config = long_batch(tmp_path)
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        options = ("batch", config, "--runs", "runs", "--quiet", *dask(cluster))
        with started(tmp_path, *options) as batch:
            wait_for(lambda: list(tmp_path.glob("runs/*/metrics.jsonl")))
            cluster.scheduler.kill()
            _, err = batch.communicate(timeout=120)
    assert batch.returncode == 1
    (line,) = err.decode().splitlines()
    assert line.startswith("error: the connection to the Dask scheduler tcp://127.0.0.1:")
    cluster.file.unlink()
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        assert program(*options).code == 0
    assert program("batch", config, "--quiet", "--runs", "whole").code == 0
    assert weights(tmp_path, "runs") == weights(tmp_path, "whole")


def started(folder: Path, *arguments: object, **variables: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=plain_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_workers_save_and_are_free_again_if_the_batch_is_interrupted_or_killed(
    program: Program, cluster: DaskCluster, tmp_path: Path, number: int, code: int
) -> None:
    config = long_batch(tmp_path)
    options = ("batch", config, "--quiet", *dask(cluster))
    with started(tmp_path, *options) as batch:
        wait_for(lambda: list(tmp_path.glob("runs/*/metrics.jsonl")))
        batch.send_signal(number)
        batch.communicate(timeout=120)
    assert batch.returncode == code
    wait_for(lambda: not any(run.training for run in list_runs(tmp_path / "runs")))
    assert program(*options).code == 0
    assert program("batch", config, "--quiet", "--runs", "whole").code == 0
    assert weights(tmp_path, "runs") == weights(tmp_path, "whole")


@pytest.mark.parametrize(
    ("difference", "words"),
    [(OTHER_NUMPY, "it has NumPy 2.0.99, not "), (WITHOUT_NNKIT, "cannot run nnkit")],
)
def test_workers_of_another_version_are_refused(
    program: Program, tmp_path: Path, difference: str, words: str
) -> None:
    (tmp_path / "preload.py").write_text(difference)
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        cluster.add_worker("--preload", tmp_path / "preload.py")
        answer = program("batch", long_batch(tmp_path), *dask(cluster))
    assert answer.code == 1
    (line,) = answer.errors
    assert line.startswith("worker tcp://127.0.0.1:")
    assert words in line
    assert list_runs(tmp_path / "runs") == []


def test_encrypted_connections(program: Program, tmp_path: Path) -> None:
    """One certificate, signed by itself, serves the batch, the scheduler and the worker."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nnkit"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    variables = {prefix + "CA_FILE": str(certificate)}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        variables[f"{prefix}{role}__CERT"] = str(certificate)
        variables[f"{prefix}{role}__KEY"] = str(key)
    with DaskCluster(tmp_path, variables, "tls") as cluster:
        cluster.add_worker()
        with started(tmp_path, "batch", long_batch(tmp_path), *dask(cluster), **variables) as batch:
            _, err = batch.communicate(timeout=120)
    assert batch.returncode == 0, err.decode()
    assert cluster.address.startswith("tls://")
    assert err.decode().count("completed, test.accuracy") == 4
