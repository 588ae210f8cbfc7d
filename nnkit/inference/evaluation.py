"""The loss and metrics of a whole set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nnkit.metrics import chosen
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.metric import Metric
from nnkit.nn.model import Model, batch_first, batch_last
from nnkit.nn.numerics import numerics
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.task.answers import answers, label_answers
from nnkit.task.task import PreparedSet

EVALUATION_BATCH = 1000


def evaluate(
    model: Model,
    data: PreparedSet,
    metrics: Sequence[Metric[Any]] | None = None,
    execution: Execution | None = None,
) -> dict[str, float]:
    """Computes the loss and metrics of a whole set.

    Args:
        model: the model; not changed.
        data: the set.
        metrics: the metrics; default: those of every evaluation.
        execution: threads and kernels; default: those of the model.
    """
    if metrics is None:
        metrics = chosen((), data.targets.kind)
    accumulator = Accumulator(metrics, width_of(model, data))
    loss = accumulate(model, data, accumulator, execution=execution)
    return {"loss": loss, **accumulator.figures()}


def accumulate(
    model: Model,
    data: PreparedSet,
    metrics: Accumulator,
    kept: list[Array] | None = None,
    execution: Execution | None = None,
) -> float:
    """Runs a whole set through the model in batches of 1000 samples; returns its mean loss.

    Args:
        model: the model; not changed.
        data: the set.
        metrics: accumulates targets and predictions.
        kept: if given, extended by the outputs of each batch, (k, outputs), in the units of the
            targets.
        execution: threads and kernels; default: those of the model.
    """
    activation = model.output_activation
    total = counted = 0.0
    for start in range(0, len(data), EVALUATION_BATCH):
        part = slice(start, min(start + EVALUATION_BATCH, len(data)))
        X, T = batch_last(data.inputs[part]), batch_last(data.targets.coded(part))
        weights = None if data.weights is None else data.weights[part]
        counts = None if data.counted is None else data.counted[part]
        with numerics(), model.lent(X.shape[-1], execution, X.shape[1:-1]) as network:
            loss, Y = network.evaluate(X, T, weights)
            outputs = data.targets.in_units(batch_first(Y))
            if data.targets.kind == "labels":
                form = partial(label_answers, outputs, loss=model.loss)
            else:
                form = partial(
                    answers,
                    outputs,
                    loss=model.loss,
                    activation=activation,
                    threshold=data.threshold,
                )
            metrics.add(data.targets[part], form, counts)
            if kept is not None:
                kept.append(outputs.copy())  # the network's output buffer is reused
        count = part.stop - start if weights is None else float(np.sum(weights))
        total += loss * count
        counted += count
    return total / counted if counted else 0.0


def width_of(model: Model, data: PreparedSet) -> int:
    """The number of classes, labels or real outputs."""
    (outputs,) = model.output_shape
    return max(2, outputs) if data.targets.kind == "classes" else outputs
