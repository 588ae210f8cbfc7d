"""The ladder: its results are those of other libraries, and its words are what they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error

import nnkit
from nnkit.experiments.ladder import Ladder, Rung, Score, Verdict, climb, compare, record, shown_p
from nnkit.experiments.rungs import Question, question_of_config, question_of_table
from nnkit.random import generator
from nnkit.runs.directory import list_runs
from tests.training.configs import TABLES, pictures


def climbed(question: Question, runs: Path, **options: Any) -> Ladder:
    ladder = climb(question, runs, **options)
    assert ladder is not None
    return ladder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Question, Path, Ladder]:
    question = question_of_table(TABLES / "digits.csv", None, 0)
    runs = tmp_path_factory.mktemp("digits")
    return question, runs, climbed(question, runs)


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Question, Path, Ladder]:
    question = question_of_table(TABLES / "diabetes.csv", None, 0)
    runs = tmp_path_factory.mktemp("diabetes")
    return question, runs, climbed(question, runs)


def inputs(question: Question, name: str) -> np.ndarray[Any, Any]:
    raw = np.asarray(question.task.sets[name].inputs)
    return question.task.preprocessor(raw, np.dtype(np.float64))


def test_accuracies_and_intervals(digits: tuple[Question, Path, Ladder]) -> None:
    question, _, ladder = digits
    targets = question.task.sets["test"].targets
    baseline, *models = ladder.rungs
    common = stats.mode(question.task.sets["train"].targets).mode
    assert baseline.scores["accuracy"].value == np.mean(targets == common)
    for rung in models:
        assert rung.directory is not None
        report = nnkit.load_checkpoint(rung.directory).report("test")
        score = rung.scores["accuracy"]
        assert score.value == accuracy_score(report.targets, report.predicted)
        np.testing.assert_array_equal(rung.errors, report.targets != report.predicted)
        correct = int((1 - rung.errors).sum())
        expected = stats.binomtest(correct, len(targets)).proportion_ci(method="wilson")
        np.testing.assert_allclose((score.low, score.high), (expected.low, expected.high))
    assert [rung.parameters for rung in ladder.rungs] == [0, 620, 620, 620, 2314]
    assert all(rung.seconds > 0 for rung in models)


def test_softmax_regression_is_as_good_as_scikit_learn_s(
    digits: tuple[Question, Path, Ladder],
) -> None:
    question, _, ladder = digits
    train, test = question.task.sets["train"], question.task.sets["test"]
    peer = LogisticRegression(C=1 / (0.0001 * len(train)), max_iter=5000)
    peer.fit(inputs(question, "train"), train.targets)
    expected = accuracy_score(test.targets, peer.predict(inputs(question, "test")))
    (softmax,) = (rung for rung in ladder.rungs if rung.name == "softmax")
    assert softmax.scores["accuracy"].value == pytest.approx(expected, abs=0.02)


def test_comparisons_are_mcnemar_tests(digits: tuple[Question, Path, Ladder]) -> None:
    _, _, ladder = digits
    rungs = {rung.name: rung for rung in ladder.rungs}
    assert [verdict.model for verdict in ladder.verdicts] == list(rungs)[1:]
    assert {verdict.against for verdict in ladder.against_baseline} == {"majority class"}
    for verdict in (*ladder.verdicts, *ladder.against_baseline):
        model, other = rungs[verdict.model].errors, rungs[verdict.against].errors
        wins, losses = int((model < other).sum()), int((model > other).sum())
        expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert verdict.p == pytest.approx(expected)
        assert verdict.differing == wins + losses


def test_linear_regression_is_scikit_learn_s(diabetes: tuple[Question, Path, Ladder]) -> None:
    question, _, ladder = diabetes
    train, test = question.task.sets["train"], question.task.sets["test"]
    mean, linear, mlp = ladder.rungs
    peer = LinearRegression().fit(inputs(question, "train"), train.targets)
    predicted = peer.predict(inputs(question, "test"))
    assert linear.scores["r2"].value == pytest.approx(r2_score(test.targets, predicted), abs=0.02)
    trivial = np.full_like(test.targets, train.targets[:].mean())
    assert mean.scores["r2"].value == pytest.approx(r2_score(test.targets, trivial))
    assert mean.scores["rmse"].value == pytest.approx(
        root_mean_squared_error(test.targets, trivial)
    )
    np.testing.assert_allclose(mean.errors, ((test.targets - trivial) ** 2)[:, 0])
    for rung in ladder.rungs:
        for score in rung.scores.values():
            assert score.low < score.value < score.high
    assert mlp.parameters == 385


def test_numbers_are_compared_by_squared_errors(diabetes: tuple[Question, Path, Ladder]) -> None:
    mean, linear, mlp = diabetes[2].rungs
    for model, other in ((linear, mean), (mlp, linear)):
        verdict = compare(model, other)
        expected = stats.permutation_test(
            (model.errors, other.errors),
            lambda a, b: float(np.mean(a - b)),
            permutation_type="samples",
            vectorized=False,
            n_resamples=4999,
            random_state=np.random.default_rng(0),
        ).pvalue
        assert verdict.p == pytest.approx(expected, abs=0.03)
        assert verdict.differing is None


def test_models_are_runs_and_found_again(diabetes: tuple[Question, Path, Ladder]) -> None:
    question, runs, ladder = diabetes
    listed = [run.path for run in list_runs(runs)]
    assert listed == [rung.directory for rung in ladder.rungs[1:]]
    assert [path.name.rpartition("-")[0] for path in listed] == [
        "diabetes-ladder-linear",
        "diabetes-ladder-mlp",
    ]
    before = [path.joinpath("summary.json").stat().st_mtime_ns for path in listed]
    again = climbed(question, runs)
    assert record(again) == record(ladder)
    assert [path.joinpath("summary.json").stat().st_mtime_ns for path in listed] == before


def test_a_ladder_that_is_stopped_continues(
    tmp_path: Path, diabetes: tuple[Question, Path, Ladder]
) -> None:
    question, _, ladder = diabetes
    began: list[str] = []
    assert climb(question, tmp_path, starting=began.append, should_stop=lambda: True) is None
    assert began == ["linear"]
    assert [run.state for run in list_runs(tmp_path)] == ["interrupted"]
    resumed = climbed(question, tmp_path)
    for own, other in zip(resumed.rungs, ladder.rungs, strict=True):
        np.testing.assert_array_equal(own.errors, other.errors)


def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels drawn at random: no model can be better than the majority class."""
    monkeypatch.setattr("nnkit.experiments.rungs.STEPS", 200)
    question = question_of_config(pictures(tmp_path), None)
    ladder = climbed(question, tmp_path / "runs")
    assert [rung.name for rung in ladder.rungs][-1] == "cnn"
    assert ladder.enough == "majority class"
    sentences = ladder.sentences()
    for name in ("logistic", "linear-svm", "softmax", "mlp", "cnn"):
        assert any(s.startswith(f"{name} is no better than the majority class") for s in sentences)
    assert sentences[-1] == "no model is better than always predicting the same class"


