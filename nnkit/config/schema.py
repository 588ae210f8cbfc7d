"""The config's JSON Schema, by which editors complete and check a YAML."""

from __future__ import annotations

from typing import Any

from nnkit.config.base import Spec

# The key of a part that is described elsewhere in the same schema: pydantic would look for the
# target of a `$ref` among its own definitions only.
DESCRIBED_AT = "$comment"


def json_schema(spec: type[Spec], title: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a config file whose root is `spec`.

    The root also accepts `extends`, which is read before validation.
    """
    schema = _with_references(spec.model_json_schema(mode="validation"))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = title
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A YAML file, relative to this one, over which this one is laid.",
    }
    # What a base file gives need not be given again, so nothing can be required at the root.
    schema.pop("required", None)
    return schema


def _with_references(part: Any) -> Any:
    if isinstance(part, dict):
        if part.keys() == {DESCRIBED_AT}:
            return {"$ref": part[DESCRIBED_AT]}
        return {key: _with_references(value) for key, value in part.items()}
    return [_with_references(item) for item in part] if isinstance(part, list) else part
