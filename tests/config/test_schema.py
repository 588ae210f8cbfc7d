"""Tests of the JSON Schema: it is valid, and consistent with the parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nnkit.config.load import load_document
from nnkit.config.schema import json_schema
from nnkit.config.spec import Spec
from nnkit.config.yaml import parse_yaml, read_yaml
from nnkit.errors import ConfigError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from tests.config.forms import Case, cases
from tests.config.rich import RICH

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("fast/*.yaml")])
DESCRIPTION = json_schema(Config, "nnkit config")
CASES = cases()
SCHEMA = Draft202012Validator(DESCRIPTION)

Place = tuple[str, ...]
Form = tuple[Place, frozenset[str]]


@cache
def shipped() -> dict[str, Any]:
    """Returns the shipped configs, merged with the configs they extend."""
    documents = {path.stem: load_document(path, ()).plain() for path in CONFIGS}
    return {**documents, "rich": parse_yaml(RICH, "rich.yaml").plain()}


@pytest.mark.slow
def test_it_is_a_valid_schema_of_the_draft_that_it_names() -> None:
    assert DESCRIPTION["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(DESCRIPTION)


def test_the_shipped_one_is_up_to_date() -> None:
    """Compares configs/schema.json with the output of `nnkit config schema`."""
    shipped = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    assert shipped == SCHEMA.schema


def test_there_are_configs_to_check() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_fits_as_it_is_written(path: Path) -> None:
    SCHEMA.validate(read_yaml(path).plain())


def test_a_config_that_extends_another_may_leave_out_what_is_required() -> None:
    SCHEMA.validate({"extends": "base.yaml", "seed": 3})


@pytest.mark.parametrize("document", shipped().values(), ids=shipped())
def test_every_resolved_config_fits(document: Any) -> None:
    SCHEMA.validate(config_from(document).resolved())


def with_unknown_keys(document: Any, place: Place = ()) -> Iterator[tuple[Form, Any]]:
    """Yields copies of a document, each with an unknown key in another mapping.

    Each copy comes with the form of the mapping: its place, ignoring list indices, and its keys.
    """
    if isinstance(document, dict):
        yield (place, frozenset(document)), {**document, "no_such_key": 1}
        for name, child in document.items():
            for form, broken in with_unknown_keys(child, (*place, name)):
                yield form, {**document, name: broken}
    elif isinstance(document, list):
        for i, child in enumerate(document):
            for form, broken in with_unknown_keys(child, (*place, "entry")):
                yield form, [*document[:i], broken, *document[i + 1 :]]


def spoilt() -> dict[str, list[Any]]:
    """Returns shipped configs with unknown keys, one for each form of a mapping."""
    found: dict[str, list[Any]] = {}
    seen: set[Form] = set()
    for name, document in shipped().items():
        for form, broken in with_unknown_keys(document):
            if form not in seen:
                found.setdefault(name, []).append(broken)
                seen.add(form)
    return found


@pytest.mark.parametrize("documents", spoilt().values(), ids=spoilt())
def test_unknown_keys_are_rejected_by_parser_and_schema(
    documents: list[Any],
) -> None:
    for broken in documents:
        with pytest.raises(ConfigError):
            config_from(broken)
        assert not SCHEMA.is_valid(broken)


@cache
def schema_of(holder: type[Spec]) -> Draft202012Validator:
    return Draft202012Validator(json_schema(holder, "holder"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_takes_every_component_in_every_form(case: Case) -> None:
    schema = schema_of(case.holder)
    forms = [*case.forms(), *(case.short() or ())]
    for form in forms:
        schema.validate({"it": form})
    for settings in ({"no_such_key": 1}, {"kind": "no_such_kind"}):
        assert not schema.is_valid({"it": {case.member.tag(): case.settings | settings}})


@pytest.mark.parametrize("holder", {case.holder: None for case in CASES})
def test_it_takes_nothing_else(holder: type[Spec]) -> None:
    forms: list[Any] = [
        "no_such_kind",
        {"no_such_kind": 1},
        {"kind": "no_such_kind"},
        True,
        [],
        None,
    ]
    for form in forms:
        assert not schema_of(holder).is_valid({"it": form})


@pytest.mark.parametrize("section", ["optimizer", "loss", "activation"])
def test_the_schema_accepts_the_parsers_shorthands(section: str) -> None:
    document = parse_yaml(RICH, "rich.yaml").plain()
    for form in ("leaky_relu", {"leaky_relu": 0.1}, {"kind": "leaky_relu", "slope": 0.1}):
        assert SCHEMA.is_valid(document | {section: form}) is (section == "activation")
