"""The loss and metrics of a whole set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from nnkit.data.batches import Batch, part_of
from nnkit.inference.written_set import write_set
from nnkit.metrics import chosen
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.metric import Metric
from nnkit.nn.batch_axis import batch_first
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import LayerState
from nnkit.task.predictions import label_predictions, named, predictions, sequence_predictions
from nnkit.task.prepared_set import PreparedSet, continued, pass_of
from nnkit.task.targets import SequenceTargets

EVALUATION_BATCH = 1000
STREAMS = 32  # parts of a stream that are read side by side, each beginning with the state 0


def evaluate(
    model: Model,
    data: PreparedSet,
    metrics: Sequence[Metric[Any]] | None = None,
    execution: Execution | None = None,
) -> dict[str, float]:
    """Computes the loss and metrics of a whole set, which the model's ranks share.

    Args:
        model: the model; not changed.
        data: the set.
        metrics: the metrics; default: those of every evaluation.
        execution: threads and kernels; default: those of the model.
    """
    if metrics is None:
        metrics = chosen((), data.targets.kind)
    of_texts = [metric for metric in metrics if metric.kind == "texts"]
    others = [metric for metric in metrics if metric.kind != "texts"]
    accumulator = Accumulator(others, width_of(model, data))
    loss = accumulate(model, data, accumulator, execution=execution)
    figures = model.ranks.on_first(lambda: {"loss": loss, **accumulator.figures()})
    if of_texts and data.writing is not None:
        figures |= write_set(model, data.writing).accumulated(of_texts).figures()
    return figures


def accumulate(
    model: Model,
    data: PreparedSet,
    metrics: Accumulator,
    kept: list[Array] | None = None,
    execution: Execution | None = None,
) -> float:
    """Runs a whole set through the model in batches of 1000 samples; returns its mean loss.

    The model's ranks share each batch; the first one accumulates all predictions.

    Args:
        model: the model; not changed.
        data: the set.
        metrics: accumulates targets and predictions.
        kept: if given, extended on the first rank by the outputs of each batch, (k, outputs), in
            the units of the targets.
        execution: threads and kernels; default: those of the model.
    """
    if data.is_stream:
        return _accumulate_stream(model, data, metrics, kept, execution)
    ranks = model.ranks
    total = counted = 0.0
    for whole in data.parts(EVALUATION_BATCH):
        own = part_of(whole, ranks)
        batch = data.batch(own.place)
        now = pass_of(batch, training=False)
        with _evaluated(model, batch, now, execution) as (loss, Y):
            rows = data.targets.in_units(_rows(Y, batch.target_lengths))
            if own.idle:
                rows = rows[:0]
            outputs = ranks.joined(rows)
            if outputs is not None:
                _accumulate_part(metrics, model, data, whole, outputs)
                if kept is not None:
                    kept.append(outputs.copy())  # the network's output buffer is reused
        count = 0.0 if own.idle else batch.total
        total += loss * count
        counted += count
    total, counted = ranks.sum(total), ranks.sum(counted)
    return total / counted if counted else 0.0


@contextmanager
def _evaluated(
    model: Model, batch: Batch, now: Pass, execution: Execution | None
) -> Iterator[tuple[float, Array]]:
    """The loss of a batch and the network's output, which is valid within the block."""
    positions = model.input_form.positions_of(batch.X.shape[:-1])
    with numerics(), model.lent(batch.X.shape[-1], execution, positions) as network:
        yield network.evaluate(batch.X, batch.T, batch.weights, now)


def _accumulate_stream(
    model: Model,
    data: PreparedSet,
    metrics: Accumulator,
    kept: list[Array] | None,
    execution: Execution | None,
) -> float:
    """Reads a stream in a few parts side by side, each from its beginning to its end.

    Arguments and result are those of `accumulate`.
    """
    batches = data.stream(STREAMS)
    carried: dict[str, LayerState] = {}
    windows: list[Array] = [np.empty(0)] * len(data)
    total = 0.0
    for number in range(batches.per_epoch):
        batch, chosen = batches.batch(number), batches.chosen(number)
        now = pass_of(batch, training=False)._replace(states=continued(carried, batch))
        with _evaluated(model, batch, now, execution) as (loss, Y):
            outputs = _rows(Y, batch.target_lengths).copy()
            assert now.states is not None
            carried = now.states.last
        _accumulate_part(metrics, model, data, chosen, outputs)
        if kept is not None:
            ends = np.cumsum(batches.targets[chosen].lengths)
            for window, rows in zip(chosen, np.split(outputs, ends[:-1]), strict=True):
                windows[window] = rows
        total += loss * batch.total
    if kept is not None:
        kept.extend(windows)
    return total / batches.targets.size


def _accumulate_part(
    metrics: Accumulator, model: Model, data: PreparedSet, part: slice | Array, outputs: Array
) -> None:
    """Accumulates the outputs of samples, (k, outputs), or of all their positions."""
    if isinstance(data.targets, SequenceTargets):
        sequences, names = data.targets.sequences[part], data.targets.names
        in_form = partial(
            sequence_predictions,
            outputs,
            targets=sequences,
            names=names,
            activation=model.output_activation,
        )
        metrics.add(named(sequences, names), in_form, None)
        return
    counts = None if data.counted is None else data.counted[part]
    metrics.add(data.targets[part], _in_form(model, data, outputs), counts)


def _rows(Y: Array, lengths: Array | None) -> Array:
    """Outputs (outputs, N) as rows (N, outputs), or those of all positions (Σ lengths, outputs).

    Args:
        Y: outputs (outputs, N), or (outputs, T, N) of sequences.
        lengths: the length of each sequence, (N,); None for other outputs.
    """
    if lengths is None:
        return batch_first(Y)
    of_samples = np.moveaxis(Y, 0, -1).swapaxes(0, 1)  # (N, T, outputs)
    return of_samples[np.arange(Y.shape[1]) < lengths[:, None]]


def _in_form(model: Model, data: PreparedSet, outputs: Array) -> partial[Any]:
    """The function that gives a metric the predictions in its form, from outputs (n, outputs)."""
    if data.targets.kind == "labels":
        return partial(label_predictions, outputs, loss=model.loss)
    activation = model.output_activation
    return partial(
        predictions, outputs, loss=model.loss, activation=activation, threshold=data.threshold
    )


def width_of(model: Model, data: PreparedSet) -> int:
    """The number of classes, labels or real outputs."""
    outputs = model.output_form.channels
    return max(2, outputs) if data.targets.kind == "classes" else outputs