def table(path: Path, label: Callable[[float, float], object]) -> Path:
    """600 points in a square, with labels."""
    points = generator(0, "points").uniform(-1, 1, size=(600, 2))
    rows = "\n".join(f"{x:.4f},{y:.4f},{label(x, y)}" for x, y in points)
    path.write_text(f"x,y,label\n{rows}\n")
    return path


def test_a_larger_network_that_earns_its_cost(tmp_path: Path) -> None:
    path = table(tmp_path / "rings.csv", lambda x, y: "in" if x * x + y * y < 0.5 else "out")
    ladder = climbed(question_of_table(path, None, 0), tmp_path / "runs")
    assert ladder.enough == "mlp"
    assert ladder.sentences()[-1] == "the most complex model, mlp, earns its cost"
    assert any(s.startswith("mlp is better than ") for s in ladder.sentences())


def test_numbers_that_cannot_be_predicted(tmp_path: Path) -> None:
    noise = iter(generator(0, "noise").normal(size=600))
    path = table(tmp_path / "noise.csv", lambda x, y: next(noise))
    ladder = climbed(question_of_table(path, None, 0), tmp_path / "runs")
    assert ladder.enough == "mean"
    sentences = ladder.sentences()
    assert sentences[-1] == "no model is better than always predicting the same value"
    assert any(" than the mean (p " in sentence for sentence in sentences)


