"""The config's JSON Schema, by which editors complete and check a YAML."""

from __future__ import annotations

from typing import Any

from nnkit.config.base import Spec


def json_schema(spec: type[Spec], title: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a config file whose root is `spec`.

    The root also accepts `extends`, which is read before validation.
    """
    schema = spec.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = title
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A YAML file, relative to this one, over which this one is laid.",
    }
    # What a base file gives need not be given again, so nothing can be required at the root.
    schema.pop("required", None)
    return schema
