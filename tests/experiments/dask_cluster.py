"""A Dask cluster for tests: a scheduler and workers, each a process on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

import dask.config
from distributed import Client

from nnkit.runs.directory import RunDirectory
from tests.cli.program import ROOT, plain_environment

# Preloads of a worker that differs from the batch.
OTHER_NUMPY = "import numpy; numpy.__version__ = '2.0.99'"
WITHOUT_NNKIT = "import sys; sys.modules['nnkit'] = None"
PATIENCE = 120  # seconds, for a machine that is busy


class DaskCluster:
    """A scheduler, to which workers can be added; all end with the block."""

    def __init__(
        self, folder: Path, variables: Mapping[str, str] | None = None, protocol: str = "tcp"
    ) -> None:
        self.folder = folder
        self.variables = variables or {}
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **plain_environment(),
            "PYTHONPATH": str(ROOT),
            "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
            **self.variables,
        }
        options = (
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--protocol",
            protocol,
            "--no-dashboard",
            "--no-show",
        )
        self.scheduler = self._start("scheduler", "--scheduler-file", self.file, *options)

    def __enter__(self) -> Self:
        try:
            wait_for(lambda: self.file.is_file() and self.file.read_text().endswith("}"))
        except TimeoutError:
            self.scheduler.kill()
            raise
        self.address = str(json.loads(self.file.read_text())["address"])
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def add_worker(self, *options: object, threads: int = 1) -> subprocess.Popen[bytes]:
        """Starts a worker, and waits until it is connected."""
        with self._client() as client:
            count = len(client.nthreads()) + 1
            own = ("--no-nanny", "--no-dashboard", "--nthreads", threads, "--host", "127.0.0.1")
            process = self._start(
                "worker", self.address, "--local-directory", self.folder, *own, *options
            )
            client.wait_for_workers(count, timeout=PATIENCE)
        return process

    def processes_of(self, address: str) -> tuple[int, list[int]]:
        """The process of a worker, and those in which it trains."""
        with self._client() as client:
            found: tuple[int, list[int]] = client.run(_own_processes, workers=[address])[address]
        return found

    def _client(self) -> Client:
        with dask.config.set(
            {
                name.removeprefix("DASK_").replace("__", ".").lower(): value
                for name, value in self.variables.items()
            }
        ):
            return Client(self.address, set_as_default=False)

    def _start(self, *arguments: object) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{arguments[0]}-{len(self.processes)}.log").open("wb")
        command = [sys.executable, "-m", "dask", *map(str, arguments)]
        with log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process


def _own_processes() -> tuple[int, list[int]]:
    from nnkit.experiments.dask_worker import _accepted

    training = [each.process.process.pid for each in _accepted.values() if each.process]
    return os.getpid(), training


def wait_for(condition: Any) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: it does not, in two minutes.
    """
    deadline = monotonic() + PATIENCE
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError
        sleep(0.02)


def without_speed(run: RunDirectory) -> list[dict[str, Any]]:
    """The evaluations of a run, except for the speed."""
    return [
        {name: value for name, value in record.items() if name != "samples_per_second"}
        for record in run.read_metrics()
    ]
