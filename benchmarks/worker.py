"""Starts and controls workers: processes that run one job in one setting, on request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from time import sleep
from typing import Any

from benchmarks.contenders import THREADS, Contender, Setting
from benchmarks.peers.protocol import Assignment, Material
from benchmarks.tasks import Task

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # seconds to wait for a result; compiling on a busy machine takes minutes
PAUSE = 0.05  # seconds before a portion, for the threads of the previous one to become idle

Portion = dict[str, Any]


def threads_limited(threads: int | None) -> dict[str, str]:
    """Returns this process's environment variables with the number of threads set."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    return environment | ({} if threads is None else dict.fromkeys(THREADS, str(threads)))


class WorkerError(Exception):
    """A worker exited unexpectedly or timed out."""


class Worker:
    """A running process, which works after `prepare`.

    Attributes:
        each: seconds per repetition, in the last portion.
        versions: the versions of the libraries used.
    """

    def __init__(self, contender: Contender, setting: Setting, task: Task, folder: Path) -> None:
        self.each = 1.0
        self.versions: dict[str, str] = {}
        self.contender, self.setting, self.task = contender, setting, task
        environment = {**threads_limited(setting.threads), **contender.environment}
        environment |= setting.option.environment if setting.option else {}
        module = f"benchmarks.peers.{contender.module}"
        given = Assignment(
            task.job, task.row, task.batch, setting.mode, setting.layout, Material(folder)
        )
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

    def prepare(self) -> None:
        """Waits until the worker has started, and everything is compiled.

        Raises:
            WorkerError: it cannot start, for example because its library is not installed.
        """
        self.versions = self._answer()["versions"]
        self.ask(1)
        self.ask(1)

    def ask(self, times: int, check: bool = False) -> Portion:
        """Runs a number of repetitions; returns what was measured.

        Args:
            times: the number of repetitions.
            check: whether metrics that show that the work was done are measured, too.

        Raises:
            WorkerError: the worker exited unexpectedly, or did not do the work.
        """
        sleep(PAUSE)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"times": times, "check": check}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        done = self._answer()
        self.each = done["seconds"] / times
        if check and not self.task.is_done(done):
            raise WorkerError(f"did not do the work: {done}")
        return done

    def run(self, seconds: float, check: bool = False) -> Portion:
        """Runs for about as many seconds, by the speed of the last portion."""
        return self.ask(max(1, round(seconds / self.each)), check)

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

    def __str__(self) -> str:
        return f"{self.task}: {self.contender.title} ({self.setting})"


def say(line: str) -> None:
    """Prints a line of progress."""
    print(line, file=sys.stderr, flush=True)
