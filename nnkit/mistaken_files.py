"""Advice for those who give a command a file that is for another one, by its suffix."""

from __future__ import annotations

from pathlib import Path

_KINDS = {
    "a config": (".yaml", ".yml"),
    "a checkpoint": (".safetensors",),
    "a table": (".csv", ".tsv"),
    "arrays": (".npy", ".npz"),
    "a picture": (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
}
_OF_SUFFIX = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}
_COMMANDS = {
    "a config": "`nnkit train {}` trains it",
    "a checkpoint": "`nnkit eval {}` evaluates it, and predict takes it with --checkpoint",
    "a table": "`nnkit init {}` writes a config for it",
    "arrays": "`nnkit init {}` writes a config for them",
    "a picture": "`nnkit predict {}` reads the digits in it",
}


def kind_by_suffix(path: Path) -> str:
    """The kind of a file, such as "a table"; "" if its suffix is of no kind that commands take."""
    return _OF_SUFFIX.get(path.suffix.lower(), "")


def mistaken_for(path: Path, wanted: str) -> str:
    """Says that a file is of another kind than the wanted one, and which command takes it.

    Returns:
        The message; "" if the file is of the wanted or of an unknown kind.
    """
    kind = kind_by_suffix(path)
    if kind in ("", wanted):
        return ""
    return f"this is {kind}, not {wanted}; {_COMMANDS[kind].format(path)}"
