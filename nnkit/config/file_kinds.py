"""Kinds of YAML files: a config, a batch and a search have different sections and commands."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nnkit.config.node import Node, error_at

BATCH = ("base", "configs", "variants", "grid", "zip", "exclude", "include")
SEARCH = "search"
CONFIG = ("extends", "data", "architecture")


def check_is_config(document: Node) -> None:
    """Checks that a document is not a batch or a search.

    Raises:
        ConfigError: it is, or it has a section of one; the message names the command for it.
    """
    _refuse_search(document)
    found = _first(document, BATCH)
    if found is None:
        return
    message = "a section of batch files; run this one with: nnkit batch"
    if _first(document, CONFIG) is not None:
        message = (
            "a section of batch files; write it in a file of its own, with this config as its "
            "base, for nnkit batch"
        )
    raise error_at(document.value[found].key, message, (found,))


def check_is_batch(document: Node) -> None:
    """Checks that a document is not a config or a search.

    Raises:
        ConfigError: it is; the message names the command for it.
    """
    _refuse_search(document)
    found = _first(document, CONFIG)
    if found is not None and _first(document, BATCH) is None:
        node = document.value[found]
        file = Path(node.key.file).name
        raise error_at(
            node.key,
            "this is a config, for nnkit train; for a batch, write a file with "
            f"base: {file}, grid: and seeds:",
            (found,),
        )


def check_is_search(document: Node) -> None:
    """Checks that a document is not a batch.

    Raises:
        ConfigError: it is; the message names the command for it.
    """
    found = _first(document, BATCH)
    if found is not None and document.child(SEARCH) is None:
        message = "a section of batch files; run this one with: nnkit batch"
        raise error_at(document.value[found].key, message, (found,))


def _refuse_search(document: Node) -> None:
    section = document.child(SEARCH)
    if section is not None:
        message = "a section of files with search spaces; run this one with: nnkit tune"
        raise error_at(section.key, message, (SEARCH,))


def _first(document: Node, names: Collection[str]) -> str | None:
    """The first section of a document that is among some names; None if there is none."""
    return next((name for name in names if document.child(name) is not None), None)
