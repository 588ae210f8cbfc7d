"""`nnkit runs best`: the best run by a metric, whichever way is better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program
from tests.cli.runs import train


@pytest.mark.parametrize(("metric", "choose"), [("test.loss", min), ("test.accuracy", max)])
def test_the_direction_is_that_of_the_metric(metric: str, choose: Any, program: Program) -> None:
    names = [train(program, f"optimizer.lr={lr}") for lr in (0.001, 0.01, 0.1)]
    values, summaries = {}, {}
    for name in names:
        summaries[name] = json.loads(Path(f"runs/{name}/summary.json").read_text())
        values[name] = summaries[name]["results"]["test"][metric.removeprefix("test.")]
    expected = choose(values.values())
    found = program("runs", "best", "--metric", metric, "--json").json
    name = Path(found["run"]).name
    assert (found["value"], values[name]) == (expected, expected)
    assert found["step"] == summaries[name]["best"]["step"]
    assert found["higher_is_better"] == (choose is max)
    assert [Path(one["run"]).name for one in found["compared"]] == sorted(
        names, key=lambda name: values[name], reverse=choose is max
    )


def test_what_it_prints(program: Program) -> None:
    best = train(program, "optimizer.lr=0.1", "training.metrics=[f1]")
    lacking = train(program)
    interrupted = train(program, "seed=1")
    Path(f"runs/{interrupted}/summary.json").unlink()
    answer = program("runs", "best", "--metric", "test.f1")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()] == ["run", "test.f1", "step"]
    assert f"runs/{best}" in answer.out
    assert answer.err.splitlines() == [
        "1 run compared; highest is best",
        f"skipped (no test.f1): {lacking}",
        f"skipped (interrupted): {interrupted}",
    ]
    skipped = program("runs", "best", "--metric", "test.f1", "--json").json["skipped"]
    assert [one["reason"] for one in skipped] == ["no test.f1", "interrupted"]


def test_ties_are_told(program: Program, trained: Path) -> None:
    first = train(program)
    Path(f"runs/{first}").rename("runs/iris-mlp-00000001")
    second = train(program)
    answer = program("runs", "best", "--metric", "test.loss")
    assert "runs/iris-mlp-00000001" in answer.out
    assert f"equally good, but trained later: {second}" in answer.err


def test_runs_of_other_data_are_ranked_apart_and_told(program: Program) -> None:
    other = train(program, "data.source.leave_out=[2]", "optimizer.lr=0.1")
    first, second = train(program), train(program, "optimizer.lr=0.02")
    found = program("runs", "best", "--metric", "test.loss", "--json").json
    assert {Path(one["run"]).name for one in found["compared"]} == {first, second}
    (apart,) = found["not_comparable"]
    assert [Path(one["run"]).name for one in apart["runs"]] == [other]
    assert apart["differences"].keys() == {"data.source.leave_out", "data_sha256"}
    told = " ".join(program("runs", "best", "--metric", "test.loss").err.split())
    assert "2 runs compared; lowest is best not comparable: 1 run with " in told
    assert "data.source.leave_out=[2] " in told
    assert told.endswith(f" by {other}")


def test_runs_of_another_loss_are_compared_by_other_metrics_only(program: Program) -> None:
    train(program, "loss=focal")
    train(program)
    by_loss = program("runs", "best", "--metric", "test.loss", "--json").json
    assert [one["differences"] for one in by_loss["not_comparable"]] == [{"loss.kind": "focal"}]
    by_accuracy = program("runs", "best", "--metric", "test.accuracy", "--json").json
    assert (len(by_accuracy["compared"]), by_accuracy["not_comparable"]) == (2, [])


def test_other_held_out_samples_are_told(program: Program) -> None:
    names = {train(program), train(program, "seed=1")}
    found = program("runs", "best", "--metric", "test.loss", "--json").json
    (other,) = found["other_samples"]
    assert {found["run"], other} == {f"runs/{name}" for name in names}
    told = " ".join(program("runs", "best", "--metric", "test.loss").err.split())
    assert (
        f"other samples than the best: {Path(other).name}; give all runs the same data.split"
        in told
    )
    same = [train(program, f"seed={seed}", "data.split.seed=0") for seed in (0, 1)]
    for name in names:
        Path(f"runs/{name}/summary.json").unlink()
    found = program("runs", "best", "--metric", "test.loss", "--json").json
    assert (len(found["compared"]), found["other_samples"]) == (len(same), [])


def test_runs_without_the_record_are_compared_by_their_data(program: Program) -> None:
    """Summaries of earlier versions have no fingerprints; the checkpoint has that of the data."""
    names = [train(program, f"seed={seed}") for seed in (0, 1)]
    train(program, "data.source.leave_out=[2]")
    for name in names:
        file = Path(f"runs/{name}/summary.json")
        summary = json.loads(file.read_text())
        del summary["data_sha256"], summary["held_out_sha256"]
        file.write_text(json.dumps(summary))
    found = program("runs", "best", "--metric", "test.loss", "--json").json
    assert (len(found["compared"]), found["other_samples"]) == (1, [])
    (apart,) = found["not_comparable"]
    assert {Path(one["run"]).name for one in apart["runs"]} == {*names}


def test_only_runs_of_a_name(program: Program) -> None:
    train(program, "optimizer.lr=0.1")
    other = train(program, "name=other", "optimizer.lr=0.0001")
    found = program("runs", "best", "--metric", "test.loss", "--name", "other", "--json").json
    assert found["run"] == f"runs/{other}"
    assert len(found["compared"]) == 1


def test_bad_input(program: Program) -> None:
    empty = program("runs", "best", "--metric", "test.loss")
    assert (empty.code, empty.errors) == (3, ["there are no runs in runs/"])
    train(program)
    for arguments, code, message in (
        (("--metric", "test.acuracy"), 2, "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (("--metric", "nonsense"), 2, "unknown metric 'nonsense'; available: loss, objective, "),
        (("--metric", "accuracy"), 2, "name the set too: train.accuracy, validation.accuracy, "),
        (("--metric", "tset.accuracy"), 2, "name the set too"),
        (
            ("--metric", "test.mcc"),
            3,
            "evaluated with test.mcc, which training.metrics would add; available: test.accuracy, ",
        ),
        (("--metric", "test.loss", "--name", "other"), 3, "no runs named other in runs/"),
    ):
        answer = program("runs", "best", *arguments)
        assert (answer.code, answer.out) == (code, "")
        assert message in answer.errors[0]
    assert program("runs", "best").code == 2
    (run,) = Path("runs").iterdir()
    (run / "summary.json").unlink()
    unfinished = program("runs", "best", "--metric", "test.loss")
    assert (unfinished.code, unfinished.errors) == (3, ["no run in runs/ is finished, of 1"])
