"""Starts and controls workers: processes that run one job in one setting, on request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import Any

from benchmarks.contenders import THREADS, Contender, Setting
from benchmarks.peers.protocol import Assignment, Material, Row

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # seconds to wait for a result; compiling on a busy machine takes minutes

Portion = dict[str, Any]


def threads_limited(threads: int | None) -> dict[str, str]:
    """Returns this process's environment variables with the number of threads set."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    return environment | ({} if threads is None else dict.fromkeys(THREADS, str(threads)))


class WorkerError(Exception):
    """A worker exited unexpectedly or timed out."""


class Worker:
    """A running worker.

    Attributes:
        versions: the versions of the libraries used.
        each: seconds per repetition, set by `warm_up`.
        speed: samples per second, set by `warm_up`.

    Raises:
        WorkerError: the worker cannot start, for example because its library is not installed.
    """

    def __init__(
        self, contender: Contender, setting: Setting, job: str, row: Row, batch: int, folder: Path
    ) -> None:
        self.contender, self.setting = contender, setting
        environment = {**threads_limited(setting.threads), **contender.environment}
        module = f"benchmarks.peers.{contender.module}"
        given = Assignment(job, row, batch, setting.mode, setting.layout, Material(folder))
        self._errors = TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *given.arguments()],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self.versions: dict[str, str] = self._answer()["versions"]
        self.each = self.speed = 0.0

    def ask(self, times: int) -> Portion:
        """Runs a portion of work: a number of repetitions.

        Raises:
            WorkerError: the worker exited unexpectedly.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"times": times}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return self._answer()

    def warm_up(self, seconds: float, limit: float) -> None:
        """Runs until everything is compiled, then for about the given number of seconds.

        If a repetition takes more than `limit` seconds, at most three are run.
        """
        self.ask(1)
        self._take(1)
        if self.each > limit:
            self._take(1)  # in case the first was slow by chance
        if self.each <= limit:
            self._take(max(1, round(seconds / self.each)))

    def _take(self, times: int) -> None:
        done = self.ask(times)
        self.each, self.speed = done["seconds"] / times, done["samples_per_second"]

    def stop(self) -> None:
        """Stops the worker; may be called twice."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = Timer(PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise self._death()
        return json.loads(line)

    def _death(self) -> WorkerError:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self.stop()
        return WorkerError(lines[-1] if lines else f"exit code {code}")
