"""Final metrics of runs, and the ranking of runs by one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
    """

    run: RunDirectory
    value: float
    step: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """Runs ranked by a metric.

    Attributes:
        results: the results, the best first; of equal ones the run trained first.
        skipped: the runs without this metric, with the reason.
    """

    results: tuple[Result, ...]
    skipped: tuple[tuple[RunDirectory, str], ...]


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
    """Ranks runs by a final metric.

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
            results.append(Result(run, value, int(summary["best"]["step"])))
    sign = -1 if higher else 1
    return Ranking(tuple(sorted(results, key=lambda r: sign * r.value)), tuple(skipped))
