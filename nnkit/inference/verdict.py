"""A comparison of a network with the best constant prediction, which it should beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.inference.evaluation import EVALUATION_BATCH
from nnkit.metrics import METRICS
from nnkit.metrics.metric import Metric
from nnkit.nn.losses import ClassLoss
from nnkit.nn.params import Array
from nnkit.task.constant_prediction import constant_prediction
from nnkit.task.task import PreparedSet, Task


def useless(task: Task, data: PreparedSet, split: str, figures: Mapping[str, float]) -> str | None:
    """Says that a network is no better than a constant prediction on a set; None if it is better.

    Nothing is said about autoencoders, nor if class weights ask for more than accuracy.

    Args:
        task: the task, whose training set gives the constant prediction.
        data: the evaluated set.
        split: the name of the set.
        figures: the metrics of the network on it.
    """
    config, classes = task.config, task.classes
    if config.data.targets == "inputs":
        return None
    if isinstance(config.loss, ClassLoss) and config.loss.class_weights is not None:
        return None
    constant = constant_prediction(task.sets["train"], None if classes is None else len(classes))
    if classes is None:
        reached, least = figures["r2"], _of_constant(METRICS["r2"], data, constant, constant.size)
        if reached >= least:
            return None
        remedy = "" if config.data.target.scales else "; try data.target: standardize"
        return (
            f"the network is worse than always predicting the training mean: {split}.r2 is "
            f"{reached:.4g}, that of the mean {least:.4g}{remedy}"
        )
    reached = figures["accuracy"]
    least = _of_constant(METRICS["accuracy"], data, constant, len(classes))
    if reached > least or reached == 1:
        return None
    return (
        f"the network is {'no better' if reached == least else 'worse'} than always predicting "
        f"'{classes[int(constant)]}', the most frequent class: {split}.accuracy is "
        f"{100 * reached:.2f} %, that of the class {100 * least:.2f} %"
    )


def _of_constant(metric: Metric[Any], data: PreparedSet, constant: Array, width: int) -> float:
    """The value of a metric on a set for a constant prediction."""
    statistic = metric.statistic(width)
    for start in range(0, len(data), EVALUATION_BATCH):
        part = slice(start, start + EVALUATION_BATCH)
        targets = data.targets[part]
        weights = np.ones(len(targets)) if data.counted is None else np.asarray(data.counted[part])
        statistic.add(targets, np.broadcast_to(constant, targets.shape), weights)
    return metric.of(statistic)
