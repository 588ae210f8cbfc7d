"""What every config is made of: frozen, strict specs, and tagged unions with shorthands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from nnkit.config.yaml import WrittenStr

# Under this key an override keeps the scalar that it turned into a mapping: after
# `--set …dense.activation=tanh`, `dense: 128` has become `dense: {=: 128, activation: tanh}`.
SHORTHAND_KEY = "="


class Spec(BaseModel):
    """Base of every section and component: unknown keys refused, types not coerced, immutable.

    A subclass with a `shorthand` may be written as that field's value alone: `dropout: 0.5` for
    `dropout: {rate: 0.5}`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=False, allow_inf_nan=False
    )
    shorthand: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, value: Any) -> Any:
        return cls.expand(value)

    @classmethod
    def expand(cls, value: Any) -> Any:
        """The full form of a shorthand; what is not one comes back as it is."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            if SHORTHAND_KEY in value and cls.shorthand is not None:
                rest = {name: item for name, item in value.items() if name != SHORTHAND_KEY}
                return {cls.shorthand: value[SHORTHAND_KEY], **rest}
            return value
        if isinstance(value, BaseModel):
            return value
        if cls.shorthand is not None:
            return {cls.shorthand: value}
        raise PydanticCustomError(
            "mapping_expected", "expected a mapping with keys such as {keys}", {"keys": cls._keys()}
        )

    @classmethod
    def _keys(cls) -> str:
        return ", ".join(name for name in cls.model_fields if name != "kind")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        if cls.shorthand is None:
            return described
        field = described["properties"][cls.shorthand]
        return {
            "title": described.pop("title", cls.__name__),
            "description": described.pop("description", ""),
            "anyOf": [described, {key: field[key] for key in field if key != "title"}],
        }


class Component(Spec):
    """A member of a tagged union: `kind` says which."""

    kind: str

    @classmethod
    def tag(cls) -> str:
        """The word that names this component in YAML."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def needs_nothing(cls) -> bool:
        """Whether the bare tag is enough to write it."""
        return not any(field.is_required() for field in cls.model_fields.values())


class Tagged:
    """Annotation that turns a union of `Component`s into one told apart by `kind`.

    Beside the full form, `{kind: dense, units: 128}`, it accepts the tag alone, `flatten`, and
    the tag as the only key, `dense: 128` or `dense: {units: 128}`.

    Use: `Layer = Annotated[Dense | Dropout, Tagged()]`.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        union = handler(
            Annotated[source, Field(discriminator="kind")] if get_args(source) else source
        )
        known = members(source)

        def expand(value: Any) -> Any:
            return _with_kind(known, value)

        return core_schema.no_info_before_validator_function(expand, union)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        union = cast("dict[str, Any]", schema)["schema"]
        described = handler(union)
        choices = described.get("oneOf", [described])
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
        full = [{"allOf": [{"type": "object", "required": ["kind"]}, choice]} for choice in choices]
        return {"anyOf": [*([{"enum": bare}] if bare else []), *full, single]}


def choice_tag(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> str:
    """The tag of one member of a union in a JSON Schema."""
    return str(_properties(choice, handler)["properties"]["kind"]["const"])


def _bare(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> bool:
    return not _properties(choice, handler).get("required")


def _properties(choice: dict[str, Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    resolved = handler.resolve_ref_schema(choice)
    return next((part for part in resolved.get("anyOf", []) if "properties" in part), resolved)


def members(union: Any) -> dict[str, type[Component]]:
    """The components of a (possibly annotated) union, by tag."""
    found: dict[str, type[Component]] = {}
    if isinstance(union, type) and issubclass(union, Component):
        return {union.tag(): union}
    for part in get_args(union):
        found |= members(part)
    return found


def _with_kind(known: Mapping[str, type[Component]], value: Any) -> Any:
    if isinstance(value, str):
        return {"kind": str(value)}
    if not isinstance(value, Mapping) or "kind" in value:
        return value if isinstance(value, Mapping | BaseModel) else _refuse(known)
    if isinstance(value.get(SHORTHAND_KEY), str):
        rest = {name: item for name, item in value.items() if name != SHORTHAND_KEY}
        return {"kind": str(value[SHORTHAND_KEY]), **rest}
    if len(value) == 1:
        (tag, inner), *_ = value.items()
        member = known.get(tag)
        if inner is None or member is None:
            return {"kind": tag}
        if isinstance(inner, Mapping):
            return {"kind": tag, **member.expand(inner)}
        if member.shorthand is None:
            raise PydanticCustomError(
                "mapping_expected",
                "'{tag}' expects a mapping{keys}",
                {
                    "tag": tag,
                    "keys": f" with keys such as {member._keys()}" if member._keys() else "",
                },
            )
        return {"kind": tag, member.shorthand: inner}
    for tag in [tag for tag in known if tag in value]:
        inside = ", ".join(f"{name}: …" for name in value if name != tag)
        raise PydanticCustomError(
            "tag_with_siblings",
            "'{tag}' takes its settings inside: {tag}: {{{field}: …, {inside}}}",
            {"tag": tag, "field": known[tag].shorthand or "…", "inside": inside},
        )
    return _refuse(known)


def _refuse(known: Mapping[str, type[Component]]) -> Any:
    raise PydanticCustomError(
        "kind_expected", "expected one of {tags}", {"tags": ", ".join(map(repr, known))}
    )


def _beside_its_file(path: Any) -> Any:
    """A relative path means: relative to the file that it was written in."""
    if isinstance(path, WrittenStr) and path:
        base = Path(path.file).parent if path.file.endswith((".yaml", ".yml")) else Path()
        return str((base / Path(path).expanduser()).resolve())
    return path


# Field types shared by the specs. `List` and `FilePath` relax the strictness that would refuse a
# YAML list for a tuple; their items stay strict.
FilePath = Annotated[str, BeforeValidator(_beside_its_file)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Listed = Strict(False)
