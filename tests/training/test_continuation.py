"""Tests of going on with more epochs: the result is that of the longer run from its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.training.run import Run, train
from tests.training.configs import iris
from tests.training.test_run import StopAt, records, timeless, told


def epochs(count: int, **sections: Any) -> Any:
    training = {"epochs": count, **sections.pop("training", {})}
    return iris(training=training, **sections)


def gone_on(first: int, second: int, runs: Path, **sections: Any) -> Run:
    """Trains for some epochs, then goes on with more."""
    train(epochs(first, **sections), runs=runs)
    return train(epochs(second, **sections), runs=runs, resume=True)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"optimizer": {"kind": "adam", "schedule": {"kind": "step", "every": 10}}},
        {"optimizer": {"kind": "adam", "schedule": {"kind": "plateau", "patience": 1}}},
        {"training": {"averaging": "ema"}},
        {"training": {"evaluate_every": 7}},
    ],
    ids=["constant", "step", "plateau", "ema", "evaluations"],
)
def test_more_epochs_end_as_a_run_from_the_first_step(
    sections: dict[str, Any], tmp_path: Path
) -> None:
    whole = train(epochs(5, **sections), runs=tmp_path / "whole")
    longer = gone_on(2, 5, tmp_path / "parts", **sections)
    assert timeless(longer.summary) == timeless(whole.summary)
    assert records(longer) == records(whole)


def test_the_shorter_run_stays_as_it_was(tmp_path: Path) -> None:
    first = train(epochs(2), runs=tmp_path)
    before = {p: p.read_bytes() for p in first.directory.rglob("*") if p.is_file()}
    notices = told(epochs(4), tmp_path)
    assert notices[-1] == f"going on from step 14 of {first.directory}"
    assert {p: p.read_bytes() for p in first.directory.rglob("*") if p.is_file()} == before


def test_the_longest_of_the_shorter_runs_is_taken_even_if_interrupted(tmp_path: Path) -> None:
    train(epochs(1), runs=tmp_path)
    stop = StopAt(15)
    part = train(epochs(6), runs=tmp_path, should_stop=stop, listeners=[stop])
    assert part.interrupted
    assert str(part.directory) in told(epochs(4), tmp_path)[-1]


def test_a_schedule_over_all_steps_cannot_go_on(tmp_path: Path) -> None:
    optimizer = {"kind": "adam", "schedule": "cosine"}
    first = train(epochs(2, optimizer=optimizer), runs=tmp_path).directory
    notice = told(epochs(4, optimizer=optimizer), tmp_path)[-1]
    assert notice == (
        f"{first} cannot be continued: the schedule 'cosine' depends on the number of steps; "
        f"training starts at step 0 (training.start_from: {first} would start from its weights)"
    )
    whole = train(epochs(4, optimizer=optimizer), runs=tmp_path / "whole")
    again = train(epochs(4, optimizer=optimizer), runs=tmp_path)
    assert timeless(again.summary) == timeless(whole.summary)


def test_averaging_over_the_last_steps_cannot_go_on(tmp_path: Path) -> None:
    sections = {"training": {"averaging": {"swa": 0.5}}}
    train(epochs(2, **sections), runs=tmp_path)
    notice = told(epochs(4, training={"averaging": {"swa": 0.5}}), tmp_path)[-1]
    assert "the averaging 'swa' depends on the number of steps" in notice


def test_a_run_that_ran_out_of_patience_goes_on_with_more(tmp_path: Path) -> None:
    def patient(patience: int) -> Any:
        stopping = {"patience": patience, "minimum_change": 0.5}
        return epochs(30, regularization={"early_stopping": stopping})

    first = train(patient(1), runs=tmp_path / "parts")
    assert first.summary["outcome"] == "stopped early"
    longer = train(patient(3), runs=tmp_path / "parts", resume=True)
    whole = train(patient(3), runs=tmp_path / "whole")
    assert longer.summary["step"] > first.summary["step"]
    assert timeless(longer.summary) == timeless(whole.summary)


def test_a_run_that_differs_in_more_than_its_length_is_not_taken(tmp_path: Path) -> None:
    train(epochs(2, seed=1), runs=tmp_path)
    assert "nothing to resume" in told(epochs(4), tmp_path)[-1]


def test_fewer_epochs_start_anew(tmp_path: Path) -> None:
    train(epochs(4), runs=tmp_path)
    assert "nothing to resume" in told(epochs(2), tmp_path)[-1]
