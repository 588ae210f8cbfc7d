"""Tests of cross-validation: as scikit-learn's on the same folds, resumable, judged by its mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnkit
from nnkit.data.folds import fold_numbers
from nnkit.errors import ConfigError, UsageError
from nnkit.experiments.cross_validation import CrossValidation, fold_configs
from nnkit.task.config_loading import config_from
from tests.cli.conftest import program as program  # noqa: PLC0414 (a fixture)
from tests.cli.program import IRIS, Program
from tests.training.configs import diabetes, iris

L2 = 0.01
QUICK = ("--set", "training.epochs=2", "--quiet")


def test_means_are_those_of_scikit_learn(tmp_path: Path) -> None:
    config = diabetes(
        seed=3,
        data={"split": {"validation": 0}},
        architecture={"layers": [{"dense": 1}]},
        optimizer="lbfgs",
        regularization={"l2": L2},
        training={"epochs": 60, "monitor": "last", "precision": "float64"},
    )
    found = CrossValidation([nnkit.train(c, runs=tmp_path) for c in fold_configs(config, 4)])
    samples = config.data.source.load().samples
    X, t = np.asarray(samples.inputs), np.asarray(samples.targets)[:, 0]
    folds = PredefinedSplit(fold_numbers(len(X), 4, 3))
    scores = [
        float(
            Ridge(L2 * len(train))
            .fit(_scaled(X, train)[train], t[train])
            .score(_scaled(X, train)[test], t[test])
        )
        for train, test in folds.split()
    ]
    assert found.values()["test.r2"] == pytest.approx(scores, rel=1e-6)
    mean, deviation = found.means()["test.r2"]
    assert mean == pytest.approx(np.mean(scores), rel=1e-6)
    assert deviation == pytest.approx(np.std(scores, ddof=1), rel=1e-5)
    pipeline = make_pipeline(StandardScaler(), Ridge(L2 * len(X) * 3 / 4))
    usual = cross_val_score(pipeline, X, t, cv=folds)
    assert mean == pytest.approx(usual.mean(), abs=1e-3)


def _scaled(X: Any, train: Any) -> Any:
    return StandardScaler().fit(X[train]).transform(X)


def test_each_fold_is_an_ordinary_run_of_its_own(tmp_path: Path) -> None:
    configs = fold_configs(iris(), 3)
    runs = [nnkit.train(config, runs=tmp_path) for config in configs]
    assert len({run.directory for run in runs}) == 3
    again = config_from(runs[1].load().config.resolved())
    assert nnkit.train(again, runs=tmp_path).directory == runs[1].directory
    assert runs[1].load().evaluate().loss == runs[1].summary["results"]["test"]["loss"]


def test_a_config_of_one_fold_or_with_gates_over_seeds_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.split\.folds: --folds sets this itself"):
        fold_configs(iris(data={"split": {"folds": 3, "fold": 1}}), 3)
    with pytest.raises(UsageError, match=r"cannot judge expect\.test\.accuracy"):
        fold_configs(iris(expect={"test.accuracy": {"min": 0.5, "seeds": 3}}), 3)


def test_train_prints_a_row_for_each_fold_and_the_mean(program: Program) -> None:
    answer = program("train", IRIS, *QUICK, "--folds", 3)
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows[0] == ["fold", "run", "loss", "accuracy"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "mean", "±"]
    accuracies = [float(row[3]) for row in rows[1:4]]
    assert float(rows[4][2]) == pytest.approx(np.mean(accuracies), abs=0.01)
    assert [line for line in answer.err.splitlines() if line.startswith("fold")] == [
        "fold 1 of 3",
        "fold 2 of 3",
        "fold 3 of 3",
    ]
    record = program("train", IRIS, *QUICK, "--folds", 3, "--json").json
    assert record["metrics"]["test.accuracy"]["mean"] == pytest.approx(
        np.mean(record["metrics"]["test.accuracy"]["folds"])
    )


def test_gates_hold_for_the_mean(program: Program) -> None:
    gate = ("--set", "expect={test.accuracy: {min: 0.999}}")
    answer = program("train", IRIS, *QUICK, *gate, "--folds", 2)
    assert answer.code == 4
    assert "\nerror: the mean of test.accuracy is 0." in answer.err
    passed = program(
        "train", IRIS, *QUICK, "--set", "expect={test.accuracy: {min: 0.1}}", "--folds", 2
    )
    assert passed.code == 0


def test_finished_folds_are_kept_and_the_interrupted_one_is_resumed(
    program: Program, tmp_path: Path
) -> None:
    config = nnkit.load_config(IRIS, ["training.epochs=2"])
    first, second, _ = fold_configs(config, 3)
    done = nnkit.train(first, runs=tmp_path / "runs")
    begun = nnkit.train(second, runs=tmp_path / "runs", should_stop=lambda: True)
    assert begun.interrupted
    refused = program("train", IRIS, *QUICK, "--folds", 3)
    assert (refused.code, refused.out) == (2, "")
    assert "use --resume to continue it" in refused.err
    answer = program("train", IRIS, *QUICK, "--folds", 3, "--resume")
    assert answer.code == 0
    assert done.directory.name in answer.out
    assert begun.directory.name in answer.out
    whole = program("train", IRIS, *QUICK, "--folds", 3, "--runs", "others")
    assert whole.out == answer.out


@pytest.mark.parametrize("other", ["--dry-run", "1"])
def test_options_that_make_no_sense_together_are_refused(program: Program, other: str) -> None:
    flags = ("--folds", 3, "--dry-run") if other == "--dry-run" else ("--folds", 1)
    assert program("train", IRIS, *flags).code == 2
