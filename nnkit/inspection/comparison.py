"""Comparison of runs: their settings, their final metrics, and their learning curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np

from nnkit.charts import MOST_CURVES, Chart, Curve, Style
from nnkit.errors import UsageError
from nnkit.runs.comparability import SAME_SAMPLES, Evaluated, comparable, other_samples
from nnkit.runs.differences import DATA, differences, identity
from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import final_metrics

STYLES: tuple[Style, ...] = ("line", "dashed", "dotted", "dash-dotted")
COUNTS = frozenset({"step", "epoch", "lr", "samples_per_second"})  # of a record, not metrics


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run among those compared.

    Attributes:
        letter: its letter in tables and charts: A for the first.
        run: the run.
        settings: the settings in which it differs from the others, as `runs list` shows them.
        summary: its summary; empty if it is not finished.
        records: its evaluations, as in metrics.jsonl.
        monitor: the metric that its config names to be monitored, if any.
    """

    letter: str
    run: RunDirectory
    settings: dict[str, Any]
    summary: dict[str, Any]
    records: list[dict[str, Any]]
    monitor: str | None

    @property
    def results(self) -> dict[str, float]:
        """The final metrics, by names such as `test.accuracy`."""
        return final_metrics(self.summary)

    def points(self, metric: str) -> list[dict[str, Any]]:
        """The `step`, `epoch` and `value` of each evaluation that has the metric."""
        return [
            {"step": record["step"], "epoch": record["epoch"], "value": record[metric]}
            for record in self.records
            if metric in record
        ]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Several runs, and the metric whose course is compared.

    Attributes:
        runs: the runs.
        metric: the metric, such as `validation.loss`; None if no run has been evaluated.
        remarks: remarks for the user.
    """

    runs: tuple[ComparedRun, ...]
    metric: str | None
    remarks: tuple[str, ...]


def compare_runs(runs: Sequence[RunDirectory], metric: str | None = None) -> RunComparison:
    """Compares settings, final metrics and learning curves of runs.

    Args:
        runs: the runs; differences are to the first.
        metric: the metric whose course is compared; by default the one that the first run
            monitors.

    Raises:
        UsageError: there are fewer than two runs, too many for a chart, or the same twice; or no
            run recorded the metric.
    """
    _check(runs)
    identities = [identity(run) for run in runs]
    compared = tuple(
        ComparedRun(
            letter,
            run,
            settings,
            run.read_summary() or {},
            run.read_metrics(),
            known.get("training", {}).get("monitor"),
        )
        for letter, run, settings, known in zip(
            ascii_uppercase, runs, differences(identities), identities, strict=False
        )
    )
    recorded = {name for one in compared for record in one.records for name in record} - COUNTS
    remarks: list[str] = []
    if metric is None:
        metric, remarks = _monitored(compared)
    elif metric not in recorded:
        known = ", ".join(sorted(recorded)) or "none"
        raise UsageError(f"no run recorded {metric} during training; available: {known}")
    for one in compared:
        if metric is not None and not one.points(metric):
            lacking = f"recorded no {metric}" if one.records else "was not evaluated yet"
            remarks.append(f"{one.letter} {lacking}, so it has no curve")
    remarks += _incomparable(compared, identities)
    return RunComparison(compared, metric, tuple(remarks))


def draw_learning_curves(comparison: RunComparison, *, named: bool = False) -> Chart:
    """Draws the metric during training of all runs, over epochs, which batch sizes do not change.

    Args:
        comparison: the runs; at least one was evaluated.
        named: whether the legend has the names of the runs beside their letters, for a chart that
            is looked at without the table of runs.
    """
    assert comparison.metric is not None
    curves = []
    for one, number in zip(comparison.runs, range(MOST_CURVES), strict=False):
        if points := one.points(comparison.metric):
            x, y = (np.array([point[name] for point in points]) for name in ("epoch", "value"))
            name = f"{one.letter}  {one.run.path.name}" if named else one.letter
            curves.append(Curve(name, x, y, STYLES[number % len(STYLES)]))
    return Chart(comparison.metric, "epoch", tuple(curves), comparison.metric)


def _incomparable(
    runs: Sequence[ComparedRun], identities: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yields which runs cannot be compared with the first, in all metrics or some, and why."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    evaluated = [Evaluated(known, one.summary) for known, one in zip(identities, runs, strict=True)]
    same_data, same_loss = (_like_the_first(evaluated, name) for name in ("accuracy", "loss"))
    for i, one in enumerate(runs):
        if not (identities[0].get(DATA) and identities[i].get(DATA)):
            continue  # the data is not known before the first checkpoint
        if i not in same_data:
            by_reason["other data than A, so their metrics cannot be compared"].append(one.letter)
            continue
        if moved := _sets_of_other_samples(evaluated[0], evaluated[i]):
            by_reason[f"other {moved} samples than A; {SAME_SAMPLES}"].append(one.letter)
        if i not in same_loss:
            by_reason["losses of another kind than A, which cannot be compared"].append(one.letter)
    for reason, letters in by_reason.items():
        yield f"{', '.join(letters)}: {reason}"


def _like_the_first(evaluated: Sequence[Evaluated], metric: str) -> list[int]:
    """The runs of which a metric of the test set can be compared with that of the first."""
    keys = [one.measures(f"test.{metric}").keys for one in evaluated]
    groups = comparable(range(len(evaluated)), keys.__getitem__)
    return next(group for group in groups if 0 in group)


def _sets_of_other_samples(first: Evaluated, other: Evaluated) -> str:
    """The sets that are known to hold other samples than those of the first run, in words."""
    names = ("validation", "test")
    pairs = {
        name: (first.measures(f"{name}.loss"), other.measures(f"{name}.loss")) for name in names
    }
    return " and ".join(name for name, pair in pairs.items() if any(other_samples(pair)))


def _check(runs: Sequence[RunDirectory]) -> None:
    if len(runs) < 2:
        raise UsageError("give at least two runs to compare")
    if len(runs) > MOST_CURVES:
        raise UsageError(f"{len(runs)} runs; at most {MOST_CURVES} can be told apart in a chart")
    for i, run in enumerate(runs):
        for other in runs[:i]:
            if run.path.samefile(other.path):
                raise UsageError(f"{run.path} is given twice; give runs of one name as NAME-HASH")


def _monitored(runs: Sequence[ComparedRun]) -> tuple[str | None, list[str]]:
    """The metric that the first run monitors, and a remark if another run monitors another."""
    own = {run.letter: monitor for run in runs if (monitor := _monitor(run)) is not None}
    if not own:
        return None, ["no run was evaluated yet, so there are no learning curves"]
    first = next(iter(own.values()))
    others = [f"{letter} monitors {metric}" for letter, metric in own.items() if metric != first]
    return first, others


def _monitor(run: ComparedRun) -> str | None:
    """The metric that a run monitors; if it keeps the last weights, the one of other runs."""
    recorded = run.records[0].keys() if run.records else ()
    candidates = (run.monitor, "validation.loss", "train.objective", "train.loss")
    return next((name for name in candidates if name in recorded), None)
