"""Tests of loading configs: `extends`, `--set`, and errors with position and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest

from nnkit.config.load import apply_override, load_document
from nnkit.config.node import Node
from nnkit.config.spec import Listed, Spec
from nnkit.config.validation import find_setting, validate
from nnkit.config.yaml import parse_yaml
from nnkit.errors import ConfigError, NnkitError, SettingPath, UsageError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from, load_config

BASE = "data: {source: mnist}\narchitecture: {layers: [dense: 8, dense: 3]}\n"

CONFIGS = Path(__file__).parents[2] / "configs"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the working folder, so that errors show its name without a folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "c.yaml") -> Path:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
        return Path(name)

    return write


def refusal(path: Path, *overrides: str) -> list[str]:
    """Returns the lines of a config's only error."""
    with pytest.raises(NnkitError) as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_all_errors_come_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = """\
seed: x
data: {sauce: mnist}
architecture:
  layers:
    - dense: 1.5
    - dens: 10
  initialiser: he
optimizer: {kind: sgd, lr: 0, momentum: 1}
training:
  precision: float16
  lr: 0.1
"""
    assert refusal(write(text)) == [
        "c.yaml:1:7: seed: expected a whole number, got 'x'",
        "c.yaml:2:1: data.source: this key is required",
        "c.yaml:2:8: data.sauce: unknown key; did you mean 'source'?",
        "c.yaml:5:14: architecture.layers.0.dense: expected a whole number or 'auto', got 1.5",
        "c.yaml:6:7: architecture.layers.1: unknown kind 'dens'; did you mean 'dense'?",
        "c.yaml:7:3: architecture.initialiser: unknown key; did you mean 'initializer'?",
        "c.yaml:8:28: optimizer.lr: must be more than 0, got 0",
        "c.yaml:8:41: optimizer.momentum: must be less than 1, got 1",
        (
            "c.yaml:10:14: training.precision: expected 'float32' or 'float64', got 'float16'; "
            "did you mean 'float64'?"
        ),
        "c.yaml:11:3: training.lr: unknown key; it belongs in 'optimizer.lr'",
    ]


