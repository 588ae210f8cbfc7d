"""Gates of a batch: bounds on the final metrics of single runs, of all seeds, and of a baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import atan, cos, exp, lgamma, log, pi, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from nnkit.config.spec import FilePath, NonNegative
from nnkit.errors import DataError
from nnkit.metrics import higher_is_better
from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import final_metrics
from nnkit.task.config import Bound

# Metrics of a run as a whole: how they are called in a summary.
OF_RUN = ("seconds", "parameters", "checkpoint_bytes")


class Gate(Bound):
    """Bounds on a final metric, of each run or over the seeds of a cell.

    With `seeds`, the mean over seeds must meet the bound with the given confidence: by Student's t,
    the one-sided confidence limit mean ∓ t·s/√n is compared, not one lucky run.
    """

    seeds: Annotated[int, Field(ge=2)] | None = Field(
        None, description="The least number of seeds, whose mean is bounded with confidence."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, description="The confidence that the true mean meets the bound; with `seeds`."
    )
    no_worse_than: FilePath | None = Field(
        None, description="A baseline written by --write-baseline; compared seed by seed."
    )
    margin: NonNegative = Field(
        0.0, description="By how much the mean over seeds may be worse than the baseline."
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None and self.no_worse_than is None:
            raise ValueError("set min, max or no_worse_than")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not exceed max, got {self.min:g} and {self.max:g}")
        return self


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


def metric_of(summary: Mapping[str, Any], run: str, name: str) -> float | None:
    """A final metric of a run, such as `test.accuracy` or `seconds`; None if it has none."""
    if name == "checkpoint_bytes":
        best = RunDirectory(Path(run)).best
        return float(best.stat().st_size) if best.is_file() else None
    if name in OF_RUN:
        value = summary.get(name)
    else:
        value = final_metrics(summary).get(name)
    return None if value is None else float(value)


def mean_verdict(name: str, gate: Gate, values: Sequence[float]) -> tuple[bool, str]:
    """Whether the mean over seeds meets a gate's bounds with its confidence, and a message."""
    assert gate.seeds is not None
    if len(values) < gate.seeds:
        return False, f"{name}: only {len(values)} of the {gate.seeds} seeds needed have finished"
    low, high = confidence_limits(values, gate.confidence)
    found = (
        f"{name} is {fmean(values):.6g} ± {stdev(values):.3g} over {len(values)} seeds; with "
        f"{100 * gate.confidence:g} % confidence its mean is"
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
    if worse > gate.margin:
        return False, (
            f"{name} is worse than the baseline by {worse:.3g} {where}, "
            f"more than the margin of {gate.margin:g}"
        )
    return True, f"{name} is {'better' if worse < 0 else 'worse'} by {abs(worse):.3g} {where}"


def read_baseline(path: str | Path) -> dict[str, dict[int, dict[str, float]]]:
    """The metrics of a baseline by cell and seed.

    Raises:
        DataError: the file is missing or not a baseline.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {
            cell: {int(seed): dict(metrics) for seed, metrics in seeds.items()}
            for cell, seeds in content["cells"].items()
        }
    except OSError as error:
        raise DataError(
            f"{path}: the baseline cannot be read ({error.strerror}); "
            "write one with nnkit batch --write-baseline"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: not a baseline of nnkit batch --write-baseline") from None


def confidence_limits(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """The one-sided lower and upper confidence limits of a mean, mean ∓ t·s/√n (Student 1908)."""
    n = len(values)
    reach = t_quantile(confidence, n - 1) * stdev(values) / sqrt(n)
    return fmean(values) - reach, fmean(values) + reach


def t_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for a probability of more than a half.

    Args:
        probability: between 0.5 and 1.
        freedom: degrees of freedom, from 1.
    """
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if t_probability(middle, freedom) < probability else (low, middle)
        )
    return high


def t_probability(t: float, freedom: int) -> float:
    """P(T ≤ t) for t ≥ 0, by Simpson's rule over the angle: t = √ν·tan θ, dP = c·cos^(ν−1) θ dθ."""
    steps = 2000
    width = atan(t / sqrt(freedom)) / steps
    heights = [cos(i * width) ** (freedom - 1) for i in range(steps + 1)]
    area = (
        width / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2]))
    )
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(pi) / 2)
    return 0.5 + scale * area
