"""Gates: what is expected of final metrics, under `expect:` in a config or batch file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from nnkit.config.spec import FilePath, NonNegative, Spec
from nnkit.errors import SettingError
from nnkit.metrics import METRICS

CONFIDENCE = 0.95  # of gates that set none


class Gate(Spec):
    """Bounds on a final metric, of each run or over several seeds.

    With `seeds`, the mean over seeds must meet the bound with the given confidence: by Student's t,
    the one-sided confidence limit mean ∓ t·s/√n is compared, not one lucky run.
    """

    min: float | None = Field(None, description="Lower bound, inclusive.")
    max: float | None = Field(None, description="Upper bound, inclusive.")
    seeds: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        None, description="The least number of seeds, whose mean is bounded with confidence."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = Field(
        None,
        description="The confidence that the true mean meets the bound; with `seeds`; default: "
        f"{CONFIDENCE:g}.",
    )
    no_worse_than: FilePath | None = Field(
        None,
        description="A baseline written by nnkit batch --write-baseline; compared seed by seed.",
    )
    margin: NonNegative | None = Field(
        None,
        description="By how much the mean over seeds may be worse than the baseline; default: 0.",
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if not self.bounded and self.no_worse_than is None:
            raise ValueError("set min, max or no_worse_than")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not exceed max, got {self.min:g} and {self.max:g}")
        if self.seeds is not None and not self.bounded:
            raise ValueError("seeds has no effect without min or max")
        if self.confidence is not None and self.seeds is None:
            raise ValueError("confidence has no effect without seeds")
        if self.margin is not None and self.no_worse_than is None:
            raise ValueError("margin has no effect without no_worse_than")
        return self

    @property
    def bounded(self) -> bool:
        """Whether the metric has a lower or an upper bound."""
        return self.min is not None or self.max is not None

    @property
    def bounds_each_run(self) -> bool:
        """Whether a single run meets or misses the bounds, rather than the mean of several."""
        return self.bounded and self.seeds is None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _dotted_keys(gates: Any) -> Any:
    """Flattens `{test: {accuracy: …}}`, which `--set expect.test.accuracy.min=…` makes."""
    if not isinstance(gates, Mapping):
        return gates
    flat: dict[str, Any] = {}
    for name, gate in gates.items():
        nested = isinstance(gate, Mapping) and gate and all(map(_is_mapping, gate.values()))
        flat |= {f"{name}.{figure}": g for figure, g in gate.items()} if nested else {name: gate}
    return flat


Gates = Annotated[dict[str, Gate], BeforeValidator(_dotted_keys)]


def seeds_needed(*expected: Mapping[str, Gate]) -> int:
    """The number of seeds that the gates need, 1 if all of them bound single runs."""
    return max((gate.seeds or 1 for gates in expected for gate in gates.values()), default=1)


def impossible_bounds(expect: Mapping[str, Gate]) -> Iterator[SettingError]:
    """Yields an error for each bound outside its metric's range, such as 97 for an accuracy."""
    for name, gate in expect.items():
        metric = METRICS.get(name.rpartition(".")[2])
        for side, value in (("min", gate.min), ("max", gate.max)):
            if metric is None or value is None or metric.least <= value <= metric.most:
                continue
            message = f"{metric.name} is at least {metric.least:g}"
            if value > metric.most:
                message = f"{metric.name} is at most {metric.most:g}"
                if metric.most == 1 and 2 < value <= 100:
                    message += f"; write {value / 100:g}"
            yield SettingError(("expect", name, side), message)


def suggested_metric(name: str, known: Sequence[str]) -> str:
    """The metric that an unknown one probably stands for, or all that are known, as a sentence.

    Args:
        name: the unknown metric, such as `accuracy`.
        known: the metrics of a run, such as `test.accuracy`.
    """
    close = get_close_matches(name, known, 1)
    if f"test.{name}" in known:
        close = [f"test.{name}"]
    elif name.rpartition(".")[2] in METRICS:  # no slip of the pen: the run does not have it
        close = []
    return f"did you mean '{close[0]}'?" if close else f"available: {', '.join(sorted(known))}"
