"""Judges gates: bounds on the final metrics of single runs, of all seeds, and of a baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from nnkit.experiments.baselines import read_baseline, seeds_on_other_data
from nnkit.experiments.groups import CellResult, Group
from nnkit.experiments.job import Ending
from nnkit.experiments.significance import confidence_limits
from nnkit.metrics import higher_is_better
from nnkit.runs.directory import FINISHED
from nnkit.task.gate import CONFIDENCE, Gate
from nnkit.training.expectations import shortfall

ROUNDING = 1e-12  # the difference of two figures such as 0.92 and 0.90 is not exact


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether a gate was met.

    Attributes:
        gate: the metric.
        cell: the cell, in words.
        seed: the seed of the run; None for a gate over all seeds of a cell.
        run: the run's folder, "" for several.
        passed: whether it was.
        message: what was found and what was expected.
    """

    gate: str
    cell: str
    seed: int | None
    run: str
    passed: bool
    message: str

    def record(self) -> dict[str, Any]:
        """The verdict as plain data."""
        known = asdict(self)
        return {"metric": known.pop("gate"), **known}


def verdicts(groups: Sequence[Group], expect: Mapping[str, Gate]) -> Iterator[GateVerdict]:
    """Whether each gate was met, by each run or by each group of runs.

    Args:
        groups: the results.
        expect: gates on all groups, beside those of the configs.

    Raises:
        DataError: a baseline cannot be read.
    """
    for group in groups:
        for gates in (expect, group.results[0].cell.config.expect):
            for name, gate in gates.items():
                yield from _verdicts_of_gate(name, gate, group)


def _verdicts_of_gate(name: str, gate: Gate, group: Group) -> Iterator[GateVerdict]:
    values = group.values(name)
    if gate.no_worse_than is not None:
        known = read_baseline(gate.no_worse_than).get(group.key, {})
        before = {seed: metrics[name] for seed, metrics in known.items() if name in metrics}
        passed, message = baseline_verdict(name, gate, values, before)
        if others := seeds_on_other_data(gate.no_worse_than, group, name):
            seeds = ", ".join(map(str, others))
            where = f"the baseline {gate.no_worse_than} was measured on other samples"
            remedy = "write it anew with nnkit batch --write-baseline"
            passed, message = False, f"{name}: {where} (seed {seeds}); {remedy}"
        yield GateVerdict(name, group.name, None, "", passed, message)
    if gate.seeds is not None:
        passed, message = mean_verdict(name, gate, list(values.values()))
        yield GateVerdict(name, group.name, None, "", passed, message)
    elif gate.bounded:
        for result in group.results:
            yield _of_run(name, gate, group, result)


def _of_run(name: str, gate: Gate, group: Group, result: CellResult) -> GateVerdict:
    value, seed, run = result.metric(name), result.cell.seed, result.ending.run
    if value is None:
        message = f"{name}: no result, because the cell {_why(result.ending)}"
        return GateVerdict(name, group.name, seed, run, passed=False, message=message)
    short = shortfall(name, gate, value)
    return GateVerdict(
        name, group.name, seed, run, short is None, short or f"{name} is {value:.6g}"
    )


def _why(ending: Ending) -> str:
    if ending.outcome in FINISHED:
        return "has no such metric"
    if ending.error:
        return f"failed: {ending.error.splitlines()[0]}"
    return "was not run" if ending.outcome == "not run" else f"was {ending.outcome}"


def mean_verdict(name: str, gate: Gate, values: Sequence[float]) -> tuple[bool, str]:
    """Whether the mean over seeds meets a gate's bounds with its confidence, and a message."""
    assert gate.seeds is not None
    if len(values) < gate.seeds:
        have = f"{len(values)} has" if len(values) == 1 else f"{len(values)} have"
        return False, f"{name}: the gate needs {gate.seeds} seeds, but only {have} finished"
    confidence = gate.confidence or CONFIDENCE
    low, high = confidence_limits(values, confidence)
    found = (
        f"{name} is {fmean(values):.6g} ± {stdev(values):.3g} over {len(values)} seeds; with "
        f"{100 * confidence:g} % confidence its mean is"
    )
    if gate.min is not None and not low >= gate.min:
        return False, (
            f"{found} at least {low:.6g}, expected {gate.min:.6g} ({gate.min - low:.3g} too low)"
        )
    if gate.max is not None and not high <= gate.max:
        return False, (
            f"{found} at most {high:.6g}, expected {gate.max:.6g} ({high - gate.max:.3g} too high)"
        )
    limit = f"at least {low:.6g}" if gate.min is not None else f"at most {high:.6g}"
    return True, f"{found} {limit}"


def baseline_verdict(
    name: str, gate: Gate, values: Mapping[int, float], baseline: Mapping[int, float]
) -> tuple[bool, str]:
    """Whether the mean over common seeds is no worse than a baseline's, and a message.

    Args:
        name: the metric.
        gate: with its margin.
        values: by seed.
        baseline: the baseline's values by seed.
    """
    common = sorted(values.keys() & baseline.keys())
    if not common:
        return False, f"{name}: the baseline {gate.no_worse_than} has no such cell and seed"
    worse = fmean(baseline[seed] - values[seed] for seed in common)
    if not higher_is_better(name):
        worse = -worse
    where = f"over {len(common)} seed{'s' if len(common) > 1 else ''}"
    margin = gate.margin or 0.0
    if worse > margin + ROUNDING:
        return False, (
            f"{name} is worse than the baseline by {worse:.3g} {where}, "
            f"more than the margin of {margin:g}"
        )
    if worse == 0:
        return True, f"{name} is that of the baseline {where}"
    change = "better" if worse < 0 else "worse"
    return True, f"{name} is {change} than the baseline by {abs(worse):.3g} {where}"
