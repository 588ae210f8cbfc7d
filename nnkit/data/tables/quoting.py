"""Texts as they are written in a config."""

from __future__ import annotations

import json
import re

from nnkit.config.yaml_scalars import resolve
from nnkit.text import legible

PLAIN = re.compile(r"[^\W\d](?:[\w .+/-]*\w)?")  # needs no quotes, even within brackets


def in_yaml(text: str) -> str:
    """Formats a text as a value in a config, in quotes if it needs them."""
    text = legible(text)
    if PLAIN.fullmatch(text) and isinstance(resolve(text), str):
        return text
    return json.dumps(text, ensure_ascii=False)


def column_called(name: str) -> str:
    """The name of a column as in a message, or that it has none."""
    return f"column '{name}'" if name else "the column without a name"
