"""Full evaluation of a model on one set: all metrics, scores by class, confusion matrix."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnkit.decoding import AnyDecoding
from nnkit.inference.class_report import ClassReport, LabelReport
from nnkit.inference.evaluation import accumulate, width_of
from nnkit.inference.set_metrics import in_words
from nnkit.inference.trivial_baseline import TrivialBaseline
from nnkit.inference.written_set import WrittenReport, report_on_written
from nnkit.metrics import METRICS_OF
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.classification import ClassCounts, Confusion
from nnkit.metrics.intervals import bootstrap_interval
from nnkit.metrics.metric import Metric
from nnkit.metrics.multilabel import LabelCounts
from nnkit.metrics.spans import UNKNOWN, SpanCounts, are_bio
from nnkit.nn.activation import Activation
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.task.predictions import confidence, decide, decide_labels, gives_probabilities
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.targets import SequenceTargets

PROBABLE = ("probabilities", "log_probabilities")  # what only probabilities give metrics
MOST_CLASSES = 60  # of symbols at each position, that are reported one by one
# Metrics in the representation.
HEADLINE = ("loss", "accuracy", "perplexity", "token_accuracy", "exact_match", "mae", "rmse", "r2")


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The evaluation of a model on one set, as `nnkit eval` reports it.

    Attributes:
        split: name of the set; None for other data than that of the training.
        figures: the loss and all applicable metrics, by name.
        by_class: scores for each class; None for other targets.
        by_label: scores for each yes/no label; None for other targets.
        names: names of the labels or real targets, by output.
        targets: true class numbers (n,), labels (n, labels) or real targets (n, outputs).
        predicted: predicted class numbers (n,), labels (n, labels) or real outputs (n, outputs).
        confidence: the probability (n,) of each predicted class, if the model gives one.
        outputs: the network's outputs, (n, outputs), in the units of the targets.
        origins: the path of each sample's file, or its row in the source, from 1; (n,).
        lines: the line of each sample in its text file, from 1, (n,); None for other data.
        probable: whether the outputs are probabilities.
        threshold: the decision threshold of two classes; None for the usual one.
        written: the comparison of texts that the model writes by itself, for each decoding method;
            empty for models that write none.
        samples: the number of samples, if each has several targets; None otherwise.
        intervals: the 95 % bootstrap interval of each metric of sequences, by resampling samples;
            empty for other targets.
        baseline: the metrics of the simplest model; None if none is known.
        warnings: reasons not to rely on the network.
    """

    split: str | None
    figures: Mapping[str, float]
    by_class: ClassReport | None
    by_label: LabelReport | None
    names: tuple[str, ...]
    targets: Array
    predicted: Array
    confidence: Array | None
    outputs: Array
    origins: Array
    lines: Array | None
    probable: bool
    threshold: float | None
    written: tuple[WrittenReport, ...] = ()
    samples: int | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline: TrivialBaseline | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets) if self.samples is None else self.samples

    @property
    def prediction_count(self) -> int:
        """The number of rows of `predictions`."""
        return len(self.written[0].written) if self.written else len(self.targets)

    def __repr__(self) -> str:
        headline = {name: self.figures[name] for name in HEADLINE if name in self.figures}
        return f"<Report {in_words(self.split, len(self), headline)}>"

    def record(self) -> dict[str, Any]:
        """Everything except the individual predictions, ready for JSON."""
        figures = dict(self.figures)
        known: dict[str, Any] = {"split": self.split, "samples": len(self)}
        known |= {"loss": figures.pop("loss"), "metrics": figures, "warnings": [*self.warnings]}
        if self.samples is not None:
            known["symbols"] = len(self.targets)
        if self.intervals:
            known["intervals"] = {name: list(bounds) for name, bounds in self.intervals.items()}
        if self.baseline is not None:
            known["baseline"] = self.baseline.record()
        if self.written:
            known["written"] = [each.record() for each in self.written]
        if self.threshold is not None:
            known["threshold"] = self.threshold
        if self.by_class is not None:
            known |= {
                "classes": self.by_class.rows(),
                "averages": self.by_class.averages(),
                "confusion": self.by_class.matrix(),
                "confused": self.by_class.confused(),
            }
        if self.by_label is not None:
            known["labels"] = self.by_label.rows()
        return known

    def predictions(self) -> str:
        """All predictions as CSV: `index` in the set from 0, `row`, `line`, `target`, `predicted`.

        The row is that in the source, from 1, as in `nnkit predict`, and the line is that of a
        text file, as editors count; a picture has its `path` instead. A classifier adds
        `confidence`, if its outputs are probabilities, and for each class `probability_NAME` or
        `output_NAME`. Of several targets, each has its own columns, such as `target_NAME`. Numbers
        are written with all their digits. Sequences have a row for each position, without the
        probabilities of other classes; texts that a decoder writes by itself have a row each.
        """
        if self.written:
            return self.written[0].predictions()
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        columns = {"path" if self.origins.dtype.kind == "U" else "row": self.origins}
        if self.lines is not None:
            columns["line"] = self.lines
        if self.samples is not None:
            columns |= self._position_columns()
        else:
            columns |= self._class_columns() if self.by_class else self._real_columns()
        writer.writerow(["index", *columns])
        cells = [column.astype(str).tolist() for column in columns.values()]
        writer.writerows([i, *row] for i, row in enumerate(zip(*cells, strict=True)))
        return text.getvalue()

    def _position_columns(self) -> dict[str, Array]:
        names = np.asarray(self.names)
        columns = {"target": names[self.targets], "predicted": names[self.predicted]}
        return columns if self.confidence is None else columns | {"confidence": self.confidence}

    def _class_columns(self) -> dict[str, Array]:
        assert self.by_class is not None
        names = np.asarray(self.by_class.names)
        columns = {"target": names[self.targets], "predicted": names[self.predicted]}
        kind, outputs = "output", self.outputs
        if self.confidence is not None:
            kind, columns["confidence"] = "probability", self.confidence
            if outputs.shape[1] == 1:
                outputs = np.hstack([1 - outputs, outputs])
        if outputs.shape[1] == 1:
            return columns | {"output": outputs[:, 0]}
        return columns | {f"{kind}_{name}": outputs[:, i] for i, name in enumerate(names)}

    def _real_columns(self) -> dict[str, Array]:
        parts = {"target": self.targets, "predicted": self.predicted}
        if self.by_label is not None:
            parts["probability" if self.probable else "output"] = self.outputs
        if self.targets.shape[1] == 1:
            return {part: values[:, 0] for part, values in parts.items()}
        return {
            f"{part}_{name}": values[:, i]
            for part, values in parts.items()
            for i, name in enumerate(self.names)
        }


