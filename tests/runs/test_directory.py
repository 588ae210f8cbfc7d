"""Tests of a run's folder: its names, locking by one process, and recovery after a crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

import nnkit
from nnkit.config.spec import PATH_SETTINGS, FilePath, members
from nnkit.data.sources import AnySource
from nnkit.errors import CheckpointError, UsageError
from nnkit.files import try_lock
from nnkit.runs.directory import (
    RunDirectory,
    find_checkpoint,
    list_runs,
    matching_runs,
    run_hash,
)
from nnkit.training.listeners import Listener
from tests.runs.iris import iris_config


def made(runs: Path, name: str, when: int, *checkpoints: str) -> RunDirectory:
    """Creates a run with the given checkpoints and modification time."""
    run = RunDirectory(runs / name)
    run.create("seed: 0\n")
    os.utime(run.config, (when, when))
    for checkpoint in checkpoints:
        path = run.best.with_stem(checkpoint)
        path.touch()
        os.utime(path, (when, when))
    return run


def test_a_finished_run_has_all_its_files(run: nnkit.Run) -> None:
    directory = RunDirectory(run.directory)
    assert directory.finished
    assert directory.begun
    assert directory.read_summary() == run.summary
    assert [record["epoch"] for record in directory.read_metrics()] == [1, 2, 3, 4, 5]
    assert nnkit.load_config(directory.config).resolved() == iris_config().resolved()
    assert not list(run.directory.rglob(".*.*")), "no temporary file is left"


def test_runs_are_listed_by_time(tmp_path: Path) -> None:
    made(tmp_path, "b-1", 30, "last")
    made(tmp_path, "a-1", 20, "last", "best")
    made(tmp_path, "c-1", 10)
    (tmp_path / "no-run").mkdir()
    (tmp_path / "file").touch()
    assert [run.path.name for run in list_runs(tmp_path)] == ["c-1", "a-1", "b-1"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_checkpoint_goes_by_many_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    old = made(runs, "my-net-00000001", 10, "best", "last")
    new = made(runs, "my-net-00000002", 20, "best", "last")
    begun = made(runs, "begun-00000003", 30, "last")
    made(runs, "empty-00000004", 40)
    assert find_checkpoint(str(old.last)) == old.last
    assert find_checkpoint("runs/my-net-00000001") == old.best
    assert find_checkpoint("runs/my-net-00000001/") == old.best
    assert find_checkpoint("my-net-00000001") == old.best
    assert find_checkpoint("my-net") == new.best
    assert find_checkpoint("begun") == begun.last
    assert find_checkpoint("my-net", Path("runs").absolute()).samefile(new.best)
    with pytest.raises(CheckpointError, match="empty-00000004: this run has no checkpoint yet"):
        find_checkpoint("empty")
    (Path("runs") / "empty-00000004" / "checkpoints").mkdir(exist_ok=True)
    RunDirectory(Path("runs") / "empty-00000004").diverged.touch()
    with pytest.raises(CheckpointError, match=r"diverged before its first .*diverged\.safetensors"):
        find_checkpoint("empty")
    for name in ("my", "my-net-", "runs", "runs/my-net", ""):
        with pytest.raises(CheckpointError, match="the latest runs in runs/ are my-net-0"):
            find_checkpoint(name)
    assert [run.path for run in matching_runs("my-net")] == [old.path, new.path]
    assert [run.path for run in matching_runs("my-net-00000001")] == [old.path]
    assert [run.path for run in matching_runs("runs/my-net-00000001")] == [old.path]
    with pytest.raises(CheckpointError, match="there are no runs in elsewhere/"):
        find_checkpoint("my-net", Path("elsewhere"))


RECORDS = [{"step": step, "train.loss": 1 / step} for step in (10, 20, 30)]


def logged(folder: Path) -> RunDirectory:
    run = RunDirectory(folder)
    for record in RECORDS:
        run.append_metrics(record)
    return run


def test_a_line_torn_anywhere_is_left_out(tmp_path: Path) -> None:
    run = logged(tmp_path)
    whole = run.metrics.read_bytes()
    last = whole.rindex(b"{")
    for end in range(last, len(whole) - 1):
        run.metrics.write_bytes(whole[:end])
        assert run.read_metrics() == RECORDS[:2]
    run.metrics.write_bytes(whole[:-1])
    assert run.read_metrics() == RECORDS


@pytest.mark.parametrize(("step", "kept"), [(0, 0), (10, 1), (19, 1), (20, 2), (99, 3)])
def test_what_is_done_again_is_logged_once(step: int, kept: int, tmp_path: Path) -> None:
    run = logged(tmp_path)
    with run.metrics.open("a") as file:
        file.write('{"step": 40, "tr')
    run.rewind_metrics(step)
    assert run.read_metrics() == RECORDS[:kept]
    run.append_metrics({"step": 99})
    assert run.read_metrics() == [*RECORDS[:kept], {"step": 99}]


def test_no_metrics_are_no_lines(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).read_metrics() == []


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff"])
def test_a_summary_that_can_not_be_read_is_none(content: bytes | None, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    if content is not None:
        run.summary.write_bytes(content)
    assert run.read_summary() is None
    run.write_summary({"step": 3, "outcome": "interrupted"})
    assert run.read_summary() is None
    assert run.read_ending()["step"] == 3
    run.write_summary({"step": 3, "outcome": "completed"})
    assert run.read_summary() == {"step": 3, "outcome": "completed"}


def test_clear_leaves_the_config_alone(run: nnkit.Run, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(run.directory, tmp_path / "copy"))
    copy.clear()
    files = {path.name for path in copy.path.rglob("*") if path.is_file()}
    assert files == {"config.yaml", ".lock"}
    assert not copy.finished
    assert not copy.begun


def test_create_sweeps_up_after_a_killed_process(tmp_path: Path) -> None:
    run = made(tmp_path, "run-1", 10, "last")
    torn = [run.path / ".metrics.jsonl.abc", run.last.parent / ".last.safetensors.abc"]
    for path in torn:
        path.touch()
    run.create("seed: 1\n")
    assert not any(path.exists() for path in torn)
    assert run.config.read_text() == "seed: 1\n"
    assert run.begun


HOLD = """
import sys
from pathlib import Path
from nnkit.runs.directory import RunDirectory

