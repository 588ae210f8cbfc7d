"""Tests of a run from config to summary: early stopping, divergence, listeners and resuming."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError, DivergedError, GateError, UsageError
from nnkit.inference.set_metrics import SetMetrics
from nnkit.optim.optimizers.lbfgs import LBFGS
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.task.config import Config
from nnkit.training.continuation import nothing_to_resume
from nnkit.training.events import Evaluation, Step
from nnkit.training.listeners import Listener
from nnkit.training.summary import weights_sum
from nnkit.training.trainer import Trainer
from tests.training.configs import diabetes, iris, optimized


def records(run: nnkit.Run) -> list[dict[str, Any]]:
    """Returns the records of metrics.jsonl without the speed."""
    lines = RunDirectory(run.directory).read_metrics()
    return [{key: line[key] for key in line if key != "samples_per_second"} for line in lines]


def timeless(summary: Any) -> dict[str, Any]:
    return {k: v for k, v in summary.items() if k not in ("seconds", "samples_per_second")}


class StopAfter:
    """A listener that stops training after a number of steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


class StopAt(Listener):
    """A listener that stops training soon after a step, and may be asked whether to stop."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.reached = False

    def stepped(self, step: Step) -> None:
        self.reached = step.number >= self.step

    def __call__(self) -> bool:
        return self.reached


# Resuming


@pytest.mark.parametrize("optimizer", [{"kind": "sgd", "momentum": 0.9}, {"kind": "adam"}])
def test_a_resumed_run_equals_an_uninterrupted_run(
    tmp_path: Path, optimizer: dict[str, Any]
) -> None:
    config = iris(optimizer=optimizer, regularization={"dropout": 0.25})
    whole = nnkit.train(config, runs=tmp_path / "whole")
    parts = tmp_path / "parts"
    for step in (3, 7, 10):  # within an epoch, at its end, within the next
        stop = StopAt(step)
        part = nnkit.train(config, runs=parts, resume=True, should_stop=stop, listeners=[stop])
        assert part.interrupted
    finished = nnkit.train(config, runs=parts, resume=True)
    assert not finished.interrupted
    assert timeless(finished.summary) == timeless(whole.summary)
    assert records(finished) == records(whole)


def test_a_finished_run_is_handed_back_or_made_anew(tmp_path: Path) -> None:
    config = iris()
    first = nnkit.train(config, runs=tmp_path)
    assert not first.already_finished
    for resume in (True, False):
        heard = Meddler()
        same = nnkit.train(config, runs=tmp_path, resume=resume, listeners=[heard])
        assert same == replace(first, already_finished=True)
        assert heard.events == []
    again = nnkit.train(config, runs=tmp_path, restart=True)
    assert not again.already_finished
    assert timeless(again.summary) == timeless(first.summary)
    assert records(again) == records(first)


def test_an_interrupted_run_is_neither_continued_nor_replaced_unasked(tmp_path: Path) -> None:
    config = iris()
    part = nnkit.train(config, runs=tmp_path, should_stop=StopAfter(3))
    remedy = (
        f"{part.directory} was interrupted; use --resume to continue it or --restart to start over"
    )
    with pytest.raises(UsageError, match=remedy):
        nnkit.train(config, runs=tmp_path)
    assert nnkit.train(config, runs=tmp_path, resume=True).summary["step"] == 21


class Hears(Listener):
    """A listener that collects the messages before the first step."""

    def started(self, trainer: Trainer) -> None:
        more = nothing_to_resume(trainer) if trainer.has_nothing_to_resume else ()
        self.notices = [*trainer.notices, *more]


def told(config: Config, runs: Path) -> list[str]:
    """Returns the messages when a config is resumed."""
    hears = Hears()
    nnkit.train(config, runs=runs, resume=True, listeners=[hears])
    return hears.notices


def test_where_there_is_nothing_to_resume_the_nearest_run_is_named(tmp_path: Path) -> None:
    """Checks that the run of that name with the fewest different settings is named."""
    assert told(iris(), tmp_path) == []
    far = nnkit.train(iris(seed=5, training={"epochs": 1}), runs=tmp_path).directory
    assert told(iris(name="other", seed=2), tmp_path) == []
    near = nnkit.train(iris(seed=1), runs=tmp_path).directory
    (notice,) = told(iris(seed=2), tmp_path)
    assert notice == (
        f"nothing to resume: this run differs from {near} in seed (1 there, 2 here); "
        "training starts at step 0"
    )
    (notice,) = told(iris(seed=5, training={"epochs": 1, "batch_size": 15}), tmp_path)
    assert f"differs from {far} in training.batch_size (16 there, 15 here);" in notice
    many = {"epochs": 4, "batch_size": 9, "accumulate": 2, "precision": "float64"}
    (notice,) = told(iris(seed=9, training=many), tmp_path)
    assert "4 here), training.batch_size (15 there, 9 here), 2 more settings;" in notice


def test_where_the_data_has_changed_it_is_said(tmp_path: Path) -> None:
    def on(rows: int) -> Config:
        table = tmp_path / "t.csv"
        table.write_text("a,b\n" + "".join(f"{i},{'xyz'[i % 3]}\n" for i in range(rows)))
        source = {"kind": "csv", "path": str(table), "label": "b"}
        return iris(name="t", data={"source": source})

    first = nnkit.train(on(50), runs=tmp_path / "runs").directory
    *_, notice = told(on(51), tmp_path / "runs")
    assert notice.startswith(f"nothing to resume: this run differs from {first} in the data;")


# Optional libraries


def test_a_missing_library_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    config = optimized(LBFGS(engine="scipy"))
    with pytest.raises(UsageError, match="engine: scipy needs scipy: pip install scipy"):
        nnkit.train(config, runs=tmp_path)
    assert not list(tmp_path.iterdir())


# Seeds


def test_same_seed_same_bits_other_seed_other_bits(tmp_path: Path) -> None:
    def weights(folder: str, seed: int) -> str:
        run = nnkit.train(iris(seed=seed), runs=tmp_path / folder)
        return str(run.summary["weights_sha256"])

    first = weights("first", 1)
    assert weights("second", 1) == first
    assert weights("second", 2) != first


# Early stopping


def test_stops_when_patience_is_out_and_keeps_the_best(tmp_path: Path) -> None:
    config = iris(
        regularization={"early_stopping": 4},
        training={"epochs": 200, "monitor": "validation.loss"},
        optimizer={"kind": "adam", "lr": 0.05},
    )
    run = nnkit.train(config, runs=tmp_path)
    losses = [record["validation.loss"] for record in records(run)]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4 < 200
    assert run.summary["outcome"] == "stopped early"
    assert run.summary["best"] == {"step": 7 * (best + 1), "validation.loss": losses[best]}
    assert run.summary["results"]["validation"]["loss"] == losses[best]
    assert run.summary["best_weights_sha256"] != run.summary["weights_sha256"]
    assert weights_sum(run.load().model.params) == run.summary["best_weights_sha256"]


def test_a_change_that_is_too_small_counts_as_none(tmp_path: Path) -> None:
    stopping = {"patience": 2, "minimum_change": 10.0}
    run = nnkit.train(iris(regularization={"early_stopping": stopping}), runs=tmp_path)
    assert len(records(run)) == 3
    assert run.summary["best"]["step"] == 7


def test_an_equal_result_is_no_improvement(tmp_path: Path) -> None:
    config = iris(
        training={"epochs": 20, "monitor": "validation.accuracy"},
        optimizer={"kind": "adam", "lr": 0.02},
    )
    run = nnkit.train(config, runs=tmp_path)
    accuracies = [record["validation.accuracy"] for record in records(run)]
    assert accuracies.count(max(accuracies)) > 1
    assert run.summary["best"]["step"] == 7 * (int(np.argmax(accuracies)) + 1)


def test_the_last_evaluation_is_the_best_if_wanted(tmp_path: Path) -> None:
    config = iris(training={"epochs": 20, "monitor": "last"}, optimizer={"kind": "adam", "lr": 0.2})
    run = nnkit.train(config, runs=tmp_path)
    losses = [record["validation.loss"] for record in records(run)]
    assert int(np.argmin(losses)) < 19
    assert run.summary["best"]["step"] == 7 * 20
    assert run.summary["best_weights_sha256"] == run.summary["weights_sha256"]
    with pytest.raises(ConfigError, match="early stopping needs a metric to monitor"):
        nnkit.train(
            iris(regularization={"early_stopping": 4}, training={"monitor": "last"}), runs=tmp_path
        )


def test_a_run_stopped_early_is_not_taken_up_again(tmp_path: Path) -> None:
    config = iris(
        regularization={"early_stopping": {"patience": 1, "minimum_change": 10.0}},
        training={"epochs": 20},
    )
    whole = nnkit.train(config, runs=tmp_path)
    directory = RunDirectory(whole.directory)
    directory.summary.unlink()  # as after a power failure before it was written
    resumed = nnkit.train(config, runs=tmp_path, resume=True)
    assert timeless(resumed.summary) == timeless(whole.summary)


def test_early_stopping_needs_something_to_watch(tmp_path: Path) -> None:
    config = iris(data={"split": {"validation": 0}}, regularization={"early_stopping": 3})
    with pytest.raises(ConfigError, match=r"early_stopping: needs a validation set"):
        nnkit.train(config, runs=tmp_path)


# Divergence


class Copies(Listener):
    """A listener that copies the checkpoints at each evaluation."""

    def started(self, trainer: Trainer) -> None:
        self.saver, self.directory = trainer.saver, trainer.directory
        self.kept: tuple[bytes, bytes] | None = None

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        self.saver.flush()
        self.kept = self.directory.best.read_bytes(), self.directory.last.read_bytes()


def test_divergence_leaves_the_checkpoints_alone(tmp_path: Path) -> None:
    config = iris(
        optimizer={"kind": "sgd", "lr": 1e10},
        data={"split": {"validation": 0}},
        training={"evaluate_every": 1},
    )
    copies = Copies()
    with pytest.raises(DivergedError, match=r"step 3;.*in layers\.1\n") as caught:
        nnkit.train(config, runs=tmp_path, listeners=[copies])
    run = copies.directory
    assert copies.kept == (run.best.read_bytes(), run.last.read_bytes())
    assert str(run.diverged) in str(caught.value)
    assert nnkit.load_checkpoint(run.diverged).info["progress"]["step"] == 2
    assert not run.finished


def test_an_evaluation_without_a_number_is_divergence_too(tmp_path: Path) -> None:
    config = iris(optimizer={"kind": "sgd", "lr": 1e30}, training={"evaluate_every": 1})
    with pytest.raises(DivergedError, match=r"validation\.loss"):
        nnkit.train(config, runs=tmp_path)


# Listeners


class Meddler(Listener):
    """A listener that does everything allowed, except for writing to the model."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def started(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.events.append("started")

    def stepped(self, step: Step) -> None:
        np.random.default_rng(step.number)
        model = self.trainer.model
        for batch in (1, 2, 3, 5, 7):  # evicts the buffers of training
            model.forward(np.ones((7, *model.input_shape)), batch)
        model.grads.fill(np.nan)
        self.events.append("stepped")

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        self.events.append("evaluated")

    def ended(self) -> None:
        self.events.append("ended")


