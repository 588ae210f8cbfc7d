"""Tagged unions of components, in all forms in which they may be written, and their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from nnkit.config.spec import SHORTHAND_KEY, Component, mapping_expected, members, refusal, without

# In a JSON Schema, `{HELD: name}` refers to the part marked with `{NAMED: name}`. A `$ref` cannot
# be used, because pydantic resolves it only among its own definitions.
NAMED, HELD = "x-named", "x-held"

# The metadata key of a core schema that holds the component which the schema represents.
MEMBER = "nnkit_member"


class Tagged:
    """Annotation that makes a union of `Component`s a tagged union, with `kind` as the tag.

    Besides the full form, `{kind: dense, units: 128}`, it accepts the tag alone, `flatten`, and
    the tag as the only key, `dense: 128` or `dense: {units: 128}`. A union with a default also
    accepts the settings of that member alone, `{lr: 0.1}`, or a number as its shorthand.

    Usage: `Layer = Annotated[Dense | Dropout, Tagged()]`.

    A recursive union, whose members may contain the union itself, needs a name for its JSON Schema.
    """

    def __init__(self, default: str | None = None, name: str | None = None) -> None:
        self.default = default
        self.name = name

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        known = members(source)
        union = _union({tag: _built_when_chosen(member) for tag, member in known.items()})

        def expand(value: Any) -> Any:
            return _with_kind(known, value, self.default)

        return core_schema.no_info_before_validator_function(expand, union)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        union = cast("dict[str, Any]", schema)["schema"]
        while "choices" not in union:  # further annotations validate the chosen member
            union = union["schema"]
        members = {tag: choice["metadata"][MEMBER] for tag, choice in union["choices"].items()}
        described = handler(_union({tag: _definition(m) for tag, m in members.items()}))
        choices = described["oneOf"]
        tags = [choice_tag(choice, handler) for choice in choices]
        bare = [tag for tag, choice in zip(tags, choices, strict=True) if _bare(choice, handler)]
        single = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                tag: {"anyOf": [choice, {"type": "null"}]} if tag in bare else choice
                for tag, choice in zip(tags, choices, strict=True)
            },
        }
        full = [
            choice
            if tag == self.default
            else {"allOf": [{"type": "object", "required": ["kind"]}, choice]}
            for tag, choice in zip(tags, choices, strict=True)
        ]
        named = {} if self.name is None else {NAMED: self.name}
        return {**named, "anyOf": [*([{"enum": bare}] if bare else []), *full, single]}


def _union(choices: Mapping[str, CoreSchema]) -> CoreSchema:
    return core_schema.tagged_union_schema(dict(choices), "kind")


def _built_when_chosen(member: type[Component]) -> CoreSchema:
    """A schema that validates like the component but builds its validator only when used."""
    return core_schema.no_info_plain_validator_function(
        member.model_validate, metadata={MEMBER: member}
    )


def _definition(member: type[Component]) -> CoreSchema:
    """The component's own core schema, with a name to which a JSON Schema can refer."""
    member.model_rebuild()
    name = f"{member.__module__}.{member.__qualname__}:{id(member)}"
    return cast("CoreSchema", {**member.__pydantic_core_schema__, "ref": name})


def choice_tag(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> str:
    """The tag of a union member in a JSON Schema."""
    return str(_properties(choice, handler)["properties"]["kind"]["const"])


def _bare(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> bool:
    return not _properties(choice, handler).get("required")


def _properties(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    resolved = handler.resolve_ref_schema(choice)
    return next((part for part in resolved.get("anyOf", []) if "properties" in part), resolved)


def _with_kind(known: Mapping[str, type[Component]], value: Any, default: str | None) -> Any:
    """Converts any written form of a component to the full form."""
    if isinstance(value, str):
        return {"kind": str(value)}
    if isinstance(value, BaseModel):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        if not isinstance(value["kind"], str):
            raise refusal(f"the 'kind' must be one of {_quoted(known)}")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and default is not None:
        return _inside(known[default], value)
    if not isinstance(value, Mapping) or not value:
        raise refusal(f"expected one of {_quoted(known)}")
    if isinstance(value.get(SHORTHAND_KEY), str):
        return {"kind": str(value[SHORTHAND_KEY]), **without(value, SHORTHAND_KEY)}
    tags = [name for name in value if name in known]
    if not tags and default is not None and _are_settings(value):
        return {"kind": default, **value}
    if not tags:
        return _guess_tag(known, value)
    if len(value) > 1:
        raise refusal(_siblings(known[tags[0]], value))
    return _inside(known[tags[0]], value[tags[0]])


def _are_settings(value: Mapping[str, Any]) -> bool:
    """Whether a mapping without a known tag contains settings rather than a misspelt tag."""
    return len(value) > 1 or not isinstance(next(iter(value.values())), Mapping)


def _inside(member: type[Component], value: Any) -> Any:
    """The full form of `dense: 128` or `dense: {units: 128}`, given the member and the value."""
    tag = member.tag()
    if member.shorthand is None and not isinstance(value, Mapping | None):
        raise mapping_expected(f"'{tag}' expects a mapping", member, value)
    settings = member.expand(value)
    if settings.get("kind", tag) != tag:
        raise refusal(f"'{tag}' conflicts with kind '{settings['kind']}'; use one of them")
    return {**settings, "kind": tag}


def _guess_tag(known: Mapping[str, type[Component]], value: Mapping[str, Any]) -> Any:
    """Takes the only key of a mapping for a misspelt tag; raises if it may be a setting instead."""
    able = [tag for tag, member in known.items() if member.model_fields.keys() >= value.keys()]
    if len(value) == 1 and not able:
        return {"kind": next(iter(value))}
    settings = ", ".join(f"{name}: …" for name in value)
    example = f", such as {{kind: {able[0]}, {settings}}}" if able else ""
    raise refusal(f"this needs a 'kind'{example}; available: {_quoted(known)}")


def _siblings(member: type[Component], value: Mapping[str, Any]) -> str:
    tag, others = member.tag(), [name for name in value if name != member.tag()]
    if not any(name in member.model_fields for name in others):
        return f"only one of {_quoted(value)} can be the kind; nest the settings below it"
    own = value[tag]
    first = [*own] if isinstance(own, Mapping) else [member.shorthand] if member.shorthand else []
    inside = ", ".join(f"{name}: …" for name in dict.fromkeys([*first, *others]))
    return f"nest the settings of '{tag}' below it: {tag}: {{{inside}}}"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
