"""Runs the cells of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from nnkit.experiments.batch_file import Cell
from nnkit.experiments.executor import Executor
from nnkit.experiments.groups import CellResult
from nnkit.experiments.job import FAILED, NOT_RUN, Ending, Job

POLL = 0.1  # seconds between two looks at whether to stop
TRY_AGAIN = 0.5  # seconds until a cell is tried again that another process trains


class BatchListener:
    """Notified while a batch runs; does nothing."""

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        """Called, from any thread, with each evaluation of a cell."""

    def ended(self, index: int, ending: Ending) -> None:
        """Called when a cell has ended."""

    def stopping(self) -> None:
        """Called when running cells are told to save and end before their last step."""


@dataclass
class Limits:
    """When a batch stops before its last cell.

    Attributes:
        failures: failed cells after which no other is started; None for any number.
        deadline: time, in seconds since 1970, at which running cells are saved and interrupted.
        should_stop: called several times a second; True saves and interrupts running cells.
    """

    failures: int | None = None
    deadline: float | None = None
    should_stop: Callable[[], bool] = field(default=lambda: False)

    def are_reached(self, failures: int) -> bool:
        """Whether to stop now, after a number of failures."""
        too_many = self.failures is not None and failures >= self.failures
        late = self.deadline is not None and time() >= self.deadline
        return too_many or late or self.should_stop()


def run_cells(
    cells: Sequence[Cell],
    executor: Executor,
    runs: Path,
    threads: int,
    limits: Limits,
    listener: BatchListener,
) -> list[CellResult]:
    """Trains all cells; finished ones are not repeated, interrupted ones are resumed.

    Args:
        cells: to train.
        executor: where.
        runs: the folder of the runs.
        threads: the most threads of each training.
        limits: when to stop early.
        listener: notified of evaluations and ends.

    Returns:
        A result for each cell, in the order of the cells.
    """
    progress = _Progress(cells, executor, str(runs), threads, listener)
    for index in range(len(cells)):
        progress.submit(index)
    stopped = False
    while progress.running or progress.waiting:
        progress.collect(tries_again=not stopped)
        if not stopped and limits.are_reached(progress.failures):
            stopped = True
            progress.stop()
        progress.try_again()
    return [CellResult(cell, progress.endings[index]) for index, cell in enumerate(cells)]


@dataclass
class _Progress:
    """The cells of a batch while they are trained.

    Attributes:
        endings: how cells have ended, by index.
        waiting: when a cell is tried again that another process has locked.
        running: the cells that are trained now.
    """

    cells: Sequence[Cell]
    executor: Executor
    runs: str
    threads: int
    listener: BatchListener
    endings: dict[int, Ending] = field(default_factory=dict)
    waiting: dict[int, float] = field(default_factory=dict)
    running: dict[Future[Ending], int] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """The number of cells that have failed."""
        return sum(ending.outcome in FAILED for ending in self.endings.values())

    def submit(self, index: int) -> None:
        """Lets the executor train a cell."""
        job = Job(self.cells[index].config.resolved(), self.runs, self.threads)
        future = self.executor.submit(job, lambda record: self.listener.evaluated(index, record))
        self.running[future] = index

    def collect(self, *, tries_again: bool) -> None:
        """Waits a moment for cells to end; locked ones may be tried again."""
        done, _ = wait(self.running, POLL, FIRST_COMPLETED)
        for future in done:
            index = self.running.pop(future)
            ending = future.result()
            if ending.outcome == "locked" and tries_again:
                self.waiting[index] = monotonic() + TRY_AGAIN
                continue
            self.endings[index] = ending
            self.listener.ended(index, ending)

    def stop(self) -> None:
        """Saves and interrupts the cells that are trained, and gives up the others."""
        self.listener.stopping()
        self.executor.stop()
        self.endings |= dict.fromkeys(self.waiting, NOT_RUN)
        self.waiting.clear()

    def try_again(self) -> None:
        """Submits locked cells whose time has come; waits for them if no other is trained."""
        for index in [i for i, when in self.waiting.items() if monotonic() >= when]:
            del self.waiting[index]
            self.submit(index)
        if not self.running and self.waiting:
            sleep(max(0.0, min(POLL, min(self.waiting.values()) - monotonic())))
