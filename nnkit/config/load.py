"""Reads a config file as a tree of nodes, with the files that it extends and with overrides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nnkit.config.node import Mark, Node, error_at
from nnkit.config.spec import SHORTHAND_KEY
from nnkit.config.yaml import parse_yaml, read_yaml
from nnkit.config.yaml_composer import MAX_DEPTH
from nnkit.errors import ConfigError, SettingPath, UsageError

IsValue = Callable[[Node], bool]


def load_document(
    path: str | Path, overrides: Sequence[str] = (), is_value: IsValue = lambda _: False
) -> Node:
    """Reads a config file and the files that it extends, then applies the overrides.

    Args:
        path: the YAML file.
        overrides: texts `key.path=value` as given to `--set`, with the value in YAML.
        is_value: whether a mapping is a value, which replaces a base value instead of being merged
            with it.

    Raises:
        ConfigError: a file cannot be read or is not YAML, or `extends` is circular.
        UsageError: an override is not of the form `key.path=value`.
    """
    document = _read_extended(Path(path), (), is_value)
    for override in overrides:
        document = apply_override(document, override)
    return document


def _read_extended(path: Path, above: tuple[Path, ...], is_value: IsValue) -> Node:
    document = read_yaml(path)
    base = document.child("extends")
    if base is None:
        return document
    if not isinstance(base.value, str):
        raise error_at(base.mark, "expected the path of a YAML file", ("extends",))
    chain = (*above, path.resolve())
    base_path = path.parent / base.value
    try:
        circular, exists = base_path.resolve() in chain, base_path.is_file()
    except (OSError, ValueError, RuntimeError):  # not a valid file name
        circular, exists = False, False
    if circular:
        raise error_at(
            base.mark, "this file extends itself, directly or through other files", ("extends",)
        )
    if not exists:
        raise error_at(base.mark, f"no such file: {base_path}", ("extends",))
    own = {name: child for name, child in document.value.items() if name != "extends"}
    inherited = _read_extended(base_path, chain, is_value)
    return merge(inherited, replace(document, value=own), is_value)


def merge(base: Node, own: Node, is_value: IsValue = lambda _: False) -> Node:
    """Merges `own` into `base`: mappings key by key; everything else replaces the base value.

    A mapping with another `kind` replaces the base mapping, whose settings would not apply to it.
    """
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    if is_value(base) or is_value(own):
        return own
    kinds = base.child("kind"), own.child("kind")
    if kinds[1] is not None and (kinds[0] is None or kinds[0].value != kinds[1].value):
        return own
    merged = dict(base.value)
    for name, child in own.value.items():
        merged[name] = merge(merged[name], child, is_value) if name in merged else child
    return replace(own, value=merged)


def apply_override(document: Node, override: str) -> Node:
    """Applies one `key.path=value`; list items are addressed by index, from 0."""
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise UsageError(f"--set {override}: expected KEY.PATH=VALUE, such as optimizer.lr=0.01")
    if len(parts) > MAX_DEPTH:
        raise UsageError(f"--set {key.strip()[:40]}…: nested deeper than {MAX_DEPTH} levels")
    origin = Mark(f"--set {override}")
    try:
        parsed = parse_yaml(text, origin.file)
    except ConfigError as error:
        raise UsageError(f"--set {override}: {error.problems[0].message}") from None
    return _put(document, parts, _marked(parsed, origin), origin, ())


def override(document: Node, key: str, value: Node, mark: Mark) -> Node:
    """Sets `key.path` to a value; list items are addressed by index, from 0.

    Args:
        document: the config.
        key: the setting, such as `optimizer.lr`.
        value: the value, with its own position.
        mark: the position of the key.

    Raises:
        ConfigError: the key is malformed, or a list has no such item.
    """
    parts = key.split(".")
    if not all(parts) or len(parts) > MAX_DEPTH:
        raise error_at(mark, f"'{key}' is not a setting; write its path, such as optimizer.lr")
    return _put(document, parts, value, mark, ())


def _marked(node: Node, mark: Mark) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {name: _marked(child, mark) for name, child in value.items()}
    elif isinstance(value, list):
        value = [_marked(child, mark) for child in value]
    return Node(value, mark, mark)


def _put(node: Node, parts: Sequence[str], new: Node, origin: Mark, done: SettingPath) -> Node:
    if not parts:
        return replace(new, key=node.key)
    if isinstance(node.value, list):
        part, rest = parts[0], parts[1:]
        if not (part.isascii() and part.isdigit() and int(part) < len(node.value)):
            raise error_at(
                origin,
                f"no item '{part}' in this list of {len(node.value)}; items are numbered from 0",
                done,
            )
        items = list(node.value)
        items[int(part)] = _put(items[int(part)], rest, new, origin, (*done, int(part)))
        return replace(node, value=items)
    if list(parts) == ["kind"] and isinstance(node.value, str):  # a kind in short form
        return replace(node, value={"kind": replace(new, key=origin)})
    part, rest = _next_key(node, parts)
    tag = tag_of(node) if isinstance(node.value, dict) else node
    if tag is not None and tag.value == part and node.child(part) is None and rest:
        return _put(node, rest, new, origin, done)  # `optimizer.adam.lr` where the kind is adam
    if isinstance(node.value, dict):
        children = dict(node.value)
    else:
        children = {} if node.value is None else {SHORTHAND_KEY: node}
    child = children.get(part, Node(None, origin, origin))
    children[part] = _put(child, rest, new, origin, (*done, part))
    return replace(node, value=children)


def _next_key(node: Node, parts: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The next key and the remaining parts; a key such as `test.accuracy` contains a dot itself."""
    for count in range(len(parts), 1, -1):
        if node.child(key := ".".join(parts[:count])) is not None:
            return key, parts[count:]
    return parts[0], parts[1:]


def tag_of(node: Node) -> Node | None:
    """The kind that a mapping gives, as a node; None if it gives none."""
    return node.child("kind") or node.child(SHORTHAND_KEY)
