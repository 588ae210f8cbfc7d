"""Templates of starter configs, and the values, paths and comments that are written in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import Any

from nnkit.data.tables.quoting import in_yaml
from nnkit.errors import DataError
from nnkit.text import legible

WIDTH = 96  # characters of a line


def read_template(name: str) -> str:
    """The text of a template, with the names of its parts in braces."""
    return (files("nnkit.task.starters") / "templates" / f"{name}.yaml").read_text(encoding="utf-8")


def fill_template(name: str, parts: Mapping[str, Any]) -> str:
    """The text of a config.

    Args:
        name: the name of the template.
        parts: what it is filled with; mappings are written in flow style.
    """
    written = {
        part: flow_style(value) if isinstance(value, Mapping) else value
        for part, value in parts.items()
    }
    return read_template(name).format(**written)


def source_setting(
    settings: Mapping[str, Any], reasons: Mapping[tuple[str, ...], str] | None = None
) -> str:
    """The setting `data.source` as lines of a config.

    Args:
        settings: the settings of the source.
        reasons: a reason for a setting or, by its name and an item, for an item of it; written as a
            comment above it.
    """
    short = f"  source: {flow_style(settings)}"
    if not reasons and len(short) <= WIDTH:
        return short
    reasons = reasons or {}
    lines = ["  source:"]
    for name, value in settings.items():
        lines += comment(reasons.get((name,)), 4)
        of_items = {key[1]: text for key, text in reasons.items() if key[0] == name and key[1:]}
        if of_items:
            lines += [f"    {name}:", *_items(value, of_items)]
        else:
            lines.append(f"    {name}: {flow_style(value)}")
    return "\n".join(lines)


def _items(value: Any, reasons: Mapping[str, str]) -> list[str]:
    """The items of a list or mapping, a line each, below their reasons."""
    lines, said = [], ""
    for item in value:
        reason = reasons.get(str(item), "")
        lines += comment(reason if reason != said else None, 6)
        said = reason
        if isinstance(value, Mapping):
            lines.append(f"      {flow_style(item)}: {flow_style(value[item])}")
        else:
            lines.append(f"      - {flow_style(item)}")
    return lines


def comment(text: str | None, indent: int) -> list[str]:
    """The lines of a comment; none if there is no text."""
    if not text:
        return []
    text = "".join(c if c.isprintable() else " " for c in legible(text))
    prefix = " " * indent + "# "
    return wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def flow_style(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        items = (f"{flow_style(key)}: {flow_style(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow_style, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return in_yaml(value) if isinstance(value, str) else str(value)


def counted(number: int, noun: str) -> str:
    """A number with a noun, such as `1 row` or `2,000 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def path_in_config(data: Path, folder: Path) -> str:
    """A path as it is written in a config in a folder.

    Raises:
        DataError: it is not UTF-8.
    """
    path = os.path.relpath(str(data), str(folder))
    if legible(path) != path:
        raise DataError(
            f"{data}: its name is not UTF-8, so a config cannot contain it; rename it first"
        )
    return path


def paths_in_config(files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """The settings of files as they are written in a config in a folder.

    Raises:
        DataError: a path is not UTF-8.
    """
    return {name: path_in_config(file, folder) for name, file in files.items()}
