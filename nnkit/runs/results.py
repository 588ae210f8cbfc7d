"""Final metrics of runs, and the ranking of runs by one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nnkit.runs.comparability import Evaluated, Measurement, comparable
from nnkit.runs.differences import identity
from nnkit.runs.directory import RunDirectory

# Metrics of a run as a whole, beside those of its sets.
OF_RUN = ("seconds", "parameters", "checkpoint_bytes")


@dataclass(frozen=True, slots=True)
class Result:
    """The value of a metric with the weights that a finished run saved as its best.

    Attributes:
        run: the run.
        value: the value.
        step: the step of these weights.
        measurement: the data on which the metric was computed, and what it depends on.
    """

    run: RunDirectory
    value: float
    step: int
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Ranking:
    """Runs ranked by a metric.

    Attributes:
        groups: results that can be compared with each other, the best first; of equal ones the run
            trained first. The group with the run trained last is the first.
        skipped: the runs without this metric, with the reason.
    """

    groups: tuple[tuple[Result, ...], ...]
    skipped: tuple[tuple[RunDirectory, str], ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of the first group, to which the run trained last belongs."""
        return self.groups[0] if self.groups else ()


def final_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """The final metrics in a summary, by names such as `test.accuracy`."""
    return {
        f"{name}.{figure}": value
        for name, figures in summary.get("results", {}).items()
        for figure, value in figures.items()
    }


def metric_of(summary: Mapping[str, Any], run: RunDirectory, name: str) -> float | None:
    """A final metric of a run, such as `test.accuracy` or `seconds`; None if it has none.

    Args:
        summary: the run's summary.
        run: the run, for the size of its best checkpoint, `checkpoint_bytes`.
        name: the metric.
    """
    if name == "checkpoint_bytes":
        return float(run.best.stat().st_size) if run.best.is_file() else None
    value = summary.get(name) if name in OF_RUN else final_metrics(summary).get(name)
    return None if value is None else float(value)


def rank(runs: Iterable[RunDirectory], metric: str, *, higher: bool) -> Ranking:
    """Ranks runs by a final metric, those whose values can be compared among themselves.

    Args:
        runs: the runs, in the order in which they were trained.
        metric: a metric such as `test.accuracy`.
        higher: whether higher values are better.
    """
    results, skipped = [], []
    for run in runs:
        summary = run.read_summary()
        value = None if summary is None else final_metrics(summary).get(metric)
        if summary is None:
            damaged = run.summary.is_file() and not run.read_ending()
            skipped.append((run, "its summary is damaged" if damaged else run.state))
        elif value is None:
            skipped.append((run, f"no {metric}"))
        else:
            measurement = Evaluated(identity(run), summary).measures(metric)
            results.append(Result(run, value, int(summary["best"]["step"]), measurement))
    sign = -1 if higher else 1
    groups = [
        tuple(sorted(same, key=lambda result: (sign * result.value, result.run.trained_at)))
        for same in reversed(comparable(results, lambda result: result.measurement.keys))
    ]
    return Ranking(tuple(groups), tuple(skipped))
