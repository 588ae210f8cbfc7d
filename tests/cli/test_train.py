"""`nnkit train`: a config becomes a run, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import IRIS, SHORT, Answer, Program

SMALL = ("train", IRIS, *SHORT)


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_it_leaves_a_run_and_prints_how_good_it_is(program: Program, tmp_path: Path) -> None:
    answer = program(*SMALL)
    assert answer.code == 0
    rows = answer.out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["train", "validation", "test"]
    run = only_run(tmp_path)
    assert f"run: runs/{run.name}" in answer.err
    assert {path.name for path in run.iterdir()} >= {
        "config.yaml",
        "metrics.jsonl",
        "summary.json",
        "log.txt",
        "checkpoints",
    }


def test_as_json(program: Program, tmp_path: Path) -> None:
    found = program(*SMALL, "--json").json
    assert Path(found["run"]) == only_run(tmp_path).relative_to(tmp_path)
    assert (found["outcome"], found["interrupted"], found["epochs"]) == ("completed", False, 2.0)
    assert found["already_finished"] is False
    assert set(found["results"]) == {"train", "validation", "test"}


def test_quiet(program: Program) -> None:
    answer = program(*SMALL, "--quiet")
    assert "epoch " not in answer.err


@pytest.mark.parametrize("form", [["--runs", "elsewhere"], []])
def test_runs_are_kept_where_asked(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    if not form:
        monkeypatch.setenv("NNKIT_RUNS", "elsewhere")
    assert program(*SMALL, *form).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


class TestASecondTime:
    @pytest.mark.parametrize("more", [[], ["--resume"], ["--quiet"]])
    def test_the_finished_run_is_shown_and_nothing_trained(
        self, program: Program, tmp_path: Path, more: list[str]
    ) -> None:
        first = program(*SMALL)
        run = only_run(tmp_path)
        files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        answer = program(*SMALL, *more)
        assert (answer.code, answer.out) == (0, first.out)
        finished, nothing = answer.err.splitlines()
        assert finished.startswith(f"runs/{run.name} is already finished: 14 steps in ")
        assert nothing == "nothing was trained; use --restart to train it again"
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files

    @pytest.mark.parametrize("more", [[], ["--resume"]])
    def test_json_says_so(self, program: Program, more: list[str]) -> None:
        first = program(*SMALL, "--json").json
        assert program(*SMALL, *more, "--json").json == {**first, "already_finished": True}

    def test_restart_trains_again_to_the_same_weights(self, program: Program) -> None:
        first = program(*SMALL, "--json").json
        again = program(*SMALL, "--restart", "--json").json
        assert again["weights_sha256"] == first["weights_sha256"]

    def test_not_both(self, program: Program, tmp_path: Path) -> None:
        answer = program(*SMALL, "--resume", "--restart")
        assert answer.code == 2
        assert answer.errors == ["--resume and --restart exclude each other; use one of them"]
        assert not (tmp_path / "runs").exists()

    @pytest.mark.parametrize("flag", ["--resume", "--restart"])
    def test_either_begins_where_there_is_nothing(self, program: Program, flag: str) -> None:
        assert program(*SMALL, flag).code == 0

    @pytest.mark.parametrize("more", [[], ["--quiet"]])
    def test_resume_says_why_there_is_nothing_to_resume(
        self, program: Program, tmp_path: Path, more: list[str]
    ) -> None:
        program(*SMALL)
        other = only_run(tmp_path).name
        answer = program(*SMALL, "--set", "seed=3", "--resume", *more)
        assert answer.code == 0
        assert (
            f"nothing to resume: this run differs from runs/{other} in seed (0 there, 3 here); "
            "training starts at step 0"
        ) in " ".join(answer.err.split())

    def test_another_setting_is_another_run(self, program: Program, tmp_path: Path) -> None:
        program(*SMALL)
        assert program(*SMALL, "--set", "seed=1").code == 0
        assert len(list((tmp_path / "runs").iterdir())) == 2


class TestDryRun:
    def test_it_says_what_would_be_and_writes_nothing(
        self, program: Program, tmp_path: Path
    ) -> None:
        answer = program(*SMALL, "--dry-run")
        assert answer.code == 0
        for word in ("layers.0", "dense", "parameters  131", "memory", "98 train", "one step"):
            assert word in answer.out
        assert answer.err == "nothing was written\n"
        assert list(tmp_path.iterdir()) == []

    def test_as_json(self, program: Program, tmp_path: Path) -> None:
        found = program(*SMALL, "--dry-run", "--json").json
        assert (found["parameters"], found["steps"], found["samples"]["train"]) == (131, 14, 98)
        assert list(tmp_path.iterdir()) == []


class TestExpectations:
    def train(self, program: Program, bound: str, *more: object) -> Answer:
        return program(*SMALL, "--set", f"expect={{test.accuracy: {bound}}}", *more)

    def test_met(self, program: Program) -> None:
        assert self.train(program, "{min: 0.1, max: 1}").code == 0

    def test_missed_is_exit_4_after_the_run_is_complete(
        self, program: Program, tmp_path: Path
    ) -> None:
        answer = self.train(program, "{max: 0.01}", "--quiet")
        assert answer.code == 4
        last = answer.err.splitlines()[-1]
        assert last.startswith(
            f"error: {Path('runs') / only_run(tmp_path).name}: test.accuracy is "
        )
        assert "expected at most 0.01 (" in last
        assert [row.split()[0] for row in answer.out.splitlines()[1:]][-1] == "test"
        assert (only_run(tmp_path) / "summary.json").is_file()

    def test_missed_as_json(self, program: Program) -> None:
        answer = self.train(program, "{max: 0.01}", "--json", "--quiet")
        assert (answer.code, answer.json["outcome"]) == (4, "gate missed")

    @pytest.mark.parametrize("more", [[], ["--resume"]])
    def test_missed_again_when_the_finished_run_is_shown(
        self, program: Program, more: list[str]
    ) -> None:
        self.train(program, "{max: 0.01}")
        answer = self.train(program, "{max: 0.01}", *more)
        assert answer.code == 4
        assert "already finished" in answer.err
        assert self.train(program, "{max: 0.01}", *more, "--json").json["missed"]

    def test_over_seeds_trains_the_config_with_each(self, program: Program) -> None:
        answer = self.train(program, "{min: 0.1, seeds: 3}", "--quiet")
        assert answer.code == 0
        assert [row.split()[:2] for row in answer.out.splitlines()] == [
            ["cell", "n"],
            ["iris-mlp", "3"],
        ]
        assert "over 3 seeds; with 95 % confidence its mean is at least" in answer.err
        answer = self.train(program, "{min: 0.99, seeds: 3}", "--quiet", "--json")
        assert (answer.code, list(answer.json["runs"])) == (4, ["0", "1", "2"])
        (missed,) = answer.json["missed"]
        assert missed.startswith("iris-mlp: test.accuracy is ")

    def test_with_a_baseline(self, program: Program, tmp_path: Path) -> None:
        bound = "{no_worse_than: base.json}"
        answer = self.train(program, bound)
        assert (answer.code, "write one with nnkit batch" in answer.err) == (3, True)
        assert not (tmp_path / "runs").exists()
        (tmp_path / "base.json").write_text('{"cells": {"{}": {"0": {"test.accuracy": 1.0}}}}')
        assert "is worse than the baseline by" in self.train(program, bound).err
        (tmp_path / "base.json").write_text('{"cells": {"{}": {"0": {"test.accuracy": 0.0}}}}')
        assert "better than the baseline by" in self.train(program, bound).err

    def test_of_percent_is_refused_before_training(self, program: Program, tmp_path: Path) -> None:
        text = f"extends: {IRIS}\nexpect: {{test.accuracy: {{min: 97}}}}\n"
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        answer = program("train", "c.yaml")
        assert answer.code == 2
        assert answer.errors == [
            "c.yaml:2:31: expect.test.accuracy.min: accuracy is at most 1; write 0.97"
        ]
        assert not (tmp_path / "runs").exists()

    def test_of_a_figure_that_is_not_is_refused_before_training(
        self, program: Program, tmp_path: Path
    ) -> None:
        answer = program(*SMALL, "--set", "expect={test.acc: {min: 1}}")
        assert answer.code == 2
        assert "expect.test.acc: unknown metric; did you mean 'test.accuracy'?" in answer.errors[0]
        assert not (tmp_path / "runs").exists()


def test_a_broken_config_is_exit_2_with_its_position(program: Program, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("data: {source: mnist}\n")
    answer = program("train", "c.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["c.yaml:1:1: architecture: this key is required"]


def test_missing_data_is_exit_3(program: Program, tmp_path: Path) -> None:
    answer = program(*SMALL, "--set", "data.source.path=nowhere.csv")
    assert (answer.code, answer.out) == (3, "")
    place = "--set data.source.path=nowhere.csv: data.source.path"
    assert answer.errors == [f"{place}: {tmp_path / 'nowhere.csv'}: no such file"]
    assert not (tmp_path / "runs").exists()


def test_a_loss_beyond_all_bounds_is_exit_1_with_a_remedy(program: Program) -> None:
    answer = program(*SMALL, "-q", "--set", "optimizer={kind: sgd, lr: 1e30}")
    assert (answer.code, answer.out) == (1, "")
    assert answer.errors[-1] == "try a smaller optimizer.lr, such as 1e+29"