def report_on(
    model: Model,
    data: PreparedSet,
    split: str | None,
    classes: tuple[str, ...] | None,
    names: tuple[str, ...] = (),
    execution: Execution | None = None,
    decoding: Sequence[AnyDecoding] = (),
) -> Report:
    """Evaluates a model with all metrics that suit its targets and outputs.

    Args:
        model: the model; not changed.
        data: the set.
        split: the set's name; None for other data.
        classes: the class names; None for labels and real targets.
        names: names of the labels or real targets; default: numbers from 0.
        execution: threads and kernels; default: those of the model.
        decoding: the decoding methods of a model with a decoder; default: that of the set. The
            first one gives the metrics of texts.
    """
    activation = model.output_activation
    of_sequences = isinstance(data.targets, SequenceTargets)
    also = () if classes is None or of_sequences else (ClassCounts, Confusion)
    metrics = _metrics_for(data, activation, classes)
    accumulator = Accumulator(metrics, width_of(model, data), also)
    parts: list[Array] = []
    figures = {"loss": accumulate(model, data, accumulator, parts, execution)}
    figures |= accumulator.figures()
    outputs = np.concatenate(parts)
    predicted, sure = _predicted(model, data, outputs, classes)
    by_label = None
    if classes is None and data.targets.kind == "labels":
        by_label = LabelReport(names, accumulator.kept(LabelCounts))
    if of_sequences:
        names = classes or ()
    written = _written(model, data, decoding)
    if written:
        figures |= written[0].figures
    origins, lines = _places(data)
    return Report(
        split=split,
        figures=figures,
        by_class=_class_report(data, accumulator, predicted, classes),
        by_label=by_label,
        names=names or tuple(map(str, range(outputs.shape[1]))),
        targets=data.targets[:],
        predicted=predicted,
        confidence=sure,
        outputs=outputs,
        origins=origins,
        lines=lines,
        probable=activation.probability,
        threshold=data.threshold,
        written=written,
        samples=len(data) if of_sequences else None,
        intervals=_intervals(accumulator) if of_sequences else {},
    )


