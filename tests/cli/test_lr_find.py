"""`nnkit lr-find`: the output of the learning rate range test."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import IRIS, Program


def test_drawn_and_explained(program: Program, tmp_path: Path) -> None:
    answer = program("lr-find", IRIS)
    assert (answer.code, answer.err) == (0, "")
    for text in ("smoothed", "steepest descent", "a tenth of", "try --set optimizer.lr="):
        assert text in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert answer.out.replace("\n", "").isprintable()
    assert not [*tmp_path.iterdir()]


def test_as_json(program: Program) -> None:
    found = program("lr-find", IRIS, "--from", 1e-5, "--to", 1, "--steps", 50, "--json").json
    assert found["lr"][0] == 1e-5
    assert len(found["lr"]) == len(found["loss"]) == len(found["smoothed"]) == 50
    assert found["ending"] == "the whole range was tried"
    assert found["suggestion"] == found["steepest"]
    assert found["minimum"] / 10 == found["tenth_of_minimum"]


def test_as_a_picture(program: Program, tmp_path: Path) -> None:
    answer = program("lr-find", IRIS, "-o", "lr.png")
    assert answer.code == 0
    assert answer.err == "wrote lr.png\n"
    assert (tmp_path / "lr.png").stat().st_size > 5000


def test_a_loss_that_does_not_fall(program: Program) -> None:
    answer = program("lr-find", IRIS, "--from", 50, "--to", 1000, "--steps", 10)
    assert answer.code == 0
    assert answer.out.endswith(
        "The loss never fell; try lower rates with --from, or more --steps.\n"
    )


def test_errors(program: Program) -> None:
    for arguments, message in (
        (("--from", 1, "--to", 0.1), "rates must be positive, finite and increasing"),
        (("--set", "optimizer=lbfgs", "--set", "training={}"), "no learning rate to find"),
        (("-o", "lr.bmp"), "must end in .png or .svg"),
    ):
        answer = program("lr-find", IRIS, *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert message in answer.errors[0]
