"""Tests of specs: strict, immutable, and equal in every YAML form of a component."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import ValidationError

from nnkit.config.load import apply_override, load_document
from nnkit.config.node import Node
from nnkit.config.spec import Component, Count, FilePath, Spec, members
from nnkit.config.tagged_union import Tagged
from nnkit.config.validation import validate
from nnkit.config.yaml import parse_yaml
from nnkit.config.yaml_dump import dump_yaml
from nnkit.errors import ConfigError
from tests.config.forms import Case, cases


def written(value: Any) -> Node:
    return parse_yaml(dump_yaml({"it": value}), "f.yaml")


def read(case: Case, value: Any) -> Component:
    found: Component = validate(case.holder, written(value)).it  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("case", cases(), ids=str)
class TestEveryComponent:
    def test_all_forms_mean_the_same(self, case: Case) -> None:
        full, *others = [read(case, form) for form in case.forms()]
        assert isinstance(full, case.member)
        assert others == [full] * len(others)

    def test_its_shorthand_is_its_field(self, case: Case) -> None:
        if (short := case.short()) is not None:
            assert read(case, short[0]) == read(case, short[1])

    def test_it_survives_being_dumped_and_read(self, case: Case) -> None:
        spec = read(case, next(case.forms()))
        assert read(case, spec.model_dump(mode="json")) == spec

    def test_it_refuses_an_unknown_key_in_every_form(self, case: Case) -> None:
        settings = {**case.settings, "no_such_key": 1}
        for form in ({"kind": case.member.tag(), **settings}, {case.member.tag(): settings}):
            with pytest.raises(ConfigError, match=r"it\..*no_such_key: unknown key"):
                read(case, form)

    def test_it_cannot_be_changed(self, case: Case) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(read(case, next(case.forms())), "kind", "other")  # noqa: B010


def test_the_walk_finds_the_unions() -> None:
    found = {case.member.tag() for case in cases()}
    assert {"csv", "dense", "relu", "zeros", "cross_entropy", "sgd", "cosine", "scale"} <= found


class Small(Component):
    kind: Literal["small"] = "small"
    shorthand: ClassVar[str | None] = "size"
    size: Count
    ratio: float = 0.5
    on: bool = True


class Bare(Component):
    kind: Literal["bare"] = "bare"


class Wrap(Component):
    kind: Literal["wrap"] = "wrap"
    shorthand: ClassVar[str | None] = "inner"
    inner: Annotated[Small | Bare, Tagged()]


class Section(Spec):
    shorthand: ClassVar[str | None] = "first"
    first: Annotated[Small | Bare, Tagged()] = Bare()
    second: int = 0


class Root(Spec):
    it: Annotated[Small | Bare | Wrap, Tagged()] = Bare()
    section: Section = Section()


def root(text: str) -> Root:
    return validate(Root, parse_yaml(text, "f"))


@pytest.mark.parametrize(
    "text",
    [
        "it: {small: yes}",
        "it: {small: 3.0}",
        "it: {small: true}",
        "it: {small: '3'}",
        "it: {kind: small, size: 1, ratio: '1'}",
        "it: {kind: small, size: 1, ratio: .nan}",
        "it: {kind: small, size: 1, ratio: .inf}",
        "it: {kind: small, size: 1, on: 1}",
        "it: {kind: small, size: 0}",
        "it: {kind: small, size: 2147483648}",
    ],
)
def test_types_are_not_coerced_and_ranges_hold(text: str) -> None:
    with pytest.raises(ConfigError):
        root(text)


def test_a_whole_number_will_do_for_a_real_one() -> None:
    assert root("it: {kind: small, size: 1, ratio: 2}").it == Small(size=1, ratio=2.0)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("it: {wrap: bare}", Wrap(inner=Bare())),
        ("it: {wrap: {small: 3}}", Wrap(inner=Small(size=3))),
        ("it: {wrap: {kind: small, size: 3}}", Wrap(inner=Small(size=3))),
        ("it: {wrap: {inner: {small: 3}}}", Wrap(inner=Small(size=3))),
        ("it: {kind: wrap, inner: bare}", Wrap(inner=Bare())),
    ],
)
def test_a_shorthand_takes_a_component_in_any_form(text: str, spec: Component) -> None:
    assert root(text).it == spec


@pytest.mark.parametrize(
    "text", ["small: 3", "{small: 3}", "{kind: small, size: 3}", "{first: {small: 3}}"]
)
def test_a_shorthand_of_a_section_takes_a_component_in_any_form(text: str) -> None:
    if not text.startswith("{"):
        text = f"\n  {text}"
    assert root(f"section: {text}").section == Section(first=Small(size=3))


def test_an_empty_section_is_its_defaults() -> None:
    assert root("section:") == Root()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it: smal", "f:1:5: it: unknown kind 'smal'; did you mean 'small'?"),
        ("it: huge", "f:1:5: it: unknown kind 'huge'; available: small, bare, wrap"),
        ("it: {smal: 3}", "f:1:5: it: unknown kind 'smal'; did you mean 'small'?"),
        ("it: small:3", "f:1:5: it: unknown kind 'small:3'; a colon needs a space after it"),
        ("it: 3", "f:1:5: it: expected one of 'small', 'bare', 'wrap'"),
        ("it:", "f:1:4: it: expected one of 'small', 'bare', 'wrap'"),
        ("it: []", "f:1:5: it: expected one of 'small', 'bare', 'wrap'"),
        ("it: {kind: 3}", "f:1:5: it: the 'kind' must be one of 'small', 'bare', 'wrap'"),
        (
            "it: {size: 3}",
            (
                "f:1:5: it: this needs a 'kind', such as {kind: small, size: …}; "
                "available: 'small', 'bare', 'wrap'"
            ),
        ),
        (
            "it: {colour: red, size: 3}",
            "f:1:5: it: this needs a 'kind'; available: 'small', 'bare', 'wrap'",
        ),
        (
            "it: {small: 3, ratio: 1}",
            "f:1:5: it: nest the settings of 'small' below it: small: {size: …, ratio: …}",
        ),
        (
            "it: {small: {size: 3}, ratio: 1}",
            "f:1:5: it: nest the settings of 'small' below it: small: {size: …, ratio: …}",
        ),
        (
            "it: {small: 3, bare: }",
            "f:1:5: it: only one of 'small', 'bare' can be the kind; nest the settings below it",
        ),
        (
            "it: {small: {kind: bare}}",
            "f:1:5: it: 'small' conflicts with kind 'bare'; use one of them",
        ),
        ("it: {bare: 3}", "f:1:5: it: 'bare' expects a mapping"),
        ("section: {kind: smal}", "f:1:10: section: unknown kind 'smal'; did you mean 'small'?"),
    ],
)
def test_a_component_written_wrongly(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        root(text)
    assert str(caught.value) == expected


class OnlyOne(Spec):
    it: Annotated[Small, Tagged()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it: smal", "f:1:5: it: unknown kind 'smal'; did you mean 'small'?"),
        ("it: {small: 0}", "f:1:13: it.small: must be at least 1, got 0"),
        (
            "it: {small: {siz: 3, size: 1}}",
            "f:1:14: it.small.siz: unknown key; did you mean 'size'?",
        ),
    ],
)
def test_a_union_may_have_one_member(text: str, expected: str) -> None:
    assert validate(OnlyOne, parse_yaml("it: {small: 3}", "f")).it == Small(size=3)
    with pytest.raises(ConfigError) as caught:
        validate(OnlyOne, parse_yaml(text, "f"))
    assert str(caught.value) == expected


def test_a_component_is_built_when_it_is_chosen() -> None:
    class Chosen(Component):
        kind: Literal["chosen"] = "chosen"

    class Other(Component):
        kind: Literal["other"] = "other"

    class Choice(Spec):
        it: Annotated[Chosen | Other, Tagged()]

    assert Choice.model_validate({"it": "chosen"}).it == Chosen()
    assert Chosen.__pydantic_complete__
    assert not Other.__pydantic_complete__


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Makes threads interrupt each other as often as possible."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried_threads")
def test_threads_may_use_a_component_for_the_first_time_at_once() -> None:
    for _ in range(20):

        class First(Small):
            kind: Literal["first"] = "first"  # type: ignore[assignment]

        ready = Barrier(8)

        def use(size: int, component: type[Small], ready: Barrier) -> dict[str, Any]:
            ready.wait()
            return component(size=size).model_dump()

        with ThreadPoolExecutor(8) as threads:
            found = [threads.submit(use, size, First, ready) for size in range(1, 9)]
        assert [future.result()["size"] for future in found] == [*range(1, 9)]


def test_members_are_found_by_tag_within_any_annotation() -> None:
    assert members(Annotated[Small | Bare, Tagged()] | None) == {"small": Small, "bare": Bare}
    assert members(int | None) == {}


def test_needs_nothing_says_whether_the_bare_tag_will_do() -> None:
    assert Bare.needs_nothing()
    assert not Small.needs_nothing()


class Paths(Spec):
    near: FilePath = "unset"
    far: FilePath = "unset"


class TestPaths:
    def load(self, path: Path, *overrides: str) -> Paths:
        return validate(Paths, load_document(path, overrides))

    def test_they_start_from_the_file_they_are_written_in(self, tmp_path: Path) -> None:
        below = tmp_path / "below"
        below.mkdir()
        (below / "base.yaml").write_text("near: a.csv\nfar: ../b.csv\n")
        (tmp_path / "own.yml").write_text("extends: below/base.yaml\nnear: a.csv\n")
        loaded = self.load(tmp_path / "own.yml")
        assert loaded == Paths(near=str(tmp_path / "a.csv"), far=str(tmp_path / "b.csv"))

    def test_whatever_the_config_is_called(self, tmp_path: Path) -> None:
        (tmp_path / "settings").write_text("near: a.csv\n")
        assert self.load(tmp_path / "settings").near == str(tmp_path / "a.csv")

    @pytest.mark.parametrize("name", ["a.csv", "sub/a.yaml"])
    def test_given_by_set_they_start_from_the_working_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        (tmp_path / "c.yaml").write_text("near: z.csv\n")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        loaded = self.load(tmp_path / "c.yaml", f"near={name}")
        assert loaded.near == str(elsewhere / name)

    def test_absolute_ones_and_those_of_the_home_folder_stay(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        document = parse_yaml("near: /x/a.csv\nfar: ~/b.csv", "f.yaml")
        loaded = validate(Paths, document)
        assert loaded.near == os.path.abspath("/x/a.csv")  # noqa: PTH100
        assert loaded.far == str(tmp_path / "b.csv")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("''", "must be the path of a file"),
            ('"a\\0b"', r"'a\x00b' is not a valid file name"),
            ("~nobody-by-that-name/a", "'~nobody-by-that-name/a' is not a valid file name"),
        ],
    )
    def test_impossible_ones_are_refused(self, text: str, why: str) -> None:
        with pytest.raises(ConfigError) as caught:
            validate(Paths, parse_yaml(f"near: {text}", "f.yaml"))
        assert str(caught.value) == f"f.yaml:1:7: near: {why}"

    def test_a_path_given_in_python_is_taken_as_it_is(self) -> None:
        assert Paths(near="a.csv").near == "a.csv"


@pytest.mark.parametrize("before", ["relu", "{kind: relu}"])
def test_the_kind_can_be_overridden_in_whatever_form_it_is_written(before: str) -> None:
    document = apply_override(parse_yaml(f"it: {before}", "f"), "it.kind=tanh")
    assert document.plain() == {"it": {"kind": "tanh"}}


def test_an_override_within_a_shorthand_keeps_its_value() -> None:
    document = apply_override(parse_yaml("it: {small: 3}", "f"), "it.small.ratio=2")
    assert validate(Root, document).it == Small(size=3, ratio=2.0)
