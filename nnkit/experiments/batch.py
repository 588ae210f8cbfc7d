"""Runs the cells of a batch, and holds their results against its gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from time import monotonic, sleep, time
from typing import Any

from nnkit.experiments.batch_file import Cell, LoadedBatch
from nnkit.experiments.executor import Executor
from nnkit.experiments.gates import (
    GateVerdict,
    baseline_verdict,
    mean_verdict,
    metric_of,
    read_baseline,
)
from nnkit.experiments.job import FAILED, NOT_RUN, Ending, Job
from nnkit.runs.directory import FINISHED
from nnkit.runs.results import final_metrics
from nnkit.task.config import Bound
from nnkit.training.expectations import shortfall

POLL = 0.1  # seconds between two looks at whether to stop
TRY_AGAIN = 0.5  # seconds until a cell is tried again that another process trains


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell with its result.

    Attributes:
        cell: the cell.
        ending: how its training ended.
    """

    cell: Cell
    ending: Ending

    @property
    def finished(self) -> bool:
        """Whether the cell has results."""
        return self.ending.outcome in FINISHED

    def metric(self, name: str) -> float | None:
        """A final metric, such as `test.accuracy` or `seconds`; None if there is none."""
        if not self.finished:
            return None
        return metric_of(self.ending.summary, self.ending.run, name)


@dataclass(frozen=True, slots=True)
class Group:
    """The results of cells that differ in their seeds alone.

    Attributes:
        axes: what tells the group from others.
        results: one for each seed.
    """

    axes: Mapping[str, Any]
    results: Sequence[CellResult]

    @property
    def name(self) -> str:
        """The group's values on one line."""
        return self.results[0].cell.group_name

    @property
    def key(self) -> str:
        """The group's values as JSON, by which a baseline knows it."""
        return self.results[0].cell.group

    def values(self, metric: str) -> dict[int, float]:
        """A final metric of all finished runs, by seed."""
        found = {result.cell.seed: result.metric(metric) for result in self.results}
        return {seed: value for seed, value in found.items() if value is not None}

    def mean(self, metric: str) -> tuple[float, float | None] | None:
        """The mean over seeds and, from two on, the standard deviation; None without results."""
        values = list(self.values(metric).values())
        if not values:
            return None
        return fmean(values), stdev(values) if len(values) > 1 else None


class BatchListener:
    """Notified while a batch runs; does nothing."""

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        """Called, from any thread, with each evaluation of a cell."""

    def ended(self, index: int, ending: Ending) -> None:
        """Called when a cell has ended."""


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


def grouped(results: Sequence[CellResult]) -> list[Group]:
    """The results by cell, seeds together."""
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        groups.setdefault(result.cell.group, []).append(result)
    return [Group(same[0].cell.axes, same) for same in groups.values()]


def verdicts(batch: LoadedBatch, groups: Sequence[Group]) -> Iterator[GateVerdict]:
    """Whether each gate was met, by each cell or each group of cells.

    Raises:
        DataError: a baseline cannot be read.
    """
    for name, gate in batch.spec.expect.items():
        baseline = None if gate.no_worse_than is None else read_baseline(gate.no_worse_than)
        for group in groups:
            if baseline is not None:
                of_cell = baseline.get(group.key, {})
                old = {seed: m[name] for seed, m in of_cell.items() if name in m}
                passed, message = baseline_verdict(name, gate, group.values(name), old)
                yield GateVerdict(name, group.name, None, "", passed, message)
            if gate.seeds is not None:
                passed, message = mean_verdict(name, gate, list(group.values(name).values()))
                yield GateVerdict(name, group.name, None, "", passed, message)
            elif gate.min is not None or gate.max is not None:
                for result in group.results:
                    yield _of_run(name, gate, group, result)
    for group in groups:
        for result in group.results:
            for name, bound in result.cell.config.expect.items():
                yield _of_run(name, bound, group, result)


def _of_run(name: str, gate: Bound, group: Group, result: CellResult) -> GateVerdict:
    value = result.metric(name)
    if value is None:
        text: str | None = f"{name}: no result, because the cell {_why(result.ending)}"
    else:
        text = shortfall(name, gate, value)
    seed, run = result.cell.seed, result.ending.run
    passed = f"{name} is {value:.6g}" if value is not None else ""
    return GateVerdict(name, group.name, seed, run, text is None, text or passed)


def _why(ending: Ending) -> str:
    if ending.outcome in FINISHED:
        return "has no such metric"
    if ending.error:
        return f"failed: {ending.error.splitlines()[0]}"
    return "was not run" if ending.outcome == "not run" else f"was {ending.outcome}"


def baseline_of(groups: Sequence[Group]) -> dict[str, Any]:
    """The final metrics of finished runs by cell and seed, as `read_baseline` reads them."""
    return {
        "cells": {
            group.key: {
                str(result.cell.seed): final_metrics(result.ending.summary)
                for result in group.results
                if result.finished
            }
            for group in groups
        }
    }
