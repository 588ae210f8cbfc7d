"""Tests of the training plan: it matches the run, and creating it has no side effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.errors import SettingError
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from nnkit.training.plan import Plan, pace, plan
from tests.training.configs import iris, trainer_for


def task_of(**changes: Any) -> Task:
    return load_task(iris(**changes))


def planned(task: Task) -> Plan:
    model = task.build_model()
    return plan(task, model, {name: task.prepare(task.sets[name], model) for name in task.sets})


def test_planning_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = task_of()
    model = task.build_model()
    sets = {name: task.prepare(task.sets[name], model) for name in task.sets}
    before = model.params.tobytes(), model.state.tobytes(), model.execution
    assert plan(task, model, sets) == plan(task, model, sets)
    assert (model.params.tobytes(), model.state.tobytes(), model.execution) == before
    assert list(tmp_path.iterdir()) == []


def test_a_session_is_as_planned(tmp_path: Path) -> None:
    task = task_of()
    found, trainer = planned(task), trainer_for(task.config, tmp_path)
    assert trainer.directory.path == tmp_path / found.run_name
    assert trainer.plan.monitor == found.monitor
    assert trainer.model.execution == found.execution
    assert (trainer.loop.steps, trainer.loop.evaluate_every, trainer.loop.per_epoch) == (
        found.pace.steps,
        found.evaluate_every,
        found.pace.per_epoch,
    )


@pytest.mark.parametrize(
    ("training", "samples", "expected"),
    [
        ({"batch_size": 32, "epochs": 3}, 100, (32, 4, 12)),
        ({"batch_size": 200, "epochs": 3}, 100, (100, 1, 3)),
        ({"batch_size": 10, "epochs": 2, "accumulate": 4}, 100, (10, 3, 6)),
        ({"batch_size": 10, "epochs": None, "steps": 7}, 100, (10, 10, 7)),
    ],
)
def test_the_pace_follows_from_batch_size_and_samples(
    training: dict[str, Any], samples: int, expected: tuple[int, int, int]
) -> None:
    found = pace(iris(training=training), samples)
    assert (found.batch_size, found.per_epoch, found.steps) == expected


def test_an_optimizer_of_whole_sets_has_one_step_an_epoch() -> None:
    found = pace(iris(optimizer="lbfgs", training={"epochs": 5, "batch_size": 32}), 1000)
    assert (found.batch_size, found.per_epoch, found.steps) == (1000, 1, 5)


def test_what_is_wrong_is_said_with_its_setting() -> None:
    with pytest.raises(SettingError, match=r"unknown metric 'validation\.nothing'") as refused:
        planned(task_of(training={"monitor": "validation.nothing"}))
    assert refused.value.path == ("training", "monitor")


def test_runs_differ_in_their_names_where_their_settings_do() -> None:
    names = {planned(task_of(seed=seed)).run_name for seed in (0, 1, 1)}
    assert len(names) == 2
    assert np.all([name.partition("-")[2] for name in names])