def test_an_empty_file_lacks_what_is_required(write: Write) -> None:
    assert refusal(write("")) == [
        "c.yaml:1:1: data: this key is required",
        "c.yaml:1:1: architecture: this key is required",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # misplaced keys
        ("epochs: 3", "3:1: epochs: unknown key; it belongs in 'training.epochs'"),
        ("layers: []", "3:1: layers: unknown key; it belongs in 'architecture.layers'"),
        ("momentum: 1", "3:1: momentum: unknown key; it belongs in 'optimizer.momentum'"),
        ("warmup: 1", "3:1: warmup: unknown key; it belongs in 'optimizer.schedule.warmup'"),
        ("training: {seed: 3}", "3:12: training.seed: unknown key; it belongs at the top level"),
        (
            "training: {dropout: 0.5}",
            "3:12: training.dropout: unknown key; it belongs in 'regularization.dropout'",
        ),
        # unknown keys
        (
            "expect: {a: {least: 1}}",
            "3:14: expect.a.least: unknown key; the keys here are min, max",
        ),
        (
            "activation: {output: {kind: softmax, slope: 1}}",
            "3:38: activation.output.slope: unknown key; 'softmax' has no settings",
        ),
        # types
        (
            "name: 12",
            "3:7: name: expected text, got 12; put quotes around it if it is meant as text",
        ),
        (
            "optimizer: {lr: '0,01'}",
            "3:17: optimizer.lr: expected a number, got '0,01'; write 0.01",
        ),
        ("optimizer: {lr: '1,000'}", "3:17: optimizer.lr: expected a number, got '1,000'"),
        ("optimizer: {lr: 5 %}", "3:17: optimizer.lr: expected a number, got '5 %'; write 0.05"),
        ("seed: '12'", "3:7: seed: expected a whole number, got '12'; leave the quotes out"),
        ("seed:", "3:6: seed: expected a whole number, got nothing"),
        ("training: 5", "3:11: training: expected a mapping with keys such as epochs, steps,"),
        ("training: {epochs: 1e1}", "3:20: training.epochs: expected a whole number, got 10.0"),
        ("expect: [a]", "3:9: expect: expected a mapping, got a list"),
        (
            "training: {evaluate_on: test}",
            "3:25: training.evaluate_on: expected a list, got 'test'; put brackets around it",
        ),
        (
            "optimizer: {kind: sgd, nesterov: yes}",
            "3:34: optimizer.nesterov: expected true or false, got 'yes'",
        ),
        # names
        (
            "training: {metrics: [accuracy, f1_makro]}",
            "3:32: training.metrics.1: unknown metric 'f1_makro'; did you mean 'f1_macro'?",
        ),
        (
            "training: {metrics: [speed]}",
            "3:22: training.metrics.0: unknown metric 'speed'; available: accuracy, balanced_",
        ),
        ("training: {metrics: f1}", "3:21: training.metrics: expected a list, got 'f1'; put"),
        ("training: {metrics: [1]}", "3:22: training.metrics.0: expected text, got 1; put quotes"),
        # ranges
        ("seed: -1", "3:7: seed: must be at least 0, got -1"),
        ("training: {epochs: 0}", "3:20: training.epochs: must be at least 1, got 0"),
        ("training: {steps: 1e400}", "3:19: training.steps: expected a whole number, got inf"),
        ("regularization: {l2: .inf}", "3:22: regularization.l2: must be a finite number, got inf"),
        (
            "name: a b",
            "3:7: name: must start with a letter or a digit, and contain only letters a-z and A-Z",
        ),
        (f"name: {'a' * 99}", "3:7: name: must be no longer than 80 character(s), got 'aaa"),
        # conflicting settings
        (
            "training: {epochs: 1, steps: 1}",
            "3:11: training: epochs and steps both set the training length; use one of them",
        ),
        ("expect: {a: {}}", "3:13: expect.a: set min, max or no_worse_than"),
    ],
)
def test_one_error(write: Write, line: str, expected: str) -> None:
    (found,) = refusal(write(f"{BASE}{line}\n"))
    assert found.startswith(f"c.yaml:{expected}")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("[]", ["2:24: architecture.layers: needs at least 1 item(s), got 0"]),
        ("[dens: 1]", ["2:25: architecture.layers.0: unknown kind 'dens'; did you mean 'dense'?"]),
        ("[dense]", ["2:25: architecture.layers.0.units: this key is required"]),
        ("[dense: ]", ["2:25: architecture.layers.0.dense.units: this key is required"]),
        ("[{kind: dense}]", ["2:25: architecture.layers.0.units: this key is required"]),
        (
            "[dense: {unit: 3}]",
            [
                "2:25: architecture.layers.0.dense.units: this key is required",
                "2:33: architecture.layers.0.dense.unit: unknown key; did you mean 'units'?",
            ],
        ),
        (
            "[dense: {units: 3, activation: {leaky_relu: x}}]",
            ["2:68: architecture.layers.0.dense.activation.leaky_relu: expected a number, got 'x'"],
        ),
        (
            "[{kind: activation, function: relu, activation: 3}]",
            ["2:60: architecture.layers.0.activation: unknown key; it belongs at the top level"],
        ),
    ],
)
def test_only_the_chosen_branch_of_a_union_is_reported(
    write: Write, layers: str, expected: list[str]
) -> None:
    text = f"data: {{source: mnist}}\narchitecture: {{layers: {layers}}}\n"
    assert refusal(write(text)) == [f"c.yaml:{line}" for line in expected]


class Flexible(Spec):
    size: int | Annotated[tuple[int, int], Listed] = 0
    label: str | int = 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "size: x",
            "1:7: size: expected a whole number or a list, got 'x'",
        ),
        ("size: [1, x]", "1:11: size.1: expected a whole number, got 'x'"),
        ("size: [1]", "1:1: size.1: the list is missing this item"),
        ("label: [1]", "1:8: label: expected text or a whole number, got a list"),
    ],
)
def test_of_types_without_tags_the_nearest_is_reported(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Flexible, parse_yaml(text, "f"))
    assert str(caught.value) == f"f:{expected}"


