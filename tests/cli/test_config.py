"""`nnkit config`: validate, show, schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from nnkit.config.yaml import parse_yaml
from tests.cli.program import IRIS, Program

BROKEN = "seed: x\ndata: {source: mnist}\narchitecture: {layers: [dens: 3]}\n"


class TestValidate:
    def test_a_sound_config(self, program: Program) -> None:
        answer = program("config", "validate", IRIS)
        assert (answer.code, answer.out, answer.err) == (0, f"{IRIS}: valid\n", "")

    def test_a_broken_one(self, program: Program, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text(BROKEN)
        answer = program("config", "validate", "c.yaml")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors == [
            "c.yaml:1:7: seed: expected a whole number, got 'x'",
            "c.yaml:3:25: architecture.layers.0: unknown kind 'dens'; did you mean 'dense'?",
        ]

    def test_as_json(self, program: Program, tmp_path: Path) -> None:
        sound = program("config", "validate", IRIS, "--json")
        assert (sound.code, sound.json) == (0, {"config": str(IRIS), "valid": True, "errors": []})
        (tmp_path / "c.yaml").write_text(BROKEN)
        broken = program("config", "validate", "c.yaml", "--json")
        assert (broken.code, broken.err, broken.json["valid"]) == (2, "", False)
        assert broken.json["errors"][0] == {
            "position": "c.yaml:1:7",
            "path": ["seed"],
            "message": "expected a whole number, got 'x'",
        }

    def test_shapes_are_known_only_with_the_data(self, program: Program) -> None:
        override = "architecture.layers.1.dense=5"
        assert program("config", "validate", IRIS, "--set", override).code == 0
        answer = program("config", "validate", IRIS, "--data", "--set", override)
        assert answer.code == 2
        (line,) = answer.errors
        assert line.endswith("5 output units, but the data has 3 classes; make it 3")

    def test_a_missing_file(self, program: Program) -> None:
        answer = program("config", "validate", "nowhere.yaml")
        assert (answer.code, answer.errors) == (2, ["nowhere.yaml: no such file"])

    def test_a_malformed_override(self, program: Program) -> None:
        answer = program("config", "validate", IRIS, "--set", "seed")
        assert answer.code == 2
        assert answer.errors == ["--set seed: expected KEY.PATH=VALUE, such as optimizer.lr=0.01"]


class TestShow:
    def test_what_it_prints_is_a_config_with_the_same_meaning(
        self, program: Program, tmp_path: Path
    ) -> None:
        shown = program("config", "show", IRIS, "--set", "seed=3")
        (tmp_path / "shown.yaml").write_text(shown.out)
        again = program("config", "show", "shown.yaml")
        assert (again.out, again.err) == (shown.out, "")
        assert parse_yaml(shown.out, "f").plain()["seed"] == 3

    def test_as_json(self, program: Program) -> None:
        shown = program("config", "show", IRIS).out
        assert program("config", "show", IRIS, "--json").json == parse_yaml(shown, "f").plain()

    def test_with_the_origin_of_each_value(self, program: Program, tmp_path: Path) -> None:
        (tmp_path / "base.yaml").write_text(
            "data: {source: {kind: csv, path: 'a: b #.csv', missing: [\"\\n\"]}}\n"
            "architecture: {layers: [dense: 3]}\n"
            "expect: {'a: b': {min: 1}}\n"
        )
        (tmp_path / "c.yaml").write_text("extends: base.yaml\ntraining: {epochs: 7}\n")
        arguments = ("config", "show", "c.yaml", "--set", "seed=3")
        text = program(*arguments, "--origin").out
        origins = {
            line.split("  # ")[0].strip(): line.rpartition("  # ")[2] for line in text.splitlines()
        }
        assert origins["seed: 3"] == "--set seed=3"
        assert origins["epochs: 7"] == "c.yaml:2:20"
        assert origins["min: 1.0"] == "base.yaml:3:24"
        assert origins["batch_size: 32"] == "default"
        assert parse_yaml(text, "f").plain() == program(*arguments, "--json").json

    def test_shorthands_have_an_origin_too(self, program: Program, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text(
            "data: {source: mnist}\narchitecture:\n  layers:\n    - dense: 77\noptimizer: sgd\n"
        )
        text = program("config", "show", "c.yaml", "--origin").out
        origins = {
            line.split("  # ")[0].strip(): line.rpartition("  # ")[2] for line in text.splitlines()
        }
        assert origins["units: 77"] == "c.yaml:4:14"
        assert origins["kind: sgd"] == "c.yaml:5:12"
        assert origins["kind: constant"] == "default"


def test_schema_is_one_by_which_a_config_can_be_checked(program: Program) -> None:
    schema = json.loads(program("config", "schema").out)
    checker = Draft202012Validator(schema)
    checker.validate(parse_yaml(IRIS.read_text(encoding="utf-8"), "f").plain())
    assert not checker.is_valid({"sead": 3})


@pytest.mark.parametrize("command", ["validate", "show"])
def test_a_folder_is_no_config(program: Program, tmp_path: Path, command: str) -> None:
    answer = program("config", command, tmp_path)
    assert (answer.code, answer.errors) == (
        2,
        [f"{tmp_path}: is a folder; give a YAML file in it"],
    )
