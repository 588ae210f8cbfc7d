"""The driver's end of a worker: a process that does one job in one setting, on request."""

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
PATIENCE = 900  # seconds for one answer; compiling on a busy machine takes minutes

Portion = dict[str, Any]


def threads_limited(threads: int | None) -> dict[str, str]:
    """The variables of this process, but with so many threads for whoever is given them."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    return environment | ({} if threads is None else dict.fromkeys(THREADS, str(threads)))


class WorkerError(Exception):
    """A worker died, or did not answer."""


class Worker:
    """A running worker.

    Attributes:
        versions: of what it computes with.
        each: seconds that a repetition takes, once `warm_up` was called.
        speed: samples a second, likewise.

    Raises:
        WorkerError: it can't start, as where its library is not installed.
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
        """Has a portion done: the work so many times over.

        Raises:
            WorkerError: the worker died.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"times": times}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return self._answer()

    def warm_up(self, seconds: float, limit: float) -> None:
        """Compiles what is compiled at first use, then works for about so long.

        No more than three repetitions, where each takes more than `limit` seconds.
        """
        self.ask(1)
        self._take(1)
        if self.each > limit:
            self._take(1)  # that may have been chance
        if self.each <= limit:
            self._take(max(1, round(seconds / self.each)))

    def _take(self, times: int) -> None:
        done = self.ask(times)
        self.each, self.speed = done["seconds"] / times, done["samples_per_second"]

    def stop(self) -> None:
        """Ends it; once is enough, twice does no harm."""
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
        return WorkerError(lines[-1] if lines else f"ended with {code}")
