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
    endings: dict[int, Ending] = {}
    waiting: dict[int, float] = {}  # when a cell that is locked is tried again
    running: dict[Future[Ending], int] = {}

    def submit(index: int) -> None:
        job = Job(cells[index].config.resolved(), str(runs), threads)
        future = executor.submit(job, lambda record: listener.evaluated(index, record))
        running[future] = index

    for index in range(len(cells)):
        submit(index)
    stopped = False
    while running or waiting:
        done, _ = wait(running, POLL, FIRST_COMPLETED)
        for future in done:
            index = running.pop(future)
            ending = future.result()
            if ending.outcome == "locked" and not stopped:
                waiting[index] = monotonic() + TRY_AGAIN
                continue
            endings[index] = ending
            listener.ended(index, ending)
        failures = sum(ending.outcome in FAILED for ending in endings.values())
        too_many = limits.failures is not None and failures >= limits.failures
        late = limits.deadline is not None and time() >= limits.deadline
        if not stopped and (too_many or late or limits.should_stop()):
            stopped = True
            listener.stopping()
            executor.stop()
            endings |= dict.fromkeys(waiting, NOT_RUN)
            waiting.clear()
        for index in [i for i, when in waiting.items() if monotonic() >= when]:
            del waiting[index]
            submit(index)
        if not running and waiting:
            wait_until = min(waiting.values())
            sleep(max(0.0, min(POLL, wait_until - monotonic())))
    return [CellResult(cell, endings[index]) for index, cell in enumerate(cells)]