@pytest.mark.parametrize("listeners", [[Listener()], [Meddler()], [Meddler(), Copies()]])
def test_listeners_change_no_number(tmp_path: Path, listeners: Sequence[Listener]) -> None:
    config = iris(regularization={"dropout": 0.25})
    alone = nnkit.train(config, runs=tmp_path / "alone")
    heard = nnkit.train(config, runs=tmp_path / "heard", listeners=listeners)
    assert timeless(heard.summary) == timeless(alone.summary)


def test_listeners_get_all_events_in_order(tmp_path: Path) -> None:
    meddler = Meddler()
    nnkit.train(iris(training={"epochs": 2}), runs=tmp_path, listeners=[meddler])
    epoch = ["stepped"] * 7 + ["evaluated"]
    assert meddler.events == ["started", *epoch, *epoch, "ended"]


# Gates


def with_bounds(**bounds: Any) -> Config:
    return iris(expect={name.replace("_", "."): bound for name, bound in bounds.items()})


def test_satisfied_bounds_print_nothing(tmp_path: Path) -> None:
    run = nnkit.train(with_bounds(test_accuracy={"min": 0.0, "max": 1.0}), runs=tmp_path)
    assert run.summary["outcome"] == "completed"


def test_a_missed_bound_is_an_error_with_the_run_complete(tmp_path: Path) -> None:
    config = with_bounds(test_accuracy={"max": 0.01}, train_loss={"max": 0.0}, test_loss={"min": 0})
    with pytest.raises(GateError) as caught:
        nnkit.train(config, runs=tmp_path)
    first, second = str(caught.value).splitlines()
    run = caught.value.run
    assert first.startswith(f"{run.directory}: test.accuracy is ")
    assert re.search(r"expected at most 0\.01 \(0\.\d+ too high\)$", first)
    assert second.startswith(f"{run.directory}: train.loss is ")
    assert "expected at most 0 (" in second
    assert RunDirectory(run.directory).read_summary() == run.summary
    assert run.summary["outcome"] == "gate missed"
    assert len(run.summary["missed"]) == 2
    run.load()
    for resume in (True, False):  # also when the finished run is requested again
        with pytest.raises(GateError) as caught:
            nnkit.train(config, runs=tmp_path, resume=resume)
        assert caught.value.run == replace(run, already_finished=True)