class TestExtends:
    def test_mappings_are_merged_and_all_else_replaced(self, write: Write) -> None:
        write("a: {b: 1, c: {d: 2}}\nlist: [1, 2]\nleft: 1\n", "base.yaml")
        own = write("extends: base.yaml\na: {c: {e: 3}}\nlist: [3]\n")
        document = load_document(own).plain()
        assert document == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [3], "left": 1}

    def test_another_kind_replaces_the_whole(self, write: Write) -> None:
        write(f"{BASE}optimizer: {{kind: adam, lr: 0.5, beta1: 0.8}}\n", "base.yaml")
        same = load_config(write("extends: base.yaml\noptimizer: {kind: adam, lr: 0.1}\n"))
        assert same.optimizer.model_dump()["beta1"] == 0.8
        other = load_config(write("extends: base.yaml\noptimizer: {kind: sgd, momentum: 0.5}\n"))
        assert (other.optimizer.tag(), other.optimizer.lr) == ("sgd", 0.1)

    def test_a_base_may_extend_another_in_another_folder(self, write: Write) -> None:
        write(f"{BASE}seed: 1\n", "far/one.yaml")
        write("extends: far/one.yaml\ntraining: {epochs: 7}\n", "two.yaml")
        config = load_config(write("extends: ../two.yaml\nseed: 3\n", "near/three.yaml"))
        assert (config.seed, config.training.epochs, config.name) == (3, 7, "three")

    def test_an_error_in_the_base_is_reported_there(self, write: Write) -> None:
        write(f"{BASE}seed: x\ntraining:\n  epochs: y\n", "base.yaml")
        own = write("extends: base.yaml\nname: 3\ntraining: {steps: z}\n")
        assert refusal(own) == [
            "base.yaml:3:7: seed: expected a whole number, got 'x'",
            "base.yaml:5:11: training.epochs: expected a whole number, got 'y'",
            "c.yaml:2:7: name: expected text, got 3; put quotes around it if it is meant as text",
            "c.yaml:3:19: training.steps: expected a whole number, got 'z'",
        ]

    def test_a_base_that_is_not_yaml(self, write: Write) -> None:
        write("a: [\n", "base.yaml")
        (line,) = refusal(write("extends: base.yaml\n"))
        assert line.startswith("base.yaml:1:5: not YAML: ")

    @pytest.mark.parametrize("name", ["c.yaml", "./c.yaml", "b.yaml"])
    def test_a_circle(self, write: Write, name: str) -> None:
        write("extends: c.yaml\n", "b.yaml")
        (line,) = refusal(write(f"extends: {name}\n"))
        where = "b.yaml" if name == "b.yaml" else "c.yaml"
        why = "this file extends itself, directly or through other files"
        assert line == f"{where}:1:10: extends: {why}"

    @pytest.mark.parametrize("name", ["nowhere.yaml", ".", "''", "x" * 300, '"a\\0"'])
    def test_a_base_that_is_not_there(self, write: Write, name: str) -> None:
        (line,) = refusal(write(f"seed: 1\nextends: {name}\n"))
        assert line.startswith("c.yaml:2:10: extends: no such file: ")

    @pytest.mark.parametrize("name", ["3", "[a.yaml]", ""])
    def test_a_base_that_is_no_name(self, write: Write, name: str) -> None:
        (line,) = refusal(write(f"extends: {name}\n"))
        assert line.endswith("extends: expected the path of a YAML file")


