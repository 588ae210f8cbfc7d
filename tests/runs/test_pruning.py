"""Removal of runs: what is never removed, and what an interruption leaves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO

import pytest

import nnkit
from nnkit import files
from nnkit.errors import UsageError
from nnkit.metrics import higher_is_better
from nnkit.runs import directory
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.runs.pruning import beyond_best, is_run_folder, removable, remove, seconds_of
from tests.runs.iris import iris_config
from tests.runs.test_results import finished


def copied(run: nnkit.Run, runs: Path, name: str = "iris-12345678") -> RunDirectory:
    """A copy of a finished run, which a test may remove."""
    return RunDirectory(Path(shutil.copytree(run.directory, runs / name)))


@pytest.mark.parametrize(
    ("age", "seconds"), [("12h", 43_200), ("30d", 2_592_000), ("8w", 4_838_400), (" 1 d ", 86_400)]
)
def test_an_age_in_hours_days_or_weeks(age: str, seconds: float) -> None:
    assert seconds_of(age) == seconds


@pytest.mark.parametrize("age", ["", "30", "d", "30x", "-3d", "1.5d", "30 days", "9999999d"])
def test_what_is_not_an_age(age: str) -> None:
    with pytest.raises(UsageError, match="is not an age; write hours, days or weeks"):
        seconds_of(age)


def test_a_removed_run_is_gone_and_its_neighbours_are_not(run: nnkit.Run, tmp_path: Path) -> None:
    first, second = copied(run, tmp_path), copied(run, tmp_path, "iris-87654321")
    torn = first.last.parent / ".last.safetensors.abc"
    torn.touch()
    size = sum(path.stat().st_size for path in first.path.rglob("*") if path.is_file())
    (found, _) = removable(list_runs(tmp_path))
    assert (found.run.path, found.state, found.size) == (first.path, "finished", size)
    assert remove(first) == []
    assert [*tmp_path.iterdir()] == [second.path]
    assert second.finished


def test_what_nnkit_did_not_write_stays(run: nnkit.Run, tmp_path: Path) -> None:
    copy = copied(run, tmp_path)
    (copy.path / "notes.txt").write_text("keep")
    (copy.best.parent / "mine.safetensors").touch()
    assert [path.name for path in remove(copy)] == ["checkpoints", "notes.txt"]
    files = sorted(path.name for path in copy.path.rglob("*") if path.is_file())
    assert files == ["mine.safetensors", "notes.txt"]
    assert list_runs(tmp_path) == []


def test_a_folder_that_nnkit_did_not_make_is_no_run(run: nnkit.Run, tmp_path: Path) -> None:
    settings = tmp_path / "settings-abcdef01"
    settings.mkdir()
    (settings / "config.yaml").write_text("seed: 0\n")
    misnamed = copied(run, tmp_path, "iris")
    elsewhere = copied(run, tmp_path.joinpath("elsewhere"))
    link = tmp_path / "iris-00000000"
    link.symlink_to(elsewhere.path)
    linked = copied(run, tmp_path, "iris-11111111")
    shutil.move(linked.best.parent, tmp_path / "shared")
    linked.best.parent.symlink_to(tmp_path / "shared")
    assert len(list_runs(tmp_path)) == 4
    assert removable(list_runs(tmp_path)) == []
    for path in (settings, misnamed.path, link, linked.path, tmp_path / "nowhere-00000000"):
        assert not is_run_folder(RunDirectory(path))
        with pytest.raises(UsageError, match="not the folder of a run"):
            remove(RunDirectory(path))
    assert elsewhere.finished
    assert not (tmp_path / "nowhere-00000000").exists()


@pytest.mark.parametrize("done", [False, True])
def test_a_run_that_is_training_stays(done: bool, run: nnkit.Run, tmp_path: Path) -> None:
    copy = copied(run, tmp_path)
    if not done:
        copy.summary.unlink()
    with copy.locked():
        assert removable([copy]) == []
        with pytest.raises(UsageError, match="another process is training in this folder"):
            remove(RunDirectory(copy.path))
    assert copy.begun
    assert [found.run for found in removable([copy])] == [copy]


def test_an_interruption_leaves_nothing_that_looks_finished(
    run: nnkit.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before each of its deletions in turn, and then repeated."""

    class Killed(BaseException):
        pass

    deletions = 0
    by_path = {name: getattr(Path, name) for name in ("unlink", "rmdir")}

    def counted(name: str) -> None:
        def delete(path: Path, *arguments: bool, **options: bool) -> None:
            nonlocal deletions
            if path.exists():
                deletions -= 1
                if deletions < 0:
                    raise Killed
            by_path[name](path, *arguments, **options)

        monkeypatch.setattr(Path, name, delete)

    for name in by_path:
        counted(name)
    states = []
    for allowed in range(20):
        copy = copied(run, tmp_path, f"iris-{allowed:08x}")
        (copy.path / "log.txt").touch()
        deletions = allowed
        try:
            remove(copy)
        except Killed:
            states.append(copy.state if copy.config.is_file() else "gone")
            deletions = 99
            if copy.config.is_file():
                assert is_run_folder(copy)
                assert remove(copy) == []
            continue
        break
    assert states[0] == "finished"  # nothing was deleted yet
    assert states[1] == "interrupted"
    assert set(states[2:]) <= {"not begun", "gone"}
    assert not copy.path.exists()


