"""Parses YAML 1.2 into a tree of nodes that store the position of each value."""

from __future__ import annotations

from pathlib import Path

import yaml

from nnkit.config.node import Mark, Node, error_at
from nnkit.config.yaml_composer import Composer
from nnkit.config.yaml_syntax_errors import explain
from nnkit.mistaken_files import mistaken_for

MAX_BYTES = 1 << 20
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: str | Path) -> Node:
    """Reads a YAML file.

    Raises:
        ConfigError: the file cannot be read, or is not a YAML mapping.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise error_at(Mark(name), "no such file") from None
    except IsADirectoryError:
        raise error_at(Mark(name), "is a folder; give a YAML file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise error_at(Mark(name), f"cannot be read: {why}") from None
    if mistake := mistaken_for(Path(path), "a config"):
        raise error_at(Mark(name), mistake)
    if len(raw) > MAX_BYTES:
        raise error_at(Mark(name, 1, 1), "larger than 1 MiB; a config is much smaller")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sound = error.object[: error.start].decode()
        raise error_at(Mark(name, *_line_column(sound, len(sound))), "not UTF-8 text") from None
    root = parse_yaml(text, name)
    if root.value is None:
        root = Node({}, root.mark, root.key)
    if not isinstance(root.value, dict):
        raise error_at(root.mark, "expected a mapping of settings such as 'data: …' at the top")
    return root


def parse_yaml(text: str, file: str) -> Node:
    """Parses YAML text; an empty text gives a null node.

    Raises:
        ConfigError: the text is not YAML, or exceeds a limit; the message gives the position.
    """
    try:
        return _compose(text, file)
    except yaml.MarkedYAMLError as error:
        mark, message = explain(error, text, file)
        raise error_at(mark, f"not YAML: {message}") from None
    except UnicodeEncodeError as error:
        raise error_at(Mark(file, *_line_column(text, error.start)), "not UTF-8 text") from None
    except yaml.reader.ReaderError as error:
        # The position counts bytes or characters, depending on the build of PyYAML.
        mark = Mark(file, *_line_column(text, text.find(chr(error.character))))
        raise error_at(mark, f"not YAML: {error.reason}") from None


def _compose(text: str, file: str) -> Node:
    try:
        return Composer(text, file, Loader).document()
    except yaml.MarkedYAMLError as error:
        if "nesting" not in str(error.problem):
            raise
        # libyaml 0.2.6 limits the nesting itself and reads ahead, so its error may precede the
        # composer's. PyYAML's own parser has no such limit.
        return Composer(text, file, yaml.SafeLoader).document()


def _line_column(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
