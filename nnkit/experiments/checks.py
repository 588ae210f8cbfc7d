"""Checks and predictions of cells before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnkit.config.validation import merged
from nnkit.errors import ConfigError, Problem, SettingError
from nnkit.experiments.baselines import check_baselines
from nnkit.experiments.batch_file import Cell, LoadedBatch
from nnkit.inspection.dry_run import predict_training
from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import OF_RUN
from nnkit.task.gate import Gate, suggested_metric
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from nnkit.training.identity import run_name
from nnkit.training.trainer import Trainer


def check_cells(batch: LoadedBatch, cells: Sequence[Cell]) -> None:
    """Checks shapes, data and gates of all cells, and reads each data set once.

    Raises:
        ConfigError: everything that does not fit, with its position in the batch file or config.
        DataError: data or a baseline is missing or damaged.
    """
    tasks: dict[str, Task] = {}
    problems: dict[tuple[str, str], Problem] = {}
    names: set[str] = set()
    for cell in _distinct(cells):
        settings = cell.config.resolved()
        key = json.dumps([settings["data"], settings["seed"]], sort_keys=True)
        try:
            with cell.config.locating():
                if key not in tasks:
                    tasks[key] = load_task(cell.config)
                task = replace(tasks[key], config=cell.config)
                Trainer(task)
                names |= _metrics_of(task)
        except ConfigError as error:
            for problem in error.problems:
                where = f" (in cell {cell.group_name})" if cell.axes else ""
                told = replace(problem, message=f"{problem.message}{where}")
                problems.setdefault((problem.position, problem.message), told)
    if unknown := list(_unknown_metrics(batch.spec.expect, frozenset(names))):
        for problem in batch.error_at(unknown).problems:
            problems[problem.position, problem.message] = problem
    if problems:
        raise merged(problems.values())
    for gates in (batch.spec.expect, *(cell.config.expect for cell in _distinct(cells))):
        check_baselines(gates)


def _unknown_metrics(expect: Mapping[str, Gate], known: frozenset[str]) -> Iterator[SettingError]:
    """Yields an error for each gate on a metric that no cell has."""
    every = [*known, *OF_RUN]
    for name in expect:
        if known and name not in every:
            text = f"no cell has this metric; {suggested_metric(name, every)}"
            yield SettingError(("expect", name), text)


def _distinct(cells: Sequence[Cell]) -> list[Cell]:
    """The cells without those that differ from an earlier one in their seed alone."""
    found: dict[str, Cell] = {}
    for cell in cells:
        found.setdefault(cell.group, cell)
    return list(found.values())


def _metrics_of(task: Task) -> set[str]:
    return {f"{split}.{figure}" for split in task.sets for figure in task.figures}


def forget_failures(cells: Sequence[Cell], runs: Path) -> None:
    """Removes what diverged cells left, so that they are trained anew."""
    for cell in cells:
        directory = RunDirectory(runs / run_name(cell.config))
        if directory.state == "diverged":
            with directory.locked():
                directory.clear()


def predicted(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The steps, parameters, predicted seconds and memory in bytes of each cell.

    They are predicted once for each combination; starting and saving come on top.
    """
    known = {cell.group: predict_training(cell.config) for cell in _distinct(cells)}
    return [{"cell": cell.group_name, "seed": cell.seed, **known[cell.group]} for cell in cells]
