"""Composes the events of a YAML parser into nodes, within limits on size and depth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from nnkit.config.node import Mark, Node, error_at
from nnkit.config.yaml_scalars import Scalar, resolve
from nnkit.config.yaml_syntax_errors import mark_of
from nnkit.errors import ConfigError

MAX_DEPTH = 50
MAX_NODES = 50_000  # counted with aliases expanded, as protection against alias bombs
CORE_TAG = "tag:yaml.org,2002:"
COLLECTION_TAGS = (None, "!", f"{CORE_TAG}seq", f"{CORE_TAG}map")
TAGGED_TYPES: dict[str, type] = {
    f"{CORE_TAG}int": int,
    f"{CORE_TAG}float": float,
    f"{CORE_TAG}bool": bool,
    f"{CORE_TAG}null": type(None),
}


class Composer:
    """Builds nodes from the parser's events and enforces the limits on size and depth."""

    def __init__(self, text: str, file: str, loader: Any) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=loader)
        self.file = file
        self.anchors: dict[str, Node | None] = {}
        self.count = 0

    def document(self) -> Node:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            mark = Mark(self.file, 1, 1)
            return Node(None, mark, mark)
        root = self.node(next(self.events), depth=0)
        next(self.events)  # document end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise error_at(
                self.mark(event), "a second document starts here; a config is a single document"
            )
        return root

    def node(self, event: Any, depth: int, key: Mark | None = None) -> Node:
        mark = self.mark(event)
        if depth > MAX_DEPTH:
            raise too_deep(mark)
        if isinstance(event, yaml.AliasEvent):
            node = self.alias(event, mark)
            if depth + node.height > MAX_DEPTH:
                raise too_deep(mark)
            return replace(node, key=key or mark)
        if event.anchor:
            self.anchors[event.anchor] = None  # unfinished: an alias inside would be circular
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self.scalar(event, mark), mark, key or mark)
        elif event.tag not in COLLECTION_TAGS:
            raise unknown_tag(event.tag, mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = list(self.items(depth))
            node = self.collection(items, items, mark, key)
        else:
            children = self.mapping(depth)
            node = self.collection(children, children.values(), mark, key)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.spend(1, mark)
        return node

    def collection(
        self, value: Any, children: Collection[Node], mark: Mark, key: Mark | None
    ) -> Node:
        size = 1 + sum(child.size for child in children)
        height = 1 + max((child.height for child in children), default=-1)
        return Node(value, mark, key or mark, size, height)

    def alias(self, event: Any, mark: Mark) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self.anchors
            message = "contains itself" if known else "was never defined"
            raise error_at(mark, f"the alias '*{event.anchor}' {message}")
        self.spend(node.size, mark)
        return node

    def items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.node(event, depth + 1)

    def mapping(self, depth: int) -> dict[str, Node]:
        """The children by key, including those merged from other mappings by a key `<<`."""
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        places: dict[str, Mark] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key.value, str):
                raise error_at(key.mark, _wrong_key(key, own))
            if key.value in places:
                first = places[key.value]
                raise error_at(
                    key.mark,
                    f"duplicate key '{key.value}' (first at line {first.line})",
                )
            places[key.value] = key.mark
            child = self.node(next(self.events), depth + 1, key.mark)
            if is_merge_key(event):
                merged = merge_mappings(child, key.mark)
            else:
                own[key.value] = child
        return merged | own

    def scalar(self, event: Any, mark: Mark) -> Scalar:
        tag = event.tag
        if tag in ("!", f"{CORE_TAG}str") or (tag is None and not event.implicit[0]):
            return str(event.value)
        try:
            value = resolve(event.value)
        except ValueError:
            raise error_at(mark, "a number with too many digits") from None
        if tag is None:
            return value
        wanted = TAGGED_TYPES.get(tag)
        if wanted is None:
            raise unknown_tag(tag, mark)
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise error_at(mark, f"'{event.value}' does not have the type of its tag")
        return value

    def spend(self, nodes: int, mark: Mark) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise error_at(mark, f"expands to more than {MAX_NODES} values (aliases written out)")

    def mark(self, event: Any) -> Mark:
        return mark_of(self.file, event.start_mark)


def _wrong_key(key: Node, before: Mapping[str, Node]) -> str:
    """Says what is wrong with a key that is no text, given the settings before it."""
    last = [*before.values()][-1] if before else None
    numbers = int | float
    if last is not None and isinstance(key.value, numbers) and isinstance(last.value, numbers):
        return "a comma ends the setting before it; the decimal mark of a number is a point"
    return "a key must be text; put quotes around it"


def is_merge_key(event: Any) -> bool:
    """Whether a key is `<<` without quotes or a tag."""
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]


def merge_mappings(node: Node, key: Mark) -> dict[str, Node]:
    """The children of a mapping, or of all mappings in a list; earlier ones take precedence.

    This follows YAML 1.1 (https://yaml.org/type/merge.html) and is one level deep.

    Raises:
        ConfigError: the value is neither a mapping nor a list of mappings.
    """
    merged: dict[str, Node] = {}
    for part in node.value if isinstance(node.value, list) else [node]:
        if not isinstance(part.value, dict):
            raise error_at(key, "'<<' merges a mapping or a list of mappings; this is neither")
        merged = part.value | merged
    return merged


def too_deep(mark: Mark) -> ConfigError:
    """The error for nesting deeper than `MAX_DEPTH`."""
    return error_at(mark, f"nested deeper than {MAX_DEPTH} levels")


def unknown_tag(tag: str, mark: Mark) -> ConfigError:
    """The error for a tag that is not in YAML's core schema."""
    return error_at(mark, f"the tag '{tag.replace(CORE_TAG, '!!')}' is not supported")
