"""`nnkit show`: drawings on standard output, pictures in files, numbers as JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import IRIS, Program


class TestActivation:
    def test_drawn_plain_where_no_terminal_is(self, program: Program) -> None:
        answer = program("show", "activation", "gelu")
        assert (answer.code, answer.err) == (0, "")
        lines = answer.out.splitlines()
        assert lines[:2] == ["gelu", "━━ f(z)   ╍╍ f′(z)"]
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        assert answer.out.replace("\n", "").isprintable()

    def test_with_settings(self, program: Program) -> None:
        yaml = program("show", "activation", "leaky_relu: 0.2")
        option = program("show", "activation", "leaky_relu", "--set", "slope=0.2")
        assert yaml.out.startswith("leaky_relu (slope 0.2)\n")
        assert option.out == yaml.out

    def test_as_json(self, program: Program) -> None:
        found = program("show", "activation", "tanh", "--from", -2, "--to", 2, "--json").json
        z = np.array(found["z"])
        assert (z[0], z[-1], found["units"]) == (-2, 2, 1)
        np.testing.assert_allclose(found["value"], np.tanh(z))
        np.testing.assert_allclose(found["derivative"], 1 - np.tanh(z) ** 2)

    def test_activations_across_units_are_marked(self, program: Program) -> None:
        answer = program("show", "activation", "softmax")
        assert answer.code == 0
        assert "f(z, 0)₁" in answer.out
        assert "softmax acts on several units at once" in answer.err

    def test_infinity_is_left_out(self, program: Program) -> None:
        answer = program("show", "activation", "exponential", "--to", 1000)
        assert answer.code == 0
        found = program("show", "activation", "exponential", "--to", 1000, "--json").json
        assert found["value"][-1] is None

    @pytest.mark.parametrize("kind", ["png", "svg"])
    def test_as_a_picture(self, program: Program, tmp_path: Path, kind: str) -> None:
        answer = program("show", "activation", "gelu", "-o", f"a.{kind}")
        assert (answer.code, answer.out, answer.err) == (0, "", f"wrote a.{kind}\n")
        assert (tmp_path / f"a.{kind}").stat().st_size > 5000

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["gelo"], "did you mean 'gelu'?"),
            (["gelu", "--set", "slop=1"], "unknown key"),
            (["gelu", "--from", 3, "--to", 3], "range must be finite and increasing, got 3 to 3"),
            (["gelu", "-o", "a.gif"], "must end in .png or .svg"),
        ],
    )
    def test_errors(self, program: Program, arguments: list[str], message: str) -> None:
        answer = program("show", "activation", *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert message in answer.errors[0]


class TestSchedule:
    def test_by_steps_and_epochs(self, program: Program) -> None:
        answer = program("show", "schedule", IRIS, "--set", "optimizer.schedule=cosine")
        assert answer.code == 0
        assert answer.out.startswith("iris-mlp: adam, lr 0.01, schedule cosine\n")
        below = [line.split()[0] for line in answer.out.splitlines()[-2:]]
        assert below == ["step", "epoch"]
        assert answer.err == "700 steps of 16 samples, 7 per epoch\n"

    def test_plateau_depends_on_what_comes(self, program: Program) -> None:
        answer = program("show", "schedule", IRIS, "--set", "optimizer.schedule=plateau")
        assert "plateau depends on the course of training" in answer.err

    def test_as_json(self, program: Program) -> None:
        found = program("show", "schedule", IRIS, "--json").json
        assert (found["steps"], found["steps_per_epoch"]) == (700, 7)
        assert found["lr"] == [0.01] * 700

    def test_as_a_picture(self, program: Program, tmp_path: Path) -> None:
        assert program("show", "schedule", IRIS, "-o", "a.svg").code == 0
        assert "epoch" in (tmp_path / "a.svg").read_text()
