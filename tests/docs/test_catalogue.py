"""docs/catalogue.md: up to date and complete, with correct YAML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import create_model

from docs.catalogue import (
    COMMAND,
    GENERATED,
    METRICS_PAGE,
    PAGE,
    README,
    Catalogue,
    anchor,
    forms,
    generated,
    meaning,
    own_fields,
    page,
    symbol,
)
from nnkit.config.load import merge
from nnkit.config.spec import Component, Spec
from nnkit.config.validation import validate
from nnkit.config.yaml import parse_yaml
from nnkit.task.config import Config
from tests.config.forms import cases

CATALOGUE = Catalogue.of(Config)
FAMILIES = {family.title: family for family in CATALOGUE.families.values()}
MEMBERS = {
    f"{family.noun}-{tag}": (family, member)
    for family in FAMILIES.values()
    for tag, member in family.members.items()
}
SPECS = {
    **{name: member for name, (_, member) in MEMBERS.items()},
    **{section.title: section.spec for section in CATALOGUE.sections},
}
TEXT = PAGE.read_text(encoding="utf-8")
LEAST = "data: {source: mnist}\narchitecture: {layers: [{dense: 3}]}\n"


def test_it_is_up_to_date() -> None:
    assert page() == TEXT, f"a component has changed: `{COMMAND}` writes the page anew"


@pytest.mark.parametrize(("place", "tables"), [(README, 1), (METRICS_PAGE, 5)])
def test_tables_in_other_pages_are_up_to_date(place: Path, tables: int) -> None:
    text = place.read_text(encoding="utf-8")
    assert len(GENERATED.findall(text)) == tables
    assert generated(text) == text, f"`{COMMAND}` writes them anew"


def test_it_has_every_member_of_every_union() -> None:
    told = {member for _, member in MEMBERS.values()}
    assert told == {case.member for case in cases()}


def test_every_member_has_a_docstring_of_its_own() -> None:
    assert [name for name, (_, spec) in MEMBERS.items() if not vars(spec).get("__doc__")] == []


def test_every_setting_is_explained() -> None:
    """Requires a description, or a docstring that contains the setting's name or symbol."""
    without = [
        f"{name}: {field}"
        for name, spec in SPECS.items()
        for field in spec.model_fields.keys() - {"kind"}
        if not (meaning(spec, field) or symbol(spec, field))
    ]
    assert without == [], "give these a Field(description=…)"


@pytest.mark.parametrize("name", MEMBERS)
def test_what_it_says_to_write_is_that_member(name: str) -> None:
    family, member = MEMBERS[name]
    holder = create_model("Holder", __base__=Spec, it=(family.union, ...))
    written = forms(member, own_fields(family, member))
    assert f"`{written[0]}`" in TEXT
    for form in written:
        text = f"it: {form}" if form[0] == "{" or ": " not in form else f"it: {{{form}}}"
        it = vars(validate(holder, parse_yaml(text, "it.yaml")))["it"]
        assert isinstance(it, Component)
        assert type(it) is member


def test_every_example_in_place_is_a_config() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == len(FAMILIES) + 1
    for block in blocks[1:]:
        validate(Config, merge(parse_yaml(LEAST, "least.yaml"), parse_yaml(block, "c.yaml")))
    for line in blocks[0].splitlines():
        config = validate(Config, parse_yaml(LEAST + line, "c.yaml"))
        assert config.activation.hidden is not None
        assert config.activation.hidden.tag() == "leaky_relu"


def test_every_link_leads_to_a_heading() -> None:
    anchors = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)]
    assert len(set(anchors)) == len(anchors)
    links = set(re.findall(r"\]\(#([^)]*)\)", TEXT))
    assert links
    assert links <= set(anchors)
