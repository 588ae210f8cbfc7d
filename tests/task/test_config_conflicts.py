"""Tests of the checks between the sections of a config."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pytest

from nnkit.errors import ConfigError
from nnkit.metrics import METRICS
from nnkit.metrics.metric import Metric
from nnkit.task.config_loading import config_from


def settings(layers: list[Any], **sections: Any) -> dict[str, Any]:
    return {"data": {"source": "mnist"}, "architecture": {"layers": layers}, **sections}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"loss": "hinge", "activation": {"output": "sigmoid"}}, "is never negative"),
        ({"loss": "perceptron", "activation": {"output": "softmax"}}, "is never negative"),
        (
            {"loss": "cross_entropy", "activation": {"output": "sigmoid"}},
            "a probability distribution",
        ),
        ({"loss": "cross_entropy"}, "softmax over 1 unit is always 1"),
        ({"expect": {"test.accuracy": {"min": 0.9, "max": 0.1}}}, "min must not exceed max"),
        ({"expect": {"test.accuracy": {"min": 400}}}, "accuracy is at most 1$"),
        ({"expect": {"test.mcc": {"min": -2}}}, "mcc is at least -1"),
        ({"expect": {"test": {"r2": {"max": 1.5}}}}, "r2 is at most 1$"),
        ({"expect": {"test.rmse": {"max": -1}}}, "rmse is at least 0"),
    ],
)
def test_what_cannot_work_is_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from(settings([{"dense": 1}], **sections))


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_bound_within_a_metric_s_range_is_accepted_and_one_beyond_is_not(
    metric: Metric[Any],
) -> None:
    def bound(value: float) -> dict[str, Any]:
        return settings([{"dense": 3}], expect={f"test.{metric.name}": {"min": value}})

    for end, beyond in ((metric.least, -0.01), (metric.most, 0.01)):
        config_from(bound(end if isfinite(end) else 1e6 * beyond))
        if isfinite(end):
            with pytest.raises(ConfigError, match=rf"expect.test.{metric.name}.min: {metric.name}"):
                config_from(bound(end + beyond))