with RunDirectory(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with (
            pytest.raises(UsageError, match="another process is training in this folder"),
            run.locked(),
        ):
            pass
        other.kill()
        other.wait()
        with run.locked():
            pass
    with run.locked():
        pass


def test_whether_a_process_is_training(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with run.locked():
        assert (run.training, run.state) == (True, "training")
        run.write_summary({"outcome": "completed"})
        assert (run.training, run.state) == (True, "finished")
    assert (run.training, RunDirectory(tmp_path / "none").training) == (False, False)


def test_looking_at_a_lock_keeps_nobody_from_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path / "run")
    with run.locked():
        pass
    looking = (run.path / ".lock").open("rb")
    assert try_lock(looking, shared=True)
    seen = [run.training]  # checks do not mistake other checks for training
    waits: list[float] = []

    def wait(seconds: float) -> None:
        """Lets the other process look on for a while, as on a busy machine."""
        waits.append(seconds)
        if len(waits) == 20:
            looking.close()

    monkeypatch.setattr("nnkit.runs.directory.sleep", wait)
    with run.locked():
        seen.append(run.training)
    assert seen == [False, True]
    assert len(waits) == 20


def test_two_runs_of_one_config_exclude_each_other(tmp_path: Path) -> None:
    class Second(Listener):
        def started(self, session: Any) -> None:
            with pytest.raises(UsageError, match="another process is training in this folder"):
                nnkit.train(iris_config(), runs=tmp_path)

    assert nnkit.train(iris_config(), runs=tmp_path, listeners=[Second()]).summary["step"] > 0


def hash_of(config: nnkit.Config, fingerprint: str = "f", version: str = "1") -> str:
    return run_hash(config.resolved(), fingerprint, version)


def test_the_hash_tells_configs_data_and_code_apart() -> None:
    config = iris_config()
    source = config.data.source.model_dump()
    others = [
        hash_of(config, fingerprint="g"),
        hash_of(config, version="2"),
        hash_of(iris_config(seed=1)),
        hash_of(iris_config(optimizer={"kind": "adam", "lr": 0.5})),
        hash_of(iris_config(training={"epochs": 6})),
        hash_of(iris_config(data={"source": source})),
        hash_of(iris_config(data={"source": {**source, "label": "km/h"}})),
        hash_of(iris_config(data={"source": {**source, "label": "m/s"}})),
    ]
    assert len({hash_of(config), *others}) == 1 + len(others)
    assert all(len(digest) == 8 for digest in others)


def test_the_hash_does_not_depend_on_names_places_and_gates() -> None:
    config = iris_config()
    source = {**config.data.source.model_dump(), "path": "elsewhere.csv"}
    moved = iris_config(name="other", data={"source": source, "preprocess": ["standardize"]})
    assert hash_of(moved) == hash_of(config)
    assert hash_of(iris_config(expect={"test.accuracy": {"min": 0.5}})) == hash_of(config)
    written_out = iris_config(**json.loads(json.dumps(config.resolved())))
    assert hash_of(written_out) == hash_of(config)


def test_every_setting_that_names_a_file_is_a_place() -> None:
    (validator,) = get_args(FilePath)[1:]
    settings = {
        name
        for member in members(AnySource).values()
        for name, field in member.model_fields.items()
        if repr(validator) in f"{field.annotation} {field.metadata}"
    }
    assert {"path", "inputs", "test_targets"} <= settings <= PATH_SETTINGS
