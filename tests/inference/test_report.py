"""Tests of a model's evaluation report: the same metrics, however computed."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from nnkit.inference.class_report import MATRIX_CLASSES
from nnkit.inference.evaluation import EVALUATION_BATCH, evaluate
from nnkit.inference.report import Report, report_on
from nnkit.metrics import METRICS
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.params import Array
from nnkit.random import generator
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.target_factory import classes_for
from nnkit.task.targets import NumberTargets
from tests.nn.examples import examples, loss_of, model_of, name

CLASS_LOSSES = [loss for loss in examples(AnyLoss) if loss.coding != "number"]


def judged(
    loss: Loss | str, outputs: int, classes: int, samples: int = 60, weights: Array | None = None
) -> tuple[Report, dict[str, float]]:
    """Returns the report of an untrained network, and its evaluation by all metrics."""
    loss = loss_of(loss) if isinstance(loss, str) else loss
    model = model_of([{"dense": 4}, {"dense": outputs}], (5,), loss=loss)
    rng = generator(0, "report")
    inputs, targets = rng.normal(size=(samples, 5)), rng.integers(classes, size=samples)
    names = tuple(f"c{k}" for k in range(classes))
    kept = classes_for(targets, names, loss, Form(outputs), (), model.dtype)
    data = PreparedSet(inputs, kept, weights, weights)
    report = report_on(model, data, "test", names)
    metrics = [METRICS[figure] for figure in report.figures if figure != "loss"]
    return report, evaluate(model, data, metrics)


def rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.predictions())))


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=name)
def test_of_every_loss_of_classes(loss: Loss) -> None:
    for outputs, classes in ((3, 3), (2, 2), (1, 2)):
        if outputs == 1 and not loss.single:
            continue
        report, figures = judged(loss, outputs, classes)
        assert report.figures == figures
        assert all(np.isfinite([*figures.values()]))
        json.dumps(report.record(), allow_nan=False)
        assert {row["predicted"] for row in rows(report)} <= {f"c{k}" for k in range(classes)}


@pytest.mark.parametrize("weighted", [False, True])
def test_each_class_as_scikit_learn_reports_it(weighted: bool) -> None:
    weights = generator(0, "w").integers(1, 9, size=60) / 4 if weighted else None
    report, _ = judged("cross_entropy", 4, 4, weights=weights)
    assert report.by_class is not None
    wanted = classification_report(
        report.targets,
        report.predicted,
        target_names=report.by_class.names,
        sample_weight=weights,
        output_dict=True,
        zero_division=0.0,
    )
    for row in report.by_class.rows():
        found = {("f1-score" if key == "f1" else key): row[key] for key in row if key != "class"}
        assert found == pytest.approx(wanted[row["class"]])
    for kind, means in report.by_class.averages().items():
        for key, value in means.items():
            assert value == pytest.approx(wanted[f"{kind} avg"]["f1-score" if key == "f1" else key])
    matrix = confusion_matrix(report.targets, report.predicted, sample_weight=weights)
    assert report.by_class.matrix() == matrix.tolist()


def test_over_more_samples_than_go_through_at_a_time() -> None:
    samples = 2 * EVALUATION_BATCH + 5
    report, figures = judged("cross_entropy", 3, 3, samples)
    assert report.figures == figures
    assert len(report) == len(report.outputs) == len(rows(report)) == samples
    assert figures["log_loss"] == pytest.approx(figures["loss"], rel=1e-12)


def test_probabilities_are_judged_only_where_there_are_such() -> None:
    margins, _ = judged("hinge", 3, 3)
    of_probabilities = {"log_loss", "brier", "expected_calibration_error"}
    assert not of_probabilities & margins.figures.keys()
    assert "roc_auc" in margins.figures
    assert margins.confidence is None
    assert of_probabilities < judged("cross_entropy", 3, 3)[0].figures.keys()


def test_one_output_is_as_good_as_two() -> None:
    """Compares a logistic unit with the equivalent softmax of 0 and its argument."""
    report, _ = judged("binary_cross_entropy", 1, 2)
    yes = report.outputs[:, 0]
    whole = np.stack([1 - yes, yes], axis=1)
    for metric in ("log_loss", "brier", "roc_auc", "average_precision"):
        found = METRICS[metric](report.targets, whole)
        assert report.figures[metric] == pytest.approx(found, rel=1e-12)


def test_log_probabilities_are_judged_as_probabilities() -> None:
    report, figures = judged("negative_log_likelihood", 3, 3)
    assert figures["log_loss"] == pytest.approx(figures["loss"], rel=1e-12)
    assert [*rows(report)[0]][4:] == ["output_c0", "output_c1", "output_c2"]


@pytest.mark.parametrize(
    ("loss", "outputs", "columns"),
    [
        ("cross_entropy", 2, ["confidence", "probability_c0", "probability_c1"]),
        ("binary_cross_entropy", 1, ["confidence", "probability_c0", "probability_c1"]),
        ("hinge", 2, ["output_c0", "output_c1"]),
        ("hinge", 1, ["output"]),
    ],
)
def test_predictions_have_all_digits(loss: str, outputs: int, columns: list[str]) -> None:
    report, _ = judged(loss, outputs, 2)
    table = rows(report)
    assert [*table[0]] == ["index", "row", "target", "predicted", *columns]
    last = np.array([float(row[columns[-1]]) for row in table])
    np.testing.assert_array_equal(last, report.outputs[:, -1])
    assert [row["target"] for row in table] == [f"c{k}" for k in report.targets]


def test_predictions_of_several_numbers() -> None:
    model = model_of([{"dense": 2}], (5,), loss="squared_error")
    rng = generator(0, "report")
    inputs, targets = rng.normal(size=(10, 5)), rng.normal(size=(10, 2))
    report = report_on(
        model, PreparedSet(inputs, NumberTargets(targets, model.dtype), None), "test", None
    )
    names = ["index", "row", "target_0", "target_1", "predicted_0", "predicted_1"]
    assert [*rows(report)[0]] == names
    assert [row["row"] for row in rows(report)] == [str(i + 1) for i in range(10)]
    assert [float(row["target_1"]) for row in rows(report)] == targets[:, 1].tolist()
    assert set(report.record()) == {"split", "samples", "loss", "metrics", "warnings"}


def test_a_large_matrix_becomes_a_list_of_pairs() -> None:
    classes = MATRIX_CLASSES + 1
    record: dict[str, Any] = judged("cross_entropy", classes, classes, 500)[0].record()
    assert record["confusion"] is None
    right = round(500 * record["metrics"]["accuracy"])
    assert sum(pair["support"] for pair in record["confused"]) == 500 - right
