"""`nnkit gradcheck`: a network's gradients, checked."""

from __future__ import annotations

from tests.cli.program import IRIS, Program


def test_every_block_is_checked(program: Program) -> None:
    answer = program("gradcheck", IRIS)
    assert answer.code == 0
    blocks = [line.split()[0] for line in answer.out.splitlines()[1:]]
    assert blocks == ["layers.0.W", "layers.1.W", "layers.0.b", "layers.1.b", "input"]
    assert answer.err == "all gradients agree (tolerance 1e-06)\n"


def test_as_json(program: Program) -> None:
    found = program("gradcheck", IRIS, "--json", "--samples", 2).json
    assert found["passed"] is True
    assert all(block["error"] < found["tolerance"] for block in found["blocks"])
    assert found["blocks"][-1]["shape"] == [4, 2]


def test_a_batch_of_nothing_is_refused(program: Program) -> None:
    answer = program("gradcheck", IRIS, "--samples", 0)
    assert (answer.code, answer.out) == (2, "")
    assert "--samples" in answer.err