def test_changed_gates_judge_the_finished_run_anew(tmp_path: Path) -> None:
    first = nnkit.train(with_bounds(test_accuracy={"min": 0.0}), runs=tmp_path)
    with pytest.raises(GateError) as caught:
        nnkit.train(with_bounds(test_accuracy={"max": 0.01}), runs=tmp_path)
    missed = caught.value.run
    assert (missed.directory, missed.already_finished) == (first.directory, True)
    assert RunDirectory(missed.directory).read_summary() == missed.summary
    assert missed.summary["expect"] == {"test.accuracy": {"max": 0.01}}
    again = nnkit.train(with_bounds(test_accuracy={"min": 0.0}), runs=tmp_path)
    assert again.summary == first.summary


@pytest.mark.parametrize("name", ["seconds", "parameters", "checkpoint_bytes"])
def test_a_bound_on_the_run_as_a_whole(name: str, tmp_path: Path) -> None:
    nnkit.train(iris(expect={name: {"max": 1e9}}), runs=tmp_path)
    with pytest.raises(GateError, match=rf"{name} is .*, expected at most 0 "):
        nnkit.train(iris(expect={name: {"max": 0}}), runs=tmp_path)


def test_gates_over_several_runs_are_not_those_of_one(tmp_path: Path) -> None:
    config = with_bounds(
        test_accuracy={"max": 0.0, "seeds": 2}, test_loss={"no_worse_than": "none.json"}
    )
    assert nnkit.train(config, runs=tmp_path).summary["outcome"] == "completed"


