"""Search spaces: where they are found, what is drawn from them, and every mistake in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from nnkit.config.spec import Component, Spec, members
from nnkit.config.yaml import parse_yaml
from nnkit.errors import ConfigError
from nnkit.experiments.search_settings import grid_values
from nnkit.experiments.spaces import TAGS, AnySpace, SearchSpace, Value, is_space, picking
from nnkit.task.config import Config
from nnkit.task.config_loading import config_document

CONDITIONAL = """
optimizer:
  choice:
    - {kind: sgd, lr: {float: {low: 0.1, high: 1}}}
    - {kind: adam, lr: {float: {low: 0.001, high: 0.01, log: true}}}
    - lbfgs
units: {int: {low: 2, high: 8, step: 3}}
"""


def space(text: str) -> SearchSpace:
    return SearchSpace(parse_yaml(text, "t.yaml"))


def drawn(found: SearchSpace, **values: Value) -> Any:
    return found.draw(picking({name.replace("__", "."): v for name, v in values.items()})).plain()


def test_dimensions_are_named_by_their_settings_and_options() -> None:
    found = space(CONDITIONAL).dimensions
    assert list(found) == ["optimizer", "optimizer.sgd.lr", "optimizer.adam.lr", "units"]
    assert found["optimizer"].extremes == ("sgd", "adam", "lbfgs")
    assert found["optimizer.adam.lr"].given == {"optimizer": "adam"}
    assert found["optimizer.adam.lr"].path == ("optimizer", "lr")


def test_spaces_within_an_option_are_drawn_only_with_it() -> None:
    found = space(CONDITIONAL)
    asked: list[str] = []

    def pick(dimension: Any) -> Value:
        asked.append(dimension.name)
        values: dict[str, Value] = {"optimizer": "adam", "optimizer.adam.lr": 0.005}
        return values.get(dimension.name, 5)

    document = found.draw(pick).plain()
    assert document == {"optimizer": {"kind": "adam", "lr": 0.005}, "units": 5}
    assert asked == ["optimizer", "optimizer.adam.lr", "units"]
    assert drawn(found, optimizer="lbfgs") == {"optimizer": "lbfgs", "units": 2}


def test_drawn_values_have_the_position_of_their_space() -> None:
    found = space("a: {float: {low: 1, high: 2}}\nb: {choice: [x,\n  y]}\n")
    ends: dict[str, Value] = {"a": 2.0, "b": "y"}
    nodes = {name: found.draw(picking(ends)).child(name) for name in ends}
    assert {name: str(node.mark) for name, node in nodes.items() if node} == {
        "a": "t.yaml:1:27",
        "b": "t.yaml:3:3",
    }


def test_every_combination_is_without_the_spaces_of_other_options() -> None:
    found = space(CONDITIONAL)
    combinations = list(found.combinations(lambda dimension: dimension.extremes))
    assert len(combinations) == (2 + 2 + 1) * 2
    assert {frozenset(c) for c in combinations} == {
        frozenset(names)
        for names in (
            ("optimizer", "optimizer.sgd.lr", "units"),
            ("optimizer", "optimizer.adam.lr", "units"),
            ("optimizer", "units"),
        )
    }


def test_single_changes_reach_every_option_and_end() -> None:
    found = space(CONDITIONAL)
    assert list(found.single_changes()) == [
        {},
        {"optimizer": "adam"},
        {"optimizer": "lbfgs"},
        {"optimizer": "sgd", "optimizer.sgd.lr": 1.0},
        {"optimizer": "adam", "optimizer.adam.lr": 0.01},
        {"units": 8},
    ]


def test_steps_do_not_accumulate_rounding() -> None:
    found = space("a: {float: {low: 0.1, high: 0.7, step: 0.2}}").dimensions["a"]
    assert grid_values(found) == [0.1, 0.3, 0.5, 0.7]


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ("[16, 0.5, relu, null, true]", (16, 0.5, "relu", None, True)),
        ("[{dense: 3}, {conv: {filters: 2}}]", ("dense", "conv")),
        ("[{kind: sgd, lr: 1}, {kind: sgd, lr: 2}]", ("{kind: sgd, lr: 1}", "{kind: sgd, lr: 2}")),
        ("[[{dense: 10}], [{dense: 4}]]", ("[{dense: 10}]", "[{dense: 4}]")),
        (f"[[{'1, ' * 30} 1], [2]]", ("option 1", "[2]")),
    ],
)
def test_options_have_distinct_labels(options: str, labels: tuple[Value, ...]) -> None:
    for text in (f"a: {{choice: {options}}}", f"a: {{kind: choice, options: {options}}}"):
        found = space(text)
        assert found.dimensions["a"].extremes == labels
        plain = parse_yaml(options, "").plain()
        assert [drawn(found, a=label)["a"] for label in labels] == plain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: {float: {low: 2, high: 1}}",
            "1:4: a: low must be below high, got 2 and 1; exchange them",
        ),
        (
            "a: {int: {low: 2, high: 2}}",
            "1:4: a: low must be below high, got 2 and 2; write the value alone",
        ),
        (
            "a: {float: {low: 0, high: 1, log: true}}",
            "1:4: a: a logarithmic space must not reach 0, but low is 0; use a small positive low",
        ),
        (
            "a: {int: {low: 1, high: 9, log: true, step: 2}}",
            "1:4: a: log and step exclude each other; remove one of them",
        ),
        (
            "a: {float: {low: 0, high: 1, step: 0.3}}",
            "1:4: a: steps of 0.3 from 0 do not reach 1; write high: 0.9",
        ),
        (
            "a: {float: {low: [1], high: 1}}",
            "1:18: a.float.low: expected a number, got a list",
        ),
        ("a: {int: {low: 1.5, high: 3}}", "1:16: a.int.low: expected a whole number, got 1.5"),
        ("a: {float: {lo: 1, high: 3}}", "a.float.lo: unknown key; did you mean 'low'?"),
        ("a: {float: {low: 1}}", "1:5: a.float.high: this key is required"),
        ("a: {float: [1, 2]}", "'float' expects a mapping with keys such as low, high"),
        ("a: {float: {low: 1, high: 2}, log: true}", "nest the settings of 'float' below it"),
        ("a: {choice: [1]}", "1:13: a.choice: needs at least 2 item(s), got 1"),
        ("a: {choice: 3}", "1:13: a.choice: expected a list, got 3; put brackets around it"),
        ("a: {choice: [x, 1, x]}", "1:20: a: this option is already given, at t.yaml:1:14"),
        ("a: {choice: [1, 1.0]}", "1:17: a: this option is already given, at t.yaml:1:14"),
        (
            "a: {choice: [b: {int: {low: 3, high: 1}}, c]}",
            "1:17: a.b: low must be below high, got 3 and 1; exchange them",
        ),
    ],
)
def test_mistakes_have_a_position_and_a_remedy(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        space(text)
    assert message in str(raised.value)


def specs(annotation: Any) -> set[type[Spec]]:
    """All specs below an annotation."""
    found: set[type[Spec]] = set()
    waiting = [annotation]
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, Spec):
            if part not in found:
                found.add(part)
                waiting += [field.annotation for field in part.model_fields.values()]
        else:
            waiting += get_args(part)
    return found


def test_no_setting_or_kind_of_a_config_is_called_like_a_space() -> None:
    assert set(members(AnySpace)) == set(TAGS)
    for spec in specs(Config):
        names = {*spec.model_fields, *([spec.tag()] if issubclass(spec, Component) else [])}
        assert not names & set(TAGS), spec


def test_a_space_replaces_an_inherited_value_and_is_replaced_by_one(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "optimizer: {kind: adam, lr: 0.1, clip: 1}\na: {int: {low: 1, high: 2}}\n"
        "b: {choice: [1, 2]}\n"
    )
    own = tmp_path / "own.yaml"
    own.write_text(
        "extends: base.yaml\noptimizer: {choice: [adam, sgd]}\na: {float: {low: 1, high: 2}}\n"
        "b: {kind: x}\n"
    )
    document = config_document(own, is_value=is_space).plain()
    assert document["optimizer"] == {"choice": ["adam", "sgd"]}
    assert document["a"] == {"float": {"low": 1, "high": 2}}
    assert document["b"] == {"kind": "x"}