class TestOverrides:
    def plain(self, text: str, *overrides: str) -> object:
        document = parse_yaml(text, "f")
        for override in overrides:
            document = apply_override(document, override)
        return document.plain()

    @pytest.mark.parametrize(
        ("text", "override", "result"),
        [
            ("a: 1", "a=2", {"a": 2}),
            ("a: 1", "a= 2 ", {"a": 2}),
            ("a: 1", "a=", {"a": None}),
            ("a: 1", "a=x=y", {"a": "x=y"}),
            ("a: 1", "a=[1, {b: 2}]", {"a": [1, {"b": 2}]}),
            ("a: {b: 1}", "a.c=2", {"a": {"b": 1, "c": 2}}),
            ("a: 1", "b.c.d=2", {"a": 1, "b": {"c": {"d": 2}}}),
            ("a:", "a.b=2", {"a": {"b": 2}}),
            ("a: [1, 2]", "a.1=3", {"a": [1, 3]}),
            ("a: [{b: 1}]", "a.0.b=3", {"a": [{"b": 3}]}),
            ("a: {b.c: {d: 1, e: 2}}", "a.b.c.d=3", {"a": {"b.c": {"d": 3, "e": 2}}}),
            ("a: {b.c: {d: 1}}", "a.b.c=3", {"a": {"b.c": 3}}),
            ("a: {kind: adam}", "a.adam.lr=3", {"a": {"kind": "adam", "lr": 3}}),
        ],
    )
    def test_a_value_is_put_where_its_key_leads(
        self, text: str, override: str, result: object
    ) -> None:
        assert self.plain(text, override) == result

    def test_a_later_one_wins(self) -> None:
        assert self.plain("a: 1", "a=2", "a=3") == {"a": 3}

    @pytest.mark.parametrize(
        ("overrides", "units", "activation"),
        [
            (["architecture.layers.0.dense=9"], 9, None),
            (["architecture.layers.0.dense.activation=tanh"], 8, "tanh"),
            (["architecture.layers.0.dense={units: 5, activation: tanh}"], 5, "tanh"),
            (
                [
                    "architecture.layers.0.dense.units=5",
                    "architecture.layers.0.dense.activation=tanh",
                ],
                5,
                "tanh",
            ),
        ],
    )
    def test_a_layer_is_reached_through_its_shorthand(
        self, write: Write, overrides: list[str], units: int, activation: str | None
    ) -> None:
        layer = load_config(write(BASE), overrides).architecture.layers[0].model_dump()
        assert layer["units"] == units
        assert (layer["activation"] or {}).get("kind") == activation

    @pytest.mark.parametrize("key", ["optimizer.lr", "optimizer.adam.lr"])
    def test_a_layer_written_as_its_kind_only_is_reached(self, write: Write, key: str) -> None:
        path = write(f"{BASE}optimizer: adam\n")
        overrides = [f"{key}=0.5", f"{key.replace('lr', 'beta1')}=0.25"]
        optimizer = load_config(path, overrides).optimizer.model_dump()
        assert (optimizer["lr"], optimizer["beta1"]) == (0.5, 0.25)

    @pytest.mark.parametrize("override", ["seed", "=3", "seed..x=3", ".seed=3", "seed.=3", ""])
    def test_malformed(self, write: Write, override: str) -> None:
        (line,) = refusal(write(BASE), override)
        why = "expected KEY.PATH=VALUE, such as optimizer.lr=0.01"
        assert line == f"--set {override}: {why}"

    def test_a_path_of_too_many_parts(self, write: Write) -> None:
        (line,) = refusal(write(BASE), f"{'a.' * 5_000}b=1")
        assert line == f"--set {'a.' * 20}…: nested deeper than 50 levels"

    @pytest.mark.parametrize("value", ["[1", "!secret 1", "*x", "{a: 1, a: 2}", "'"])
    def test_a_value_that_is_not_yaml(self, value: str) -> None:
        with pytest.raises(UsageError) as caught:
            apply_override(parse_yaml("a: 1", "f"), f"a={value}")
        assert str(caught.value).startswith(f"--set a={value}: ")

    @pytest.mark.parametrize("index", ["2", "-1", "x", "²"])
    def test_an_index_out_of_range(self, write: Write, index: str) -> None:
        override = f"architecture.layers.{index}=flatten"
        (line,) = refusal(write(BASE), override)
        why = f"no item '{index}' in this list of 2; items are numbered from 0"
        assert line == f"--set {override}: architecture.layers: {why}"

    def test_an_error_names_the_override_that_it_is_in(self, write: Write) -> None:
        overrides = ["seed=x", "training.epoch=3", "architecture.layers.0.dense=y"]
        assert refusal(write(BASE), *overrides) == [
            (
                "--set architecture.layers.0.dense=y: architecture.layers.0.dense: "
                "expected a whole number or 'auto', got 'y'"
            ),
            "--set seed=x: seed: expected a whole number, got 'x'",
            "--set training.epoch=3: training.epoch: unknown key; did you mean 'epochs'?",
        ]

    def test_it_overrides_a_base(self, write: Write) -> None:
        write(f"{BASE}seed: 1\n", "base.yaml")
        assert load_config(write("extends: base.yaml\nseed: 2\n"), ["seed=3"]).seed == 3


WRITTEN = """\
data: {source: {csv: {path: a.csv, missing: [x, y]}}}
architecture:
  layers:
    - dense: 8
    - dense: {units: 3, activation: {leaky_relu: 0.1}}
    - activation: {kind: leaky_relu, slope: 0.2}
    - flatten
    - {kind: dense, units: 4}
activation: tanh
optimizer: adam
regularization: {early_stopping: 5}
expect: {test.accuracy: {min: 1}}
"""


