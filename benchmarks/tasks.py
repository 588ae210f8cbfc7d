"""The tasks to measure: each network's training and inference, by batch size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.networks import Row

JOBS = ("training", "inference")
ANSWERED_BATCHES = (32, 1000)  # of inference
LOWEST_ACCURACY = 0.85
HIGHEST_DEVIATION = 1e-4  # of probabilities from nnkit's with the same weights


@dataclass(frozen=True, slots=True)
class Task:
    """One job, measured for all contenders.

    Attributes:
        row: the network.
        job: `training` or `inference`.
        batch: the batch size.
    """

    row: Row
    job: str
    batch: int

    @property
    def operations(self) -> int:
        """The floating-point operations for a sample, as `Row.operations` counts them."""
        return self.row.operations(self.job)

    @property
    def warm_up(self) -> int:
        """The number of repetitions before the measurement, besides two that compile."""
        return self.row.warm_up - 2 if self.job == "training" else 1

    def is_done(self, metrics: Mapping[str, Any]) -> bool:
        """Whether metrics of a portion after the warm-up show that the work was done.

        Training must have reached the row's loss and the minimum accuracy, and inference must give
        the probabilities that nnkit gives. NaN fails.
        """
        if self.job == "inference":
            return bool(metrics["deviation"] <= HIGHEST_DEVIATION)
        learned = metrics["loss"] <= self.row.highest_loss
        return bool(learned and metrics["accuracy"] >= LOWEST_ACCURACY)

    def __str__(self) -> str:
        return f"{self.row.name} {self.job}, batch {self.batch}"


def tasks_of(row: Row, jobs: Iterable[str]) -> Iterator[Task]:
    """Yields the tasks of a row."""
    for job in jobs:
        if job == "training" and row.zeros:
            continue
        for batch in row.batches if job == "training" else ANSWERED_BATCHES:
            yield Task(row, job, batch)
