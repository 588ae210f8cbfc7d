"""Building blocks of configs: frozen, strict specs, and tagged unions with shorthands."""

# No `from __future__ import annotations` here and in the modules of the largest families: pydantic
# evaluates the class variables of all bases for each class, and would compile every string.

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import RLock
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

from nnkit.config.node import WrittenStr

# In a JSON Schema, `{HELD: name}` refers to the part marked with `{NAMED: name}`. A `$ref` cannot
# be used, because pydantic resolves it only among its own definitions.
NAMED, HELD = "x-named", "x-held"

# The metadata key of a core schema that holds the component which the schema represents.
MEMBER = "nnkit_member"

# The key under which an override keeps the scalar that it turned into a mapping: after
# `--set …dense.activation=tanh`, `dense: 128` has become `dense: {=: 128, activation: tanh}`.
SHORTHAND_KEY = "="


# For each name used by other libraries, the tags in nnkit.
NAMES_ELSEWHERE: dict[str, list[str]] = {}


_building = RLock()


class Spec(BaseModel):
    """Base of all sections and components: immutable, without unknown keys or type coercion.

    A subclass with a `shorthand` may be written as the value of that field alone: `dropout: 0.5`
    for `dropout: {rate: 0.5}`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=False,
        allow_inf_nan=False,
        defer_build=True,  # until first use: a config uses few of the components
    )
    shorthand: ClassVar[str | None] = None

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """Builds the validator (by default at first use) in one thread at a time."""
        with _building:  # up to pydantic 2.13, other threads can see a partly built class
            return super().model_rebuild(
                _parent_namespace_depth=_parent_namespace_depth + 1, **options
            )

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, value: Any) -> Any:
        return cls.expand(value)

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Expands a shorthand to its full form; any other value is returned unchanged."""
        if value is None:
            return {}
        if cls.shorthand is not None and cls.is_short(value):
            return {cls.shorthand: value}
        if isinstance(value, Mapping):
            if SHORTHAND_KEY in value and cls.shorthand is not None:
                return {cls.shorthand: value[SHORTHAND_KEY], **_without(value, SHORTHAND_KEY)}
            return value
        if isinstance(value, BaseModel):
            return value
        raise _mapping_expected("expected a mapping", cls, value)

    @classmethod
    def is_short(cls, value: Any) -> bool:
        """Whether a value is the shorthand of the spec, the value of its shorthand field alone.

        A mapping is one if the field takes components and the mapping is a component: `activation:
        {kind: leaky_relu, slope: 0.1}` for `activation: {hidden: {kind: leaky_relu, slope: 0.1}}`.
        """
        if cls.shorthand is None or value is None or isinstance(value, BaseModel):
            return False
        if not isinstance(value, Mapping):
            return True
        known = members(cls.model_fields[cls.shorthand].annotation)
        if "kind" not in value:
            return len(value) == 1 and not value.keys().isdisjoint(known.keys() - cls.model_fields)
        if issubclass(cls, Component):  # its own kind, or one that its field allows
            return value["kind"] != cls.tag() and value["kind"] in [*known]
        return bool(known)

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
    """A member of a tagged union: `kind` says which.

    Attributes:
        elsewhere: what it is called in other programs, for an error that says what it is here.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ()
    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name in cls.__dict__.get("elsewhere", ()):
            NAMES_ELSEWHERE.setdefault(name, []).append(cls.tag())

    @classmethod
    def tag(cls) -> str:
        """The word that names this component in YAML."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def needs_nothing(cls) -> bool:
        """Whether the component can be written as its bare tag."""
        return not any(field.is_required() for field in cls.model_fields.values())


class OneOf:
    """Annotation of a string that must be one of the names in a table.

    Usage: `Annotated[str, OneOf("metric", METRICS)]`.
    """

    def __init__(self, what: str, names: Iterable[str]) -> None:
        self.what = what
        self.names = tuple(names)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.names)}

    def _known(self, name: str) -> str:
        if name not in self.names:
            context = {"what": self.what, "name": str(name), "known": ",".join(self.names)}
            raise PydanticCustomError("unknown_name", "unknown {what} '{name}'", context)
        return str(name)


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


def members(union: Any) -> dict[str, type[Component]]:
    """The components of a (possibly annotated) union, by tag."""
    found: dict[str, type[Component]] = {}
    if isinstance(union, type) and issubclass(union, Component):
        return {union.tag(): union}
    for part in get_args(union):
        found |= members(part)
    return found


