"""Results of cells, those that differ in their seeds alone as a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from nnkit.experiments.batch_file import Cell
from nnkit.experiments.job import Ending
from nnkit.runs.directory import FINISHED, RunDirectory
from nnkit.runs.results import metric_of


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
        return metric_of(self.ending.summary, RunDirectory(Path(self.ending.run)), name)


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


def grouped(results: Sequence[CellResult]) -> list[Group]:
    """The results by cell, seeds together."""
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        groups.setdefault(result.cell.group, []).append(result)
    return [Group(same[0].cell.axes, same) for same in groups.values()]
