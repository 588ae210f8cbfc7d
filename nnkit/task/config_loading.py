"""Reads configs: from files, mappings and checkpoints, with overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnkit.config.file_kinds import check_is_config
from nnkit.config.load import IsValue, apply_override, load_document
from nnkit.config.node import Mark, Node, node_of
from nnkit.config.validation import validate
from nnkit.errors import UsageError
from nnkit.task.config import Config
from nnkit.task.config_conflicts import checked

ConfigLike = str | Path | Mapping[str, Any] | Config


def load_config(config: ConfigLike, overrides: str | Sequence[str] = ()) -> Config:
    """Reads, extends, overrides and validates a config.

    Args:
        config: a YAML file, or the same as a mapping, or a config to be changed.
        overrides: a text such as `optimizer.lr=0.01`, with the value in YAML, or several.

    Returns:
        The config, with the location of each of its values.

    Raises:
        ConfigError: the config is invalid; lists every problem with file, line and column.
        UsageError: an override is malformed, or there is no config.
    """
    if isinstance(config, Config) and not overrides:
        return config
    return config_in(document_of(config, overrides))


def document_of(config: ConfigLike, overrides: str | Sequence[str] = ()) -> Node:
    """A config as nodes, not yet validated; arguments and errors as for `load_config`."""
    overrides = [overrides] if isinstance(overrides, str) else overrides
    if isinstance(config, str | Path):
        return config_document(config, overrides)
    if isinstance(config, Config):
        document = _document_of(config)
    elif isinstance(config, Mapping):
        document = node_of(dict(config), Mark("config"))
    else:
        raise UsageError(
            f"expected a config: a path, a mapping or a Config, not {type(config).__name__}"
        )
    for text in overrides:
        document = apply_override(document, text)
    return document


def _document_of(config: Config) -> Node:
    """The document of a config, with positions, unless the config was changed since."""
    document, settings = config.document, config.resolved()
    if document is not None and config_in(document).resolved() == settings:
        return document
    return node_of(settings, Mark("config"))


def config_document(
    path: str | Path, overrides: Sequence[str] = (), is_value: IsValue = lambda _: False
) -> Node:
    """Reads a config file as nodes, with the name that the config has if it gives none.

    Args:
        path: the YAML file.
        overrides: texts such as `optimizer.lr=0.01`, values in YAML.
        is_value: whether a mapping is a value, which replaces an inherited one.

    Raises:
        ConfigError: a file cannot be read or is not YAML.
        UsageError: an override is malformed.
    """
    document = load_document(path, overrides, is_value)
    if document.child("name") is None:
        name = "".join(
            c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in Path(path).stem
        )
        origin = Mark("the file's name")
        named = Node(name.lstrip("._-")[:80] or "run", origin, origin)
        document = Node({"name": named, **document.value}, document.mark, document.key)
    return document


def config_in(document: Node) -> Config:
    """Validates and checks the config in a document, and stores the location of its values.

    Raises:
        ConfigError: the config is invalid; lists every problem with file, line and column.
    """
    check_is_config(document)
    return checked(validate(Config, document).read_from(document))


def config_from(settings: dict[str, Any]) -> Config:
    """Creates a config from plain data, such as the header of a checkpoint.

    Raises:
        ConfigError: the config is invalid.
    """
    return checked(validate(Config, node_of(settings, Mark("config"))))
