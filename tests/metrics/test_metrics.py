"""Tests of every metric against scikit-learn, and of batch-wise against whole evaluation."""

from __future__ import annotations

from math import isinf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from nnkit.errors import UsageError
from nnkit.metrics import ALWAYS, METRICS, METRICS_OF, check_figure, chosen, higher_is_better
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.classification import Confusion
from nnkit.metrics.metric import Metric, PredictionForm, TargetKind
from nnkit.nn.params import Array
from nnkit.random import generator
from tests.metrics.oracles import LABEL_ORACLES, ORACLES, expected

seeds = st.integers(0, 10_000)
every_metric = pytest.mark.parametrize(
    "metric",
    [
        pytest.param(metric, id=metric.name if kind != "labels" else f"{metric.name} of labels")
        for kind, known in METRICS_OF.items()
        if kind not in ("sequences", "texts")  # have tests of their own
        for metric in known.values()
    ],
)


def drawn(
    metric: Metric[Any], seed: int, samples: int, width: int, targets_of: int, levels: int
) -> tuple[Array, Array, Array]:
    """Draws targets, outputs and weights in quarters, for exact sums and many ties.

    Args:
        metric: the metric, which determines the form of the outputs.
        seed: the seed.
        samples: the number of samples.
        width: the number of classes or outputs.
        targets_of: the number of classes, or of distinct values, in the targets.
        levels: the number of distinct values in the outputs.
    """
    rng = generator(seed, "metric")
    weights = rng.integers(1, 9, size=samples) / 4
    numbers = rng.integers(levels, size=(samples, width)) / 4
    if metric.kind == "labels":
        labels: Array = rng.integers(min(2, targets_of), size=(samples, width))
        decided = metric.statistic.takes == "decisions"
        return labels, numbers > numbers.mean() if decided else numbers, weights
    if metric.kind == "numbers":
        return rng.integers(targets_of, size=(samples, width)) / 4, numbers, weights
    targets = rng.integers(min(width, targets_of), size=samples)
    if metric.statistic.takes == "decisions":
        return targets, rng.integers(min(width, levels), size=samples), weights
    if metric.statistic.takes == "probabilities" or rng.integers(2):
        numbers = (numbers + 0.25) / (numbers + 0.25).sum(axis=1, keepdims=True)
    return targets, numbers, weights