def _with_kind(known: Mapping[str, type[Component]], value: Any, default: str | None) -> Any:
    """Converts any written form of a component to the full form."""
    if isinstance(value, str):
        return {"kind": str(value)}
    if isinstance(value, BaseModel):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        if not isinstance(value["kind"], str):
            raise _refusal(f"the 'kind' must be one of {_quoted(known)}")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and default is not None:
        return _inside(known[default], value)
    if not isinstance(value, Mapping) or not value:
        raise _refusal(f"expected one of {_quoted(known)}")
    if isinstance(value.get(SHORTHAND_KEY), str):
        return {"kind": str(value[SHORTHAND_KEY]), **_without(value, SHORTHAND_KEY)}
    tags = [name for name in value if name in known]
    if not tags and default is not None and _are_settings(value):
        return {"kind": default, **value}
    if not tags:
        return _guess_tag(known, value)
    if len(value) > 1:
        raise _refusal(_siblings(known[tags[0]], value))
    return _inside(known[tags[0]], value[tags[0]])


def _are_settings(value: Mapping[str, Any]) -> bool:
    """Whether a mapping without a known tag contains settings rather than a misspelt tag."""
    return len(value) > 1 or not isinstance(next(iter(value.values())), Mapping)


def _inside(member: type[Component], value: Any) -> Any:
    """The full form of `dense: 128` or `dense: {units: 128}`, given the member and the value."""
    tag = member.tag()
    if member.shorthand is None and not isinstance(value, Mapping | None):
        raise _mapping_expected(f"'{tag}' expects a mapping", member, value)
    settings = member.expand(value)
    if settings.get("kind", tag) != tag:
        raise _refusal(f"'{tag}' conflicts with kind '{settings['kind']}'; use one of them")
    return {**settings, "kind": tag}


def _guess_tag(known: Mapping[str, type[Component]], value: Mapping[str, Any]) -> Any:
    """Takes the only key of a mapping for a misspelt tag; raises if it may be a setting instead."""
    able = [tag for tag, member in known.items() if member.model_fields.keys() >= value.keys()]
    if len(value) == 1 and not able:
        return {"kind": next(iter(value))}
    settings = ", ".join(f"{name}: …" for name in value)
    example = f", such as {{kind: {able[0]}, {settings}}}" if able else ""
    raise _refusal(f"this needs a 'kind'{example}; available: {_quoted(known)}")


def _siblings(member: type[Component], value: Mapping[str, Any]) -> str:
    tag, others = member.tag(), [name for name in value if name != member.tag()]
    if not any(name in member.model_fields for name in others):
        return f"only one of {_quoted(value)} can be the kind; nest the settings below it"
    own = value[tag]
    first = [*own] if isinstance(own, Mapping) else [member.shorthand] if member.shorthand else []
    inside = ", ".join(f"{name}: …" for name in dict.fromkeys([*first, *others]))
    return f"nest the settings of '{tag}' below it: {tag}: {{{inside}}}"


def _mapping_expected(expected: str, spec: type[Spec], value: Any) -> PydanticCustomError:
    fields = sorted(spec.model_fields.items(), key=lambda field: not field[1].is_required())
    keys = ", ".join(name for name, _ in fields if name != "kind")
    with_keys = f" with keys such as {keys}" if keys else ""
    is_glued = isinstance(value, str) and ":" in value
    return _refusal(expected + with_keys + ("; a colon needs a space after it" if is_glued else ""))


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("refusal", "{message}", {"message": message})


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _without(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != key}


def _beside_its_file(path: Any) -> Any:
    """Resolves a relative path against the folder of the config file that contains it."""
    if not isinstance(path, WrittenStr):
        return path
    if not path:
        raise ValueError("must be the path of a file")
    try:
        return str((Path(path.file).parent / Path(path).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError):
        raise ValueError(f"{str(path)!r} is not a valid file name") from None


# Field types shared by the specs. `Listed` relaxes strict mode, which would reject a YAML list for
# a tuple; the items stay strict.
FilePath = Annotated[str, BeforeValidator(_beside_its_file)]
# The settings of data sources that are paths, which say nothing about what the data is.
PATH_SETTINGS = frozenset(
    {"path", "validation", "test", "inputs", "targets", "weights"}
    | {"test_inputs", "test_targets", "test_weights"}
)
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, lt=1 << 31)]
Listed = Strict(False)
