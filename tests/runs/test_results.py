"""Runs ranked by a final metric."""

from __future__ import annotations

from pathlib import Path

from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import final_metrics, rank


def finished(runs: Path, name: str, step: int = 1, **figures: float) -> RunDirectory:
    """A run whose test set was evaluated with these results."""
    run = RunDirectory(runs / name)
    run.create("seed: 0\n")
    run.last.touch()
    run.write_summary(
        {
            "outcome": "completed",
            "best": {"step": step},
            "monitor": "test.loss",
            "results": {"test": figures},
        }
    )
    return run


def test_final_metrics_are_named_by_set_and_metric() -> None:
    summary = {"results": {"train": {"loss": 1.0}, "test": {"loss": 2.0, "accuracy": 0.5}}}
    expected = {"train.loss": 1.0, "test.loss": 2.0, "test.accuracy": 0.5}
    assert final_metrics(summary) == expected
    assert final_metrics({}) == {}


def test_the_best_comes_first_and_of_equals_the_one_trained_first(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, f"a-{i}", step=i, accuracy=accuracy)
        for i, accuracy in enumerate((0.5, 0.9, 0.7, 0.9))
    ]
    ranking = rank(runs, "test.accuracy", higher=True)
    assert [(r.run, r.value, r.step) for r in ranking.results] == [
        (runs[1], 0.9, 1),
        (runs[3], 0.9, 3),
        (runs[2], 0.7, 2),
        (runs[0], 0.5, 0),
    ]
    lowest = rank(runs, "test.accuracy", higher=False).results
    assert [result.run for result in lowest] == [runs[0], runs[2], runs[1], runs[3]]


def test_runs_without_the_metric_are_skipped_with_the_reason(tmp_path: Path) -> None:
    other = finished(tmp_path, "a-1", loss=0.3)
    damaged = finished(tmp_path, "a-2", accuracy=0.3)
    damaged.summary.write_text("{")
    interrupted = finished(tmp_path, "a-3", accuracy=0.3)
    interrupted.summary.unlink()
    ranking = rank([other, damaged, interrupted], "test.accuracy", higher=True)
    assert ranking.results == ()
    assert ranking.skipped == (
        (other, "no test.accuracy"),
        (damaged, "its summary is damaged"),
        (interrupted, "interrupted"),
    )
