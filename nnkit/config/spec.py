"""Building blocks of configs: frozen, strict specs with shorthands, and their field types."""

# No `from __future__ import annotations` here and in the modules of the largest families: pydantic
# evaluates the class variables of all bases for each class, and would compile every string.

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import RLock
from typing import Annotated, Any, ClassVar, get_args

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
                return {cls.shorthand: value[SHORTHAND_KEY], **without(value, SHORTHAND_KEY)}
            return value
        if isinstance(value, BaseModel):
            return value
        raise mapping_expected("expected a mapping", cls, value)

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


def members(union: Any) -> dict[str, type[Component]]:
    """The components of a (possibly annotated) union, by tag."""
    found: dict[str, type[Component]] = {}
    if isinstance(union, type) and issubclass(union, Component):
        return {union.tag(): union}
    for part in get_args(union):
        found |= members(part)
    return found


def mapping_expected(expected: str, spec: type[Spec], value: Any) -> PydanticCustomError:
    """The validation error that a value is not a mapping of a spec's settings."""
    fields = sorted(spec.model_fields.items(), key=lambda field: not field[1].is_required())
    keys = ", ".join(name for name, _ in fields if name != "kind")
    with_keys = f" with keys such as {keys}" if keys else ""
    is_glued = isinstance(value, str) and ":" in value
    return refusal(expected + with_keys + ("; a colon needs a space after it" if is_glued else ""))


def refusal(message: str) -> PydanticCustomError:
    """A validation error with a message of its own."""
    return PydanticCustomError("refusal", "{message}", {"message": message})


def without(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The items of a mapping but one."""
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
