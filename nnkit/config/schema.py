"""The JSON Schema of the config, which editors use to complete and check YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nnkit.config.spec import Spec
from nnkit.config.tagged_union import HELD, NAMED


def json_schema(spec: type[Spec], title: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a config file whose root is `spec`.

    The root also accepts `extends`, which is read before validation.
    """
    schema = _with_references(spec.model_json_schema(mode="validation"))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = title
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A YAML file, relative to this one, from which this one inherits.",
    }
    # A base file may provide any key, so no key can be required at the root.
    schema.pop("required", None)
    return schema


def _with_references(schema: dict[str, Any]) -> dict[str, Any]:
    """Replaces references by name in the schema by `$ref`s."""
    places = dict(_named(schema, "#"))

    def referring(part: Any) -> Any:
        if isinstance(part, list):
            return [referring(item) for item in part]
        if not isinstance(part, dict):
            return part
        if part.keys() == {HELD}:
            return {"$ref": places[part[HELD]]}
        return {key: referring(value) for key, value in part.items() if key != NAMED}

    referred: dict[str, Any] = referring(schema)
    return referred


def _named(part: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yields the names in a schema and the JSON Pointers of the named parts."""
    if isinstance(part, dict) and NAMED in part:
        yield part[NAMED], pointer
    for key, value in _inside(part):
        yield from _named(value, f"{pointer}/{key}")


def _inside(part: Any) -> Iterable[tuple[str | int, Any]]:
    """The items of a mapping or a list, by key or index; none for any other value."""
    if isinstance(part, dict):
        return part.items()
    if isinstance(part, list):
        return enumerate(part)
    return ()
