"""The values by which the cells of a batch differ, on one line, with keys as short as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnkit.errors import dotted

NAMES = ("config", "variant")  # axes whose values are names, which need no key


def shown_axes(axes: Mapping[str, Any]) -> str:
    """A cell's values on one line, such as `small lr=0.1`, with keys as short as possible."""
    return " ".join(
        str(value) if key in NAMES else f"{key}={value}" for key, value in short_keys(axes).items()
    )


def short_keys(axes: Mapping[str, Any]) -> dict[str, Any]:
    """The values by the shortest endings of their keys that tell them apart."""
    found: dict[str, Any] = {}
    for key, value in axes.items():
        parts = key.split(".")
        for count in range(1, len(parts) + 1):
            short = dotted(parts[-count:])
            others = [k for k in axes if k != key]
            if not any(k == short or k.endswith(f".{short}") for k in others):
                break
        found[short] = value
    return found
