"""Studies: what is drawn, what is pruned, and that an interruption changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.errors import UsageError
from nnkit.experiments.job import Ending
from nnkit.experiments.presence import Presence, is_alive
from nnkit.experiments.study import PROCESSES, Study
from nnkit.experiments.tune_reports import config_of, write_best
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import RunDirectory
from tests.experiments.tune_files import BASE, LR, SEARCH, Interruptions, study_of, train

HALVING = SEARCH.replace("trials: 4", "pruner: {successive_halving: {factor: 2}}")
TPE = "search: {metric: validation.loss, sampler: {tpe: {startup_trials: 2}}}\n"


def results(study: Study) -> list[Any]:
    """All trials without what depends on time and process."""
    return [replace(record, seconds=0.0, owner="", run="") for record in study.records()]


def test_a_pruned_trial_takes_no_further_step(tmp_path: Path) -> None:
    study = study_of(tmp_path, LR + HALVING)
    train(study, 4)
    pruned = [record for record in study.records() if record.state == "pruned"]
    assert pruned
    assert any(record.state == "finished" for record in study.records())
    for record in pruned:
        run = RunDirectory(Path(record.run))
        evaluations = run.read_metrics()
        assert list(record.history) == list(range(1, len(evaluations) + 1))
        ending = run.read_ending()
        assert (ending["outcome"], ending["step"]) == ("pruned", evaluations[-1]["step"])
        assert ending["step"] < ending["steps"]


def test_results_that_are_there_do_not_change_what_is_pruned(tmp_path: Path) -> None:
    whole = study_of(tmp_path, LR + SEARCH)
    train(whole, 4)
    again = study_of(tmp_path, LR + HALVING)
    train(again, 4)
    (tmp_path / "new").mkdir()
    fresh = study_of(tmp_path / "new", LR + HALVING)
    train(fresh, 4)
    assert again.name == fresh.name != whole.name
    assert {record.state for record in again.records()} == {"finished", "pruned"}
    assert results(again) == results(fresh)


@pytest.mark.parametrize("search", [HALVING, TPE])
def test_a_study_that_is_interrupted_and_continued_has_the_same_trials(
    tmp_path: Path, search: str
) -> None:
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    whole = study_of(tmp_path / "whole", LR + search)
    train(whole, 4)
    interruptions, count = Interruptions(every=3), 0
    while True:  # opened anew each time, as by another process
        study = study_of(tmp_path / "parts", LR + search)
        if train(study, 4, interruptions):
            break
        count += 1
    assert count >= 3
    assert results(study) == results(whole)
    assert weights(tmp_path / "whole") == weights(tmp_path / "parts")


def weights(folder: Path) -> dict[str, dict[str, bytes]]:
    """The last weights of each run."""
    found = {}
    for path in (folder / "runs").glob("t-*"):
        params = read_checkpoint(RunDirectory(path).last).part("params")
        found[path.name] = {name: values.tobytes() for name, values in params.items()}
    return found


def test_an_interrupted_trial_is_continued_and_not_drawn_again(tmp_path: Path) -> None:
    study = study_of(tmp_path, LR + SEARCH)
    with study.present():
        first = study.next(3)
        assert first is not None
        config = study.checked.file.config(first.suggest)
        assert [record.state for record in study.records()] == ["running"]
        first.finish(Ending("interrupted"))
    assert [record.state for record in study.records()] == ["interrupted"]
    again = study_of(tmp_path, LR + SEARCH)
    with again.present():
        second = again.next(3)
        assert second is not None
        assert second.number == first.number
        assert again.checked.file.config(second.suggest).resolved() == config.resolved()


def test_a_trial_without_values_is_drawn_as_it_would_have_been(tmp_path: Path) -> None:
    text = LR.replace("}}}", "}}, clip: {float: {low: 1, high: 2}}}") + SEARCH
    study = study_of(tmp_path, text)
    one, other = study.dimensions
    with study.present():
        attempt = study.next(1)
        assert attempt is not None
        value = attempt.suggest(other)  # killed here, before the first one
        attempt.finish(Ending("interrupted"))
        again = study.next(1)
        assert again is not None
        values = [again.suggest(one), again.suggest(other)]
    (tmp_path / "other").mkdir()
    whole = study_of(tmp_path / "other", text)
    with whole.present():
        attempt = whole.next(1)
        assert attempt is not None
        assert [attempt.suggest(one), attempt.suggest(other)] == values
    assert values[1] == value


def test_trials_of_living_processes_are_left_alone(tmp_path: Path) -> None:
    first, second = (study_of(tmp_path, LR + SEARCH) for _ in range(2))
    with second.present():
        with first.present():
            owned = first.next(2)
            other = second.next(2)
            assert owned is not None
            assert other is not None
            assert (owned.number, other.number) == (0, 1)
            assert second.next(2) is None
        taken = second.next(2)  # as the first process has ended
        assert taken is not None
        assert taken.number == 0


def test_trials_of_other_machines_are_taken_over_only_on_request(tmp_path: Path) -> None:
    study = study_of(tmp_path, LR + SEARCH)
    with study.present():
        attempt = study.next(1)
        assert attempt is not None
        attempt.trial.set_user_attr("owner", "elsewhere-1-00000000")
        assert study.next(1) is None
        taken = study.next(1, take_over=True)
        assert taken is not None
        assert taken.number == 0


def test_a_process_is_known_to_be_alive(tmp_path: Path) -> None:
    with Presence(tmp_path) as presence:
        assert is_alive(tmp_path, presence.token)
    assert is_alive(tmp_path, presence.token) is False
    assert is_alive(tmp_path, "elsewhere-1-00000000") is None
    (tmp_path / "elsewhere-1-00000000").touch()  # a shared folder, and a process that was killed
    assert is_alive(tmp_path, "elsewhere-1-00000000") is False


def test_a_trial_that_diverges_is_failed_and_others_go_on(tmp_path: Path) -> None:
    text = "optimizer: {kind: sgd, lr: {choice: [0.1, 1.0e30]}}\n"
    study = study_of(tmp_path, text + "search: {metric: validation.loss, sampler: grid}\n")
    train(study, study.checked.file.trials)
    states = {record.params["optimizer.lr"]: record for record in study.records()}
    assert states[0.1].state == "finished"
    assert states[1e30].state == "failed"
    assert "the loss became" in states[1e30].error
    best = study.best()
    assert best is not None
    assert best.params["optimizer.lr"] == 0.1


def test_values_that_do_not_go_together_fail_their_trial(tmp_path: Path) -> None:
    # Too many combinations to check all of them before.
    penalties = ", ".join(f"0.00{i}" for i in range(9))
    text = (
        "optimizer: {kind: adamw, lr: {choice: [0.8, 0.9]}, weight_decay: {choice: [0.1, 1.2]}}\n"
        "training: {epochs: 1, batch_size: {choice: [20, 21, 22, 23, 24, 25, 26, 27]}}\n"
        f"regularization: {{early_stopping: null, l2: {{choice: [{penalties}]}}}}\n"
    )
    study = study_of(tmp_path, text + SEARCH, BASE.partition("training")[0])
    train(study, 8)
    for record in study.records():
        together = (record.params["optimizer.lr"], record.params["optimizer.weight_decay"])
        assert record.state == ("failed" if together == (0.9, 1.2) else "finished")
        assert ("must be below 1, but is 1.08" in record.error) == (together == (0.9, 1.2))
    assert {record.state for record in study.records()} == {"failed", "finished"}


def test_a_grid_is_every_combination_once(tmp_path: Path) -> None:
    text = (
        "optimizer: {lr: {choice: [0.1, 0.01]}}\n"
        "architecture: {layers: [dense: {int: {low: 4, high: 8, step: 2}}, dense: 3]}\n"
        "search: {metric: validation.loss, sampler: grid}\n"
    )
    study = study_of(tmp_path, text)
    train(study, study.checked.file.trials)
    found = [tuple(record.params.values()) for record in study.records()]
    assert sorted(map(str, found)) == sorted(str((u, lr)) for lr in (0.1, 0.01) for u in (4, 6, 8))


@pytest.mark.parametrize(
    ("sampler", "pruner"), [("random", "hyperband"), ("tpe", "median"), ("cma_es", "none")]
)
def test_every_sampler_and_pruner(tmp_path: Path, sampler: str, pruner: str) -> None:
    text = LR.replace("}}}", "}}, clip: {float: {low: 1, high: 2}}}")
    search = f"search: {{metric: validation.loss, sampler: {sampler}, pruner: {pruner}}}\n"
    study = study_of(tmp_path, text + search)
    train(study, 3)
    assert all(record.state in ("finished", "pruned") for record in study.records())
    assert len({record.params["optimizer.lr"] for record in study.records()}) == 3


def test_the_best_config_is_the_same_run(tmp_path: Path) -> None:
    study = study_of(tmp_path, LR + SEARCH)
    train(study, 3)
    best = study.best()
    assert best is not None
    path = tmp_path / "best.yaml"
    write_best(study, best, path)
    config = nnkit.load_config(path)
    assert config.resolved() == config_of(study.checked.file, best).resolved()
    found = nnkit.train(config, runs=tmp_path / "runs")
    assert found.already_finished
    assert str(found.directory) == best.run
    anew = nnkit.train(config, runs=tmp_path / "other", threads=1)
    assert anew.summary["weights_sha256"] == found.summary["weights_sha256"]
    assert best.value == anew.summary["results"]["validation"]["loss"]


@pytest.mark.slow
def test_any_storage_of_optuna(tmp_path: Path) -> None:
    local = study_of(tmp_path, LR + SEARCH)
    train(local, 2)
    url = f"sqlite:///{tmp_path}/study.db"
    for storage in (url, str(tmp_path / "shared.log")):
        study = Study(local.checked, local.folder, storage)
        train(study, 2)
        assert results(study) == results(local)
    for storage in ("nosuchdatabase://host/x", str(tmp_path / "none" / "study.log")):
        with pytest.raises(UsageError, match="the study cannot be opened"):
            Study(local.checked, local.folder, storage)


def test_equal_values_are_trained_once(tmp_path: Path) -> None:
    text = "optimizer: {lr: {choice: [0.1, 0.01]}}\n" + SEARCH
    study = study_of(tmp_path, text)
    train(study, 4)
    records = study.records()
    by_value = {record.params["optimizer.lr"]: record.value for record in records}
    assert len({record.run for record in records}) == len(by_value) == 2
    assert all(record.value == by_value[record.params["optimizer.lr"]] for record in records)
    assert not list((study.folder / PROCESSES).iterdir())
