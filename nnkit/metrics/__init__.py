"""Evaluation metrics; to add one, write its function in the module of its family.

Configs, checks, tables and documentation take every metric from `METRICS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from nnkit.errors import UsageError
from nnkit.metrics import (
    bleu,
    chrf,
    classification,
    edit_distance,
    multilabel,
    probabilities,
    ranking,
    regression,
    sequences,
    spans,
)
from nnkit.metrics.metric import Metric, TargetKind


def _in(*families: ModuleType) -> dict[str, Metric[Any]]:
    found = (value for family in families for value in vars(family).values())
    return {value.name: value for value in found if isinstance(value, Metric)}


# The metrics for each kind of targets. Those of one name have the same range and direction.
METRICS_OF: dict[TargetKind, dict[str, Metric[Any]]] = {
    "classes": _in(classification, probabilities, ranking),
    "labels": _in(multilabel),
    "numbers": _in(regression),
    "sequences": _in(sequences, spans),
    "texts": _in(edit_distance, bleu, chrf),
}
METRICS = METRICS_OF["classes"] | METRICS_OF["numbers"]
for _kind in ("labels", "sequences", "texts"):
    METRICS |= {name: value for name, value in METRICS_OF[_kind].items() if name not in METRICS}
# Computed in every evaluation; the others only on request, by name.
ALWAYS: dict[TargetKind, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "labels": ("accuracy", "exact_match"),
    "numbers": ("mae", "rmse", "r2"),
    "sequences": ("token_accuracy", "exact_match"),
    "texts": ("exact_match", "bleu", "chrf"),
}


def chosen(more: Iterable[str], kind: TargetKind) -> tuple[Metric[Any], ...]:
    """The metrics of every evaluation, followed by those requested by name."""
    return tuple(METRICS_OF[kind][name] for name in dict.fromkeys((*ALWAYS[kind], *more)))


SETS = ("train", "validation", "test")
LOSSES = ("loss", "objective")  # of the loss itself, and with the penalties
LAST = "last"  # monitored in place of a metric: the step, so that each evaluation is the best


def higher_is_better(figure: str) -> bool:
    """Whether higher is better for a metric such as `validation.accuracy`; never for a loss."""
    known = METRICS.get(figure.rpartition(".")[2])
    return figure == LAST or (known is not None and known.higher_is_better)


def check_figure(name: str) -> str:
    """Returns the name of a run's metric, such as `test.accuracy`, after checking it.

    Raises:
        UsageError: the set or the metric does not exist.
    """
    split, _, metric = name.rpartition(".")
    known = [*LOSSES, *METRICS]
    if metric not in known:
        begun = [name for name in known if len(metric) > 1 and name.startswith(metric)]
        close = begun[:1] or get_close_matches(metric, known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"available: {', '.join(known)}"
        raise UsageError(f"--metric {name}: unknown metric '{metric}'; {hint}")
    if split not in SETS:
        raise UsageError(
            f"--metric {name}: name the set too: {', '.join(f'{s}.{metric}' for s in SETS)}"
        )
    return name
