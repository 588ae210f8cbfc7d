"""Figures by which a network is judged; adding one is adding its function to one of the families.

What is told of a metric, its name in configs, checks and tables, comes from `METRICS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nnkit.metrics import counts, probabilities, ranking, regression
from nnkit.metrics.base import Metric

METRICS: dict[str, Metric[Any]] = {
    value.name: value
    for family in (counts, probabilities, ranking, regression)
    for value in vars(family).values()
    if isinstance(value, Metric)
}
# Those that every evaluation gives; the others are asked for by name.
ALWAYS = {True: ("accuracy",), False: ("mae", "rmse", "r2")}


def chosen(more: Iterable[str], *, for_classes: bool) -> tuple[Metric[Any], ...]:
    """The metrics of every evaluation, and more by name."""
    return tuple(METRICS[name] for name in dict.fromkeys((*ALWAYS[for_classes], *more)))


LAST = "last"  # monitored in place of a figure: the step, so that each evaluation is the best


def higher_is_better(figure: str) -> bool:
    """Whether more is better of a figure such as `validation.accuracy`; of losses it is not."""
    known = METRICS.get(figure.rpartition(".")[2])
    return figure == LAST or (known is not None and known.higher_is_better)