def rung(name: str, parameters: int, errors: list[int]) -> Rung:
    score = {"accuracy": Score(0.5, 0.4, 0.6)}
    return Rung(name, parameters, 1.0, None, np.array(errors, dtype=np.float64), score)


@pytest.mark.parametrize(
    ("small", "large", "words"),
    [
        ([1] * 12 + [0] * 8, [0] * 20, "mlp is better than softmax (p < 0.001)"),
        (
            [0] * 20,
            [1] * 12 + [0] * 8,
            "mlp is worse than softmax (p < 0.001); the smaller model is enough",
        ),
        (
            [1] * 4 + [0] * 16,
            [0] * 5 + [1] * 3 + [0] * 12,
            "no evidence that mlp is better than softmax (p = 1); the smaller model is enough",
        ),
        (
            [1] * 3 + [0] * 17,
            [0] * 20,
            (
                "no evidence that mlp is better than softmax (p = 0.25; only one is right on 3 of "
                "20 samples, too few to tell); the smaller model is enough"
            ),
        ),
    ],
)
def test_words(small: list[int], large: list[int], words: str) -> None:
    assert compare(rung("mlp", 10, large), rung("softmax", 5, small)).words() == words


def test_a_model_of_the_same_size_is_not_called_larger() -> None:
    verdict = compare(rung("softmax", 5, [0] * 20), rung("logistic", 5, [0] * 20))
    assert verdict.words() == (
        "no evidence that softmax is better than logistic (p = 1; only one is right on 0 of 20 "
        "samples, too few to tell)"
    )


def test_worse_than_the_baseline() -> None:
    verdict = Verdict("mlp", "majority class", 0.01, "worse", True, 20, 50)
    assert verdict.words() == "mlp is worse than the majority class (p = 0.01)"


@pytest.mark.parametrize(
    ("p", "shown"),
    [(1.0, "= 1"), (0.4, "= 0.4"), (0.0471, "= 0.047"), (0.003, "= 0.003"), (0.00099, "< 0.001")],
)
def test_p_values_as_they_are_shown(p: float, shown: str) -> None:
    assert shown_p(p) == shown


def labels_config(folder: Path, **data: Any) -> nnkit.Config:
    """A config of a table with two yes/no labels, of which the second is rare."""
    X = np.random.default_rng(0).normal(size=(150, 2)).round(3)
    rows = [f"{a},{b},{int(a > 0)},{int(b > 1.5)}" for a, b in X]
    (folder / "t.csv").write_text("\n".join(["a,b,rain,storm", *rows]))
    source = {"kind": "csv", "path": str(folder / "t.csv"), "label": ["rain", "storm"]}
    return nnkit.load_config(
        {
            "name": "weather",
            "data": {"source": source, "preprocess": ["standardize"], **data},
            "architecture": {"layers": [{"dense": 2}]},
            "loss": "binary_cross_entropy",
            "activation": {"output": "sigmoid"},
        }
    )


@pytest.mark.slow
def test_several_labels_are_right_together(tmp_path: Path) -> None:
    question = question_of_config(labels_config(tmp_path), 0)
    ladder = climbed(question, tmp_path / "runs")
    assert [rung.name for rung in ladder.rungs[1:]] == ["logistic", "linear-svm", "mlp"]
    targets = question.task.sets["test"].targets[:]
    train = question.task.sets["train"].targets[:]
    baseline = np.all(targets == (train.mean(axis=0) > 0.5), axis=1).mean()
    assert ladder.rungs[0].scores["exact_match"].value == baseline
    for rung in ladder.rungs[1:]:
        report = nnkit.load_checkpoint(str(rung.directory)).report("test")
        assert rung.scores["exact_match"].value == report.figures["exact_match"] > baseline
    found = record(ladder)
    assert (found["target"], found["classes"], ladder.outputs) == ("labels", None, 2)


def test_a_config_may_make_numbers_of_zeros_and_ones(tmp_path: Path) -> None:
    config = labels_config(tmp_path)
    assert question_of_config(config, 0).target_kind == "labels"
    for change in ("data.source.task=regression", "data.target=standardize"):
        changed = nnkit.load_config(
            config, [change, "loss=squared_error", "activation.output=identity"]
        )
        assert question_of_config(changed, 0).target_kind == "numbers"