def test_training_that_waited_for_a_removal_locks_its_new_folder(
    run: nnkit.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(run, tmp_path)
    try_lock = files.try_lock

    def removed_while_it_waited(file: IO[bytes], **options: bool) -> bool:
        monkeypatch.setattr(directory, "try_lock", try_lock)
        remove(copy)
        return try_lock(file, **options)

    monkeypatch.setattr(directory, "try_lock", removed_while_it_waited)
    with RunDirectory(copy.path).locked():
        assert copy.training


def best_of(runs: list[RunDirectory], keep: int, metric: str | None = None) -> list[str]:
    return [run.path.name for run in beyond_best(runs, keep, metric, higher_is_better)]


def test_all_but_the_best_of_each_name(tmp_path: Path) -> None:
    runs = [
        *(finished(tmp_path, f"a-{i}", loss=loss) for i, loss in enumerate((3.0, 1.0, 2.0))),
        finished(tmp_path, "b-0", loss=9.0),
    ]
    assert best_of(runs, 1) == ["a-2", "a-0"]
    assert best_of(runs, 2) == ["a-0"]
    assert best_of(runs, 3) == []


def test_all_but_the_best_of_each_kind_of_targets(tmp_path: Path) -> None:
    runs = [finished(tmp_path, f"a-{i}", loss=loss) for i, loss in enumerate((3.0, 1.0, 2.0))]
    for run in runs[1:]:
        run.config.write_text("data: {targets: inputs}\n")
    assert best_of(runs, 1) == ["a-2"]


def test_a_run_without_the_metric_is_not_the_worst(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, "a-0", loss=1.0, accuracy=0.5),
        finished(tmp_path, "a-1", loss=2.0, accuracy=0.9),
        finished(tmp_path, "a-2", loss=3.0),
    ]
    runs.append(finished(tmp_path, "a-3", loss=4.0))
    runs[-1].summary.unlink()
    assert best_of(runs, 1, "test.accuracy") == ["a-0"]


def test_runs_of_a_name_must_monitor_one_metric(tmp_path: Path) -> None:
    runs = [finished(tmp_path, f"a-{i}", loss=1.0) for i in range(2)]
    summary = {**(runs[0].read_summary() or {}), "monitor": "train.loss"}
    runs[0].write_summary(summary)
    with pytest.raises(UsageError, match="named a monitor different metrics"):
        best_of(runs, 1)
    for run in runs:
        run.write_summary({**summary, "monitor": "last"})
    with pytest.raises(UsageError, match="named a monitor last, which does not rank them"):
        best_of(runs, 1)
    assert best_of(runs, 1, "test.loss") == ["a-1"]


def test_a_real_run_is_trained_again_after_its_removal(tmp_path: Path) -> None:
    first = nnkit.train(iris_config(), runs=tmp_path)
    remove(RunDirectory(first.directory))
    again = nnkit.train(iris_config(), runs=tmp_path)
    assert not again.already_finished
    assert again.summary["weights_sha256"] == first.summary["weights_sha256"]
