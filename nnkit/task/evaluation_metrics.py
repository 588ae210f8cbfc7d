"""The metrics of a config: which its evaluations have, and whether they suit the targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnkit.errors import SettingError
from nnkit.metrics import METRICS_OF, chosen
from nnkit.metrics.metric import Metric, TargetKind
from nnkit.task.config import Config

KINDS: dict[TargetKind, str] = {
    "classes": "classes",
    "labels": "yes/no labels",
    "numbers": "real numbers",
    "sequences": "labels at each position",
    "texts": "texts",
}
OF_NEXT: tuple[str, ...] = ("perplexity", "token_accuracy")  # metrics of language models
OF_DECODER = ("perplexity",)  # given the symbols before; what it writes by itself comes at the end


def evaluated(config: Config, kind: TargetKind) -> tuple[Metric[Any], ...]:
    """The metrics of each evaluation of a config's network, besides the loss."""
    known, always = METRICS_OF[kind], OF_NEXT
    if config.architecture.decoder:
        known, always = known | METRICS_OF["texts"], OF_DECODER
    elif config.data.targets != "next":
        return chosen(config.training.metrics, kind)
    return tuple(known[name] for name in dict.fromkeys((*always, *config.training.metrics)))


def check_metrics(names: Sequence[str], kind: TargetKind, *, has_decoder: bool) -> None:
    """Checks that the metrics of `training.metrics` suit the targets.

    Args:
        names: the metrics.
        kind: the kind of targets.
        has_decoder: whether the network has a decoder, which writes texts.

    Raises:
        SettingError: a metric is for other targets.
    """
    known = METRICS_OF[kind]
    if has_decoder:
        known = known | METRICS_OF["texts"]
    for i, name in enumerate(names):
        if name not in known:
            judged = " or ".join(KINDS[k] for k, known in METRICS_OF.items() if name in known)
            raise SettingError(
                ("training", "metrics", i),
                f"'{name}' is a metric for {judged}, but the targets are {KINDS[kind]}; "
                f"available: {', '.join(known)}",
            )