def _intervals(accumulator: Accumulator) -> dict[str, tuple[float, float]]:
    """The bootstrap intervals of metrics of sequences."""
    return {
        metric.name: bootstrap_interval(metric, accumulator.kept(metric.statistic))
        for metric in accumulator.metrics
    }


def _metrics_for(
    data: PreparedSet, activation: Activation, classes: tuple[str, ...] | None
) -> list[Metric[Any]]:
    """The metrics that suit targets and outputs."""
    metrics = [
        metric
        for metric in METRICS_OF[data.targets.kind].values()
        if metric.statistic.takes not in PROBABLE or gives_probabilities(activation)
    ]
    if isinstance(data.targets, SequenceTargets) and not are_bio(classes or ()):
        metrics = [metric for metric in metrics if metric.statistic is not SpanCounts]
    if data.writing is not None:  # whole texts are compared where the model writes them by itself
        metrics = [metric for metric in metrics if metric.name not in METRICS_OF["texts"]]
    return metrics


def _predicted(
    model: Model, data: PreparedSet, outputs: Array, classes: tuple[str, ...] | None
) -> tuple[Array, Array | None]:
    """The predictions, and the probability of each if they are classes with probabilities."""
    if classes is None:
        is_labels = data.targets.kind == "labels"
        return (decide_labels(outputs, model.loss) if is_labels else outputs), None
    activation = model.output_activation
    predicted = decide(outputs, model.loss, activation, data.threshold)
    return predicted, confidence(outputs, predicted) if activation.probability else None


def _class_report(
    data: PreparedSet, accumulator: Accumulator, predicted: Array, classes: tuple[str, ...] | None
) -> ClassReport | None:
    """The report on each class; None if there are none, or too many at each position."""
    if classes is None:
        return None
    if not isinstance(data.targets, SequenceTargets):
        return ClassReport(classes, accumulator.kept(ClassCounts), accumulator.kept(Confusion))
    if len(classes) <= MOST_CLASSES and data.are_tags:
        return _by_class(classes, data.targets[:], predicted)
    return None


def _places(data: PreparedSet) -> tuple[Array, Array | None]:
    """The number of each sample and its line in a file, for sequences at each position."""
    origins = np.arange(1, len(data) + 1) if data.origins is None else data.origins[:]
    lines = data.lines
    if not isinstance(data.targets, SequenceTargets):
        return origins, lines
    lengths = data.targets.sequences.lengths
    return np.repeat(origins, lengths), None if lines is None else np.repeat(lines, lengths)


def _written(
    model: Model, data: PreparedSet, decoding: Sequence[AnyDecoding]
) -> tuple[WrittenReport, ...]:
    """The reports on the texts that a model with a decoder writes, by each method."""
    if data.writing is None:
        return ()
    ways = [replace(data.writing, method=method) for method in decoding] or [data.writing]
    return tuple(report_on_written(model, way) for way in ways)


def _by_class(classes: tuple[str, ...], targets: Array, predicted: Array) -> ClassReport:
    """The report on each class, of predictions at all positions of sequences, (Σ lengths,).

    The tag for unknown words is left out if no word has it, because it is never predicted.
    """
    if classes[0] == UNKNOWN and targets.min(initial=1) and predicted.min(initial=1):
        classes, targets, predicted = classes[1:], targets - 1, predicted - 1
    counts, confusion, weights = (
        ClassCounts(len(classes)),
        Confusion(len(classes)),
        np.ones(len(targets)),
    )
    for statistic in (counts, confusion):
        statistic.add(targets, predicted, weights)
    return ClassReport(classes, counts, confusion)