@every_metric
@settings(max_examples=settings().max_examples // 2)
@given(seeds, st.integers(2, 60), st.integers(2, 12), st.integers(1, 12), st.integers(1, 9))
def test_as_scikit_learn_computes_it(
    metric: Metric[Any], seed: int, samples: int, width: int, targets_of: int, levels: int
) -> None:
    """Compares random sets, also with missing classes, a single class, ties, constant outputs."""
    targets, answers, weights = drawn(metric, seed, samples, width, targets_of, levels)
    for counts in (weights, np.ones(samples)):
        wanted = expected(metric, targets, answers, counts, width)
        found = metric(targets, answers, counts, classes=width)
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert metric(targets, answers, classes=width) == found


@every_metric
@settings(max_examples=10)
@given(seeds, st.integers(2, 200), st.integers(2, 4))
def test_as_scikit_learn_computes_it_of_any_numbers(
    metric: Metric[Any], seed: int, samples: int, width: int
) -> None:
    rng = generator(seed, "numbers")
    targets: Array = rng.integers(width, size=samples)
    answers: Array = rng.normal(size=(samples, width))
    if metric.kind == "labels":
        targets = rng.integers(2, size=(samples, width))
        answers = answers > 0 if metric.statistic.takes == "decisions" else answers
    elif metric.statistic.takes == "decisions":
        answers = answers.argmax(axis=1)
    elif metric.statistic.takes == "probabilities":
        answers = np.exp(5 * answers) / np.exp(5 * answers).sum(axis=1, keepdims=True)
    elif metric.statistic.takes == "outputs":
        targets = rng.normal(loc=1e4, size=(samples, width))
        answers = targets + answers
    weights = np.rint(4 * rng.exponential(size=samples)) / 4 + 0.25
    wanted = expected(metric, targets, answers, weights, width)
    assert metric(targets, answers, weights, classes=width) == pytest.approx(
        wanted, rel=1e-12, abs=1e-12
    )


def test_every_metric_has_an_oracle() -> None:
    assert ORACLES.keys() == METRICS_OF["classes"].keys() | METRICS_OF["numbers"].keys()
    assert LABEL_ORACLES.keys() == METRICS_OF["labels"].keys()


def test_metrics_of_one_name_have_one_range_and_direction() -> None:
    for known in METRICS_OF.values():
        for name, metric in known.items():
            other = METRICS[name]
            assert (metric.least, metric.most) == (other.least, other.most)
            assert metric.higher_is_better == other.higher_is_better


@every_metric
@settings(max_examples=settings().max_examples // 2)
@given(seeds, st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(2, 5))
def test_batch_by_batch_is_the_whole(
    metric: Metric[Any], seed: int, sizes: list[int], width: int
) -> None:
    targets, answers, weights = drawn(metric, seed, sum(sizes), width, width, 5)
    accumulator = Accumulator([metric], width)
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        part = slice(end - size, end)
        accumulator.add(targets[part], _only(metric, answers[part]), weights[part])
    whole = metric(targets, answers, weights, classes=width)
    assert accumulator.figures() == {metric.name: pytest.approx(whole, rel=1e-12, abs=1e-12)}


def _only(metric: Metric[Any], answers: Array) -> Any:
    def form(takes: PredictionForm) -> Array:
        assert takes == metric.statistic.takes
        return answers

    return form


@every_metric
def test_samples_that_weigh_nothing_do_not_count(metric: Metric[Any]) -> None:
    targets, answers, weights = drawn(metric, 0, 40, 3, 3, 5)
    kept = np.arange(40) % 3 > 0
    whole = metric(targets, answers, weights * kept, classes=3)
    part = metric(targets[kept], answers[kept], weights[kept], classes=3)
    assert whole == pytest.approx(part, rel=1e-12)


@every_metric
def test_without_weight_it_is_a_number_still(metric: Metric[Any]) -> None:
    targets, answers, _ = drawn(metric, 0, 10, 3, 3, 5)
    undefined = {"roc_auc": 0.5, "r2": 1.0, "explained_variance": 1.0}
    assert metric(targets, answers, np.zeros(10), classes=3) == undefined.get(metric.name, 0.0)


@every_metric
@given(seeds, st.integers(1, 60), st.integers(2, 12), st.integers(1, 12), st.integers(1, 30))
def test_no_value_is_outside_the_range(
    metric: Metric[Any], seed: int, samples: int, width: int, targets_of: int, levels: int
) -> None:
    targets, answers, weights = drawn(metric, seed, samples, width, targets_of, levels)
    found = metric(targets, answers, weights, classes=width)
    assert metric.least - 1e-12 <= found <= metric.most + 1e-12


@every_metric
def test_the_range_is_no_wider_than_it_must_be(metric: Metric[Any]) -> None:
    values = []
    for classes in (2, 12):
        targets: Array = np.arange(2 * classes) % classes
        right, wrong = np.eye(classes)[targets], np.eye(classes)[(targets + 1) % classes]
        if metric.kind == "labels":
            targets, wrong = right, 1 - right
        elif metric.statistic.takes == "decisions":
            right, wrong = right.argmax(axis=1), wrong.argmax(axis=1)
        elif metric.statistic.takes == "scores":
            wrong = -right
        elif metric.statistic.takes == "outputs":
            targets, wrong = right, -9 * right
        values += [metric(targets, answers) for answers in (right, wrong)]
    for end, value in ((metric.most, max(values)), (metric.least, min(values))):
        assert value == pytest.approx(end, abs=0.1) or (isinf(end) and abs(value) > 1)


@every_metric
def test_perfect_answers_are_no_worse_than_any(metric: Metric[Any]) -> None:
    targets, answers, weights = drawn(metric, 1, 60, 12, 12, 5)
    per_class = metric.statistic.takes in ("scores", "probabilities")
    perfect = np.eye(12)[targets] if per_class and metric.kind == "classes" else targets
    best = metric(targets, perfect, weights, classes=12)
    other = metric(targets, answers, weights, classes=12)
    assert best == pytest.approx(1 if metric.higher_is_better else 0, abs=1e-12)
    assert best > other if metric.higher_is_better else best < other


@every_metric
def test_says_what_it_is(metric: Metric[Any]) -> None:
    assert (
        (metric.of.__doc__ or "")
        .partition("\n")[0]
        .endswith((".", "ties half.", "halved for two classes, which is (y_1 − t)²."))
    )


# Cases where scikit-learn is undefined or loses precision


def test_float32_outputs_are_scored_in_float64() -> None:
    targets = generator(0, "large").normal(loc=1e4, size=(1000, 1))
    outputs = targets.astype(np.float32).astype(np.float64)
    wanted = expected(METRICS["r2"], targets, outputs, np.ones(1000), 1)
    assert METRICS["r2"](targets, outputs) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_targets_that_never_change_explain_nothing(name: str) -> None:
    targets = np.full((7, 1), 0.1)
    assert METRICS[name](targets, targets) == 1
    assert METRICS[name](targets, np.arange(7.0)[:, None]) == 0


@pytest.mark.parametrize("name", ["mcc", "cohen_kappa"])
def test_constant_answers_agree_by_chance_alone(name: str) -> None:
    targets = np.array([0, 1, 2] * 10)
    weights = generator(0, "uneven").random(30)
    assert METRICS[name](targets, np.zeros(30, int), weights) == pytest.approx(0, abs=1e-12)
    assert METRICS[name](np.zeros(30, int), np.zeros(30, int), weights) == 0


def test_one_class_alone_cannot_be_ranked() -> None:
    scores = generator(0, "scores").random((10, 2))
    assert METRICS["roc_auc"](np.ones(10, int), scores) == 0.5
    assert METRICS["average_precision"](np.zeros(10, int), scores) == 0


# The confusion matrix


@given(seeds, st.integers(1, 50), st.integers(2, 5))
def test_confusion_as_scikit_learn_has_it(seed: int, samples: int, classes: int) -> None:
    rng = generator(seed, "confusion")
    targets, answers = rng.integers(classes, size=(2, samples))
    weights = rng.integers(1, 5, size=samples) / 4
    confusion = Confusion(classes)
    for part in (slice(0, samples // 2), slice(samples // 2, samples)):
        confusion.add(targets[part], answers[part], weights[part])
    wanted = confusion_matrix(targets, answers, labels=range(classes), sample_weight=weights)
    np.testing.assert_array_equal(confusion.matrix(), wanted)
    mistakes = confusion.mistakes()
    assert sum(weight for *_, weight in mistakes) == weights[targets != answers].sum()
    assert [m[2] for m in mistakes] == sorted((m[2] for m in mistakes), reverse=True)
    assert all(wanted[target, answer] == weight for target, answer, weight in mistakes)


# The table


@pytest.mark.parametrize("kind", METRICS_OF)
def test_every_evaluation_gives_the_usual_ones_first(kind: TargetKind) -> None:
    usual, more = ALWAYS[kind], METRICS_OF[kind]
    assert [m.name for m in chosen(more, kind)][: len(usual)] == [*usual]
    assert {m.name for m in chosen(more, kind)} == {*more}


def test_which_way_is_better() -> None:
    assert higher_is_better("validation.f1")
    assert not higher_is_better("test.brier")
    assert not higher_is_better("train.objective")


@pytest.mark.parametrize("name", ["test.accuracy", "validation.loss", "train.objective"])
def test_a_metric_of_a_run_is_named_with_its_set(name: str) -> None:
    assert check_figure(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("accuracy", "name the set too: train.accuracy, validation.accuracy, test.accuracy"),
        ("tset.loss", "name the set too: train.loss"),
        ("test.acc", "unknown metric 'acc'; did you mean 'accuracy'?"),
        ("test.acuracy", "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        ("", "unknown metric ''; available: loss, objective, accuracy"),
    ],
)
def test_one_that_does_not_exist_is_explained(name: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_figure(name)
    assert message in str(raised.value)