@pytest.mark.parametrize(
    ("path", "written", "position"),
    [
        (("data", "source", "kind"), "data.source", "1:17"),
        (("data", "source", "path"), "data.source.csv.path", "1:29"),
        (("data", "source", "missing", 1), "data.source.csv.missing.1", "1:49"),
        (("architecture", "layers", 0, "kind"), "architecture.layers.0", "4:7"),
        (("architecture", "layers", 0, "units"), "architecture.layers.0.dense", "4:14"),
        (("architecture", "layers", 1, "units"), "architecture.layers.1.dense.units", "5:22"),
        (
            ("architecture", "layers", 1, "activation", "slope"),
            "architecture.layers.1.dense.activation.leaky_relu",
            "5:50",
        ),
        (
            ("architecture", "layers", 2, "function", "slope"),
            "architecture.layers.2.activation.slope",
            "6:45",
        ),
        (("architecture", "layers", 3, "kind"), "architecture.layers.3", "7:7"),
        (("architecture", "layers", 4, "units"), "architecture.layers.4.units", "8:28"),
        (("activation", "hidden", "kind"), "activation", "9:13"),
        (("optimizer", "kind"), "optimizer", "10:12"),
        (
            ("regularization", "early_stopping", "patience"),
            "regularization.early_stopping",
            "11:34",
        ),
        (("expect", "test.accuracy", "min"), "expect.test.accuracy.min", "12:31"),
    ],
)
def test_a_setting_is_found_in_whatever_form_it_is_written(
    path: SettingPath, written: str, position: str
) -> None:
    found, node, exact = find_setting(Config, parse_yaml(WRITTEN, "f"), path)
    assert exact
    assert ".".join(map(str, found)) == written
    assert str(node.mark) == f"f:{position}"


@pytest.mark.parametrize(
    "path",
    [
        ("seed",),
        ("training", "epochs"),
        ("optimizer", "lr"),
        ("optimizer", "schedule", "kind"),
        ("architecture", "layers", 0, "bias"),
        ("architecture", "layers", 3, "units"),
        ("regularization", "early_stopping", "minimum_change"),
        ("activation", "output", "kind"),
    ],
)
def test_a_default_is_not_found(path: SettingPath) -> None:
    assert not find_setting(Config, parse_yaml(WRITTEN, "f"), path)[2]


def test_a_setting_given_by_an_override_within_a_shorthand_is_found() -> None:
    override = "architecture.layers.0.dense.activation=tanh"
    document = apply_override(parse_yaml(WRITTEN, "f"), override)

    def position(*path: str | int) -> str:
        _, node, _ = find_setting(Config, document, path)
        return str(node.mark)

    assert position("architecture", "layers", 0, "units") == "f:4:14"
    assert position("architecture", "layers", 0, "activation", "kind") == f"--set {override}"


def test_plain_data_may_hold_any_character(write: Write) -> None:
    config = load_config(write(BASE.replace("mnist", "{kind: csv, path: 😀.csv}")))
    assert config_from(config.resolved()).resolved() == config.resolved()


def test_a_document_too_deep_for_validation_is_an_error() -> None:
    node = parse_yaml("a: 1", "f")
    for _ in range(5000):
        node = Node({"expect": node}, node.mark, node.key)
    with pytest.raises(ConfigError, match="nested too deeply"):
        validate(Config, node)


class TestDefaultMember:
    def test_settings_alone_are_those_of_the_default(self, write: Write) -> None:
        config = load_config(write(BASE + "optimizer: {lr: 0.5}\n"))
        assert (config.optimizer.kind, config.optimizer.lr) == ("adam", 0.5)

    def test_an_override_needs_no_section(self, write: Write) -> None:
        config = load_config(write(BASE), ["optimizer.lr=0.5"])
        assert (config.optimizer.kind, config.optimizer.lr) == ("adam", 0.5)

    @pytest.mark.parametrize(
        ("override", "message"),
        [("optimizer.lrr=1", "did you mean 'lr'"), ("optimizer.adm.lr=1", "did you mean 'adam'")],
    )
    def test_a_misspelt_setting_or_tag_is_told_apart(
        self, write: Write, override: str, message: str
    ) -> None:
        with pytest.raises(ConfigError, match=message):
            load_config(write(BASE), [override])


def test_a_bound_may_be_set_on_the_command_line(write: Write) -> None:
    config = load_config(write(BASE), ["expect.test.accuracy.min=0.9"])
    assert config.expect["test.accuracy"].min == 0.9


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("loss=mse", "squared_error"),
        ("loss=NLL", "negative_log_likelihood"),
        ("activation=swish", "silu"),
        ("activation.output=linear", "identity"),
        ("architecture.layers=[linear: 3]", "dense"),
        ("architecture.initializer=glorot", "xavier"),
        ("optimizer.schedule=sgdr", "cosine_restarts"),
    ],
)
def test_names_from_elsewhere_are_known_to_errors(override: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
        load_config(CONFIGS / "iris-mlp.yaml", [override])