def test_a_bound_on_a_figure_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown metric; available: .*test\.accuracy"):
        nnkit.train(with_bounds(test_r2={"min": 0.5}), runs=tmp_path)


# The summary


def test_what_is_monitored_by_default(tmp_path: Path) -> None:
    unwatched: dict[str, Any] = {"data": {"split": {"validation": 0}}}
    penalized = {**unwatched, "regularization": {"l2": 0.1}}
    monitors = [
        nnkit.train(config, runs=tmp_path).summary["monitor"]
        for config in (iris(), diabetes(), iris(**unwatched), iris(**penalized))
    ]
    assert monitors == ["validation.loss", "validation.loss", "train.loss", "train.objective"]


def test_a_monitor_that_is_no_figure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"unknown metric 'test\.loss'; available: validation\.loss"
    ):
        nnkit.train(iris(training={"monitor": "test.loss"}), runs=tmp_path)


def test_the_summary_scores_every_set_with_the_best_weights(tmp_path: Path) -> None:
    run = nnkit.train(iris(), runs=tmp_path)
    summary = run.summary
    trained = run.load()
    assert summary["samples"] == {"train": 105, "validation": 15, "test": 30}
    for split, size in summary["samples"].items():
        assert trained.evaluate(split) == SetMetrics(split, size, summary["results"][split])
    assert summary["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert (summary["steps"], summary["step"], summary["epochs"]) == (21, 21, 3)


def test_the_objective_is_loss_and_penalty(tmp_path: Path) -> None:
    run = nnkit.train(iris(regularization={"l2": 0.01}), runs=tmp_path)
    model = run.load().model
    weights = model.params[model.layout.decayed].astype(float)
    figures = run.summary["results"]["train"]
    assert figures["objective"] == pytest.approx(figures["loss"] + 0.005 * (weights**2).sum())


# Additional metrics

MORE = {"metrics": ["f1", "balanced_accuracy", "log_loss"]}


def test_more_metrics_are_in_every_record_and_the_summary(tmp_path: Path) -> None:
    run = nnkit.train(iris(training=MORE), runs=tmp_path)
    names = ["loss", "accuracy", *MORE["metrics"]]
    for record in records(run):
        assert [key for key in record if key.startswith("validation.")] == [
            f"validation.{name}" for name in names
        ]
    assert all([*run.summary["results"][split]] == names for split in ("train", "test"))
    assert run.load().evaluate().figures == run.summary["results"]["test"]


def test_a_default_metric_that_is_named_appears_once(tmp_path: Path) -> None:
    run = nnkit.train(iris(training={"metrics": ["accuracy", "f1", "f1"]}), runs=tmp_path)
    assert [*run.summary["results"]["test"]] == ["loss", "accuracy", "f1"]


@pytest.mark.parametrize(("metric", "best"), [("f1", max), ("log_loss", min)])
def test_a_metric_can_choose_the_best(tmp_path: Path, metric: str, best: Any) -> None:
    training = {**MORE, "epochs": 12, "monitor": f"validation.{metric}"}
    run = nnkit.train(iris(training=training, optimizer={"lr": 0.05}), runs=tmp_path)
    values = [record[f"validation.{metric}"] for record in records(run)]
    assert run.summary["best"][f"validation.{metric}"] == best(values)
    assert run.summary["peak"][f"validation.{metric}"]["value"] == best(values)


def test_a_metric_can_be_a_gate(tmp_path: Path) -> None:
    config = iris(training=MORE, expect={"test.f1": {"max": 0.01}})
    with pytest.raises(GateError, match=r"test\.f1 is 0\.\d+, expected at most 0\.01"):
        nnkit.train(config, runs=tmp_path)


def test_the_plateau_schedule_follows_a_metric_upwards(tmp_path: Path) -> None:
    """Checks that the rate is kept while f1 rises, which for a loss would be a plateau."""
    schedule = {"kind": "plateau", "gamma": 0.5, "patience": 1, "minimum_change": 0}
    config = iris(
        training={**MORE, "epochs": 6, "monitor": "validation.f1"},
        optimizer={"kind": "sgd", "lr": 0.01, "schedule": schedule},
    )
    found = records(nnkit.train(config, runs=tmp_path))
    values = [record["validation.f1"] for record in found]
    best, waited, factor = -np.inf, 0, 1.0
    for value, record in zip(values, found, strict=True):
        assert record["lr"] == pytest.approx(0.01 * factor)
        best, waited = (value, 0) if value > best else (best, waited + 1)
        if waited > 1:
            factor, waited = factor / 2, 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            lambda: iris(training={"metrics": ["f1", "rmse"]}),
            r"training\.metrics\.1: 'rmse' is a metric for real numbers, but",
        ),
        (
            lambda: diabetes(training={"metrics": ["f1"]}),
            "'f1' is a metric for classes or yes/no labels, but the targets are real numbers",
        ),
        (
            lambda: iris(training={"metrics": ["brier"]}, loss="hinge"),
            r"training\.metrics\.0: 'brier' needs probabilities, which 'identity' does not return",
        ),
    ],
)
def test_a_metric_that_does_not_suit_is_refused(tmp_path: Path, config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nnkit.train(config(), runs=tmp_path)


# Endings


def test_how_a_run_ended_is_in_its_summary(tmp_path: Path) -> None:
    def ending(runs: str, config: Config, **arguments: Any) -> dict[str, Any]:
        with contextlib.suppress(DivergedError, GateError):
            nnkit.train(config, runs=tmp_path / runs, **arguments)
        (directory,) = list_runs(tmp_path / runs)
        return directory.read_ending()

    assert ending("whole", iris())["outcome"] == "completed"
    stopped = ending("stopped", iris(), should_stop=lambda: True)
    assert (stopped["outcome"], stopped["step"]) == ("interrupted", 1)
    pruned = ending("pruned", iris(), should_stop=lambda: "pruned")
    assert (pruned["outcome"], pruned["step"]) == ("pruned", 1)
    diverged = ending("diverged", iris(optimizer={"kind": "sgd", "lr": 1e30}))
    assert diverged["outcome"] == "diverged"
    assert "the loss became" in diverged["error"]
    assert ending("gate", with_bounds(test_accuracy={"min": 1.0}))["outcome"] == "gate missed"
    assert [list_runs(tmp_path / name)[0].state for name in ("stopped", "pruned", "diverged")] == [
        "interrupted",
        "pruned",
        "diverged",
    ]


def test_an_interrupted_run_that_is_resumed_has_no_ending_until_its_end(tmp_path: Path) -> None:
    nnkit.train(iris(), runs=tmp_path, should_stop=lambda: True)
    (directory,) = list_runs(tmp_path)
    assert directory.read_ending()["outcome"] == "interrupted"

    class Looking(Listener):
        def started(self, trainer: Trainer) -> None:
            assert directory.read_ending() == {}

    nnkit.train(iris(), runs=tmp_path, resume=True, listeners=[Looking()])
    assert directory.read_ending()["outcome"] == "completed"


def test_a_budget_limits_the_threads(tmp_path: Path) -> None:
    config = iris(training={"threads": 3})
    runs = [nnkit.train(config, runs=tmp_path / str(n), threads=n) for n in (1, 2, 8)]
    assert [run.summary["threads"] for run in runs] == [1, 2, 3]


@pytest.mark.parametrize(("threads", "notices"), [(3, 0), (1, 1)])
def test_a_resumed_run_keeps_its_threads_and_says_so(
    threads: int, notices: int, tmp_path: Path
) -> None:
    config, hears = iris(training={"threads": 3}), Hears()
    nnkit.train(config, runs=tmp_path, should_stop=lambda: True)
    run = nnkit.train(config, runs=tmp_path, resume=True, threads=threads, listeners=[hears])
    assert run.summary["threads"] == 3
    assert [x for x in hears.notices if x.startswith("resumed with 3 threads")] == (
        ["resumed with 3 threads, as begun, instead of 1, for the same results"] * notices
    )
