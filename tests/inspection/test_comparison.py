"""Comparison of runs: whose metrics, whose curves, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.charts import MOST_CURVES
from nnkit.errors import UsageError
from nnkit.inspection.comparison import compare_runs, draw_learning_curves
from nnkit.runs.directory import RunDirectory
from tests.training.configs import iris


def trained(runs: Path, *, stop: bool = False, **sections: Any) -> RunDirectory:
    config = iris(**sections)
    return RunDirectory(nnkit.train(config, runs=runs, should_stop=lambda: stop).directory)


def test_curves_are_the_evaluations_in_metrics_jsonl(tmp_path: Path) -> None:
    runs = [trained(tmp_path, seed=seed) for seed in (0, 1)]
    found = compare_runs(runs)
    assert found.metric == (runs[0].read_summary() or {})["monitor"]
    (remark,) = found.remarks
    assert remark.startswith(
        "B: other validation and test samples than A; give all runs the same data.split"
    )
    assert [one.letter for one in found.runs] == ["A", "B"]
    assert [one.settings for one in found.runs] == [{"seed": 0}, {"seed": 1}]
    assert found.metric is not None
    chart = draw_learning_curves(found)
    for run, curve in zip(runs, chart.curves, strict=True):
        records = run.read_metrics()
        assert curve.x.tolist() == [record["epoch"] for record in records]
        assert curve.y.tolist() == [record[found.metric] for record in records]
    assert chart.curves[0].style != chart.curves[1].style
    assert (chart.title, chart.x_label) == (found.metric, "epoch")
    assert [curve.name for curve in chart.curves] == ["A", "B"]
    named = draw_learning_curves(found, named=True).curves
    assert [curve.name for curve in named] == [
        f"{letter}  {run.path.name}" for letter, run in zip("AB", runs, strict=True)
    ]


def test_another_metric(tmp_path: Path) -> None:
    runs = [trained(tmp_path, seed=seed) for seed in (0, 1)]
    found = compare_runs(runs, "train.loss")
    assert [point["value"] for point in found.runs[1].points("train.loss")] == [
        record["train.loss"] for record in runs[1].read_metrics()
    ]
    with pytest.raises(UsageError, match=r"no run recorded test\.f1 .*; available: train\.loss"):
        compare_runs(runs, "test.f1")


def test_the_monitor_named_in_the_config_counts_and_others_are_told(tmp_path: Path) -> None:
    split = {"validation": 0.2, "test": 0.2}
    data = iris().resolved()["data"] | {"split": split}
    first = trained(tmp_path, data=data, training={"epochs": 2, "monitor": "validation.accuracy"})
    second = trained(tmp_path, data=data, training={"epochs": 2})
    found = compare_runs([first, second])
    assert found.metric == "validation.accuracy"
    assert found.remarks == ("B monitors validation.loss",)


def test_an_unfinished_run_has_a_curve_if_it_was_evaluated(tmp_path: Path) -> None:
    first, interrupted = trained(tmp_path), trained(tmp_path, stop=True, seed=1)
    found = compare_runs([interrupted, first])
    assert found.remarks == ("A was not evaluated yet, so it has no curve",)
    assert [curve.name for curve in draw_learning_curves(found).curves] == ["B"]
    assert found.runs[0].results == {}
    other = trained(tmp_path, stop=True, seed=2)
    nothing = compare_runs([interrupted, other])
    assert nothing.metric is None
    assert nothing.remarks[0] == "no run was evaluated yet, so there are no learning curves"


def test_runs_of_other_data_or_another_loss_are_told(tmp_path: Path) -> None:
    """Other columns of the same rows are no other data, as long as the rows held out are known."""
    split = {"split": {"seed": 0}}
    runs = [
        trained(tmp_path, data=split),
        trained(tmp_path, data={**split, "source": {"ignore": ["sepal_width"]}}, seed=1),
        trained(tmp_path, data=split, loss="focal"),
        trained(tmp_path, data={**split, "source": {"leave_out": [2]}}),
    ]
    found = compare_runs(runs).remarks
    assert found == (
        "C: losses of another kind than A, which cannot be compared",
        "D: other data than A, so their metrics cannot be compared",
    )


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    run = trained(tmp_path)
    with pytest.raises(UsageError, match="give at least two runs"):
        compare_runs([run])
    with pytest.raises(UsageError, match="is given twice"):
        compare_runs([run, RunDirectory(run.path.resolve())])
    with pytest.raises(UsageError, match="at most 7 can be told apart"):
        compare_runs([run] * (MOST_CURVES + 1))
