"""YAML 1.2 text to a tree of nodes that remember where each value was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any, Self

import yaml

from nnkit.errors import ConfigError, Problem, SettingPath

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000  # counted with aliases written out, which is what defuses an alias bomb

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value came from: a file's line and column, both from 1, or a command's option."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its position; a mapping's or list's children are nodes again.

    Attributes:
        value: a scalar, a `dict[str, Node]` or a `list[Node]`.
        mark: where the value begins.
        key: where the key that leads to it stands; for list items and the root, the same as `mark`.
        size: how many nodes it stands for, aliases written out.
    """

    value: Any
    mark: Mark
    key: Mark
    size: int = 1

    def plain(self) -> Any:
        """The value alone; each string remembers its file, against which paths are resolved."""
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return WrittenStr(self.value, self.mark.file) if isinstance(self.value, str) else self.value

    def child(self, name: str | int) -> Node | None:
        """The child under that key or index, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(name))
        if isinstance(self.value, list) and isinstance(name, int) and 0 <= name < len(self.value):
            item: Node = self.value[name]
            return item
        return None


class WrittenStr(str):
    """A string that remembers the file in which it was written."""

    __slots__ = ("file",)
    file: str

    def __new__(cls, text: str, file: str) -> Self:
        self = super().__new__(cls, text)
        self.file = file
        return self


def fault(mark: Mark, message: str, path: SettingPath = ()) -> ConfigError:
    """A `ConfigError` about one place."""
    return ConfigError([Problem(str(mark), path, message)])


def read_yaml(path: str | Path) -> Node:
    """Reads a YAML file.

    Raises:
        ConfigError: the file can't be read, or is not one YAML mapping.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise fault(Mark(name), "no such file") from None
    except OSError as error:
        raise fault(Mark(name), f"cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise fault(Mark(name, 1, 1), "larger than 1 MiB, which no config needs")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise fault(Mark(name, line, column), "not UTF-8 text") from None
    root = parse_yaml(text, name)
    if root.value is None:
        root = Node({}, root.mark, root.key)
    if not isinstance(root.value, dict):
        raise fault(root.mark, "expected a mapping of settings such as 'data: …' at the top")
    return root


def parse_yaml(text: str, file: str) -> Node:
    """Parses YAML text; an empty text is a null node.

    Raises:
        ConfigError: with the position of what is not YAML, or is more than a config may hold.
    """
    try:
        return Composer(text, file).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise fault(position, f"not YAML: {what}{_hint(text, position)}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        position = Mark(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise fault(position, f"not YAML: {error.reason}") from None


def _hint(text: str, mark: Mark) -> str:
    lines = text.splitlines()
    near = "\n".join(lines[max(0, mark.line - 2) : mark.line])
    if "\t" in near:
        return " (there is a tab character here; indent with spaces)"
    if re.search(r"^\s*-?\s*\w+:\S", near, re.MULTILINE):
        return " (a colon needs a space after it)"
    return ""


class Composer:
    """Builds nodes from the parser's events: the place where a YAML's size and depth are bounded."""

    def __init__(self, text: str, file: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=Loader)
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
            raise fault(self.mark(event), "a second document begins here; a config is one document")
        return root

    def node(self, event: Any, depth: int, key: Mark | None = None) -> Node:
        mark = self.mark(event)
        if depth > MAX_DEPTH:
            raise fault(mark, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return replace(self.alias(event, mark), key=key or mark)
        if event.anchor:
            self.anchors[event.anchor] = None  # begun: an alias to it in here would be a circle
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self.scalar(event, mark), mark, key or mark)
        elif event.tag not in COLLECTION_TAGS:
            raise fault(mark, f"the tag '{event.tag}' means nothing here")
        elif isinstance(event, yaml.SequenceStartEvent):
            items = list(self.items(depth))
            node = Node(items, mark, key or mark, 1 + sum(item.size for item in items))
        else:
            children = self.mapping(depth)
            node = Node(children, mark, key or mark, 1 + sum(c.size for c in children.values()))
        if event.anchor:
            self.anchors[event.anchor] = node
        self.spend(1, mark)
        return node

    def alias(self, event: Any, mark: Mark) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self.anchors
            message = "contains itself" if known else "was never defined"
            raise fault(mark, f"the alias '*{event.anchor}' {message}")
        self.spend(node.size, mark)
        return node

    def items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.node(event, depth + 1)

    def mapping(self, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key.value, str):
                raise fault(key.mark, "a key must be a word; put quotes around it")
            if key.value in children:
                first = children[key.value].key
                raise fault(
                    key.mark,
                    f"the key '{key.value}' is here a second time (first at line {first.line})",
                )
            children[key.value] = self.node(next(self.events), depth + 1, key.mark)
        return children

    def scalar(self, event: Any, mark: Mark) -> Scalar:
        tag = event.tag
        if tag == "!" or (tag is None and not event.implicit[0]):
            return str(event.value)
        if tag is not None and not tag.startswith("tag:yaml.org,2002:"):
            raise fault(mark, f"the tag '{tag}' means nothing here")
        if tag is not None and tag.endswith(":str"):
            return str(event.value)
        try:
            value = resolve(event.value)
        except ValueError:
            raise fault(mark, "a number with more digits than can be read") from None
        wanted = tag.rpartition(":")[2] if tag else None
        if wanted == "float" and type(value) is int:
            value = float(value)
        if wanted and type(value) is not TAGGED_TYPES.get(wanted):
            raise fault(mark, f"'{event.value}' is not of the type that its tag '!!{wanted}' names")
        return value

    def spend(self, nodes: int, mark: Mark) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise fault(mark, f"stands for more than {MAX_NODES} values (aliases written out)")

    def mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)


COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
TAGGED_TYPES = {"int": int, "float": float, "bool": bool, "null": type(None)}
NULLS = {"", "~", "null", "Null", "NULL"}
TRUES = {"true", "True", "TRUE"}
FALSES = {"false", "False", "FALSE"}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """A plain scalar by YAML 1.2's core schema (§10.3.2): `1e-3` is a float, `no` a string."""
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if match := SPECIAL_FLOAT.fullmatch(text):
        return float("nan") if match[3] else float(f"{match[1]}inf")
    return text


class _ConfigDumper(Dumper):  # type: ignore[misc, valid-type]
    """Writes what `parse_yaml` reads back as the same values."""


def _represent_str(dumper: Any, text: str) -> Any:
    # PyYAML quotes what YAML 1.1 would misread; these are what YAML 1.2 would.
    style = None if isinstance(resolve(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_float(dumper: Any, number: float) -> Any:
    text = {float("inf"): ".inf", float("-inf"): "-.inf"}.get(number, repr(number))
    return dumper.represent_scalar("tag:yaml.org,2002:float", ".nan" if isnan(number) else text)


_ConfigDumper.add_representer(str, _represent_str)
_ConfigDumper.add_representer(WrittenStr, lambda dumper, text: _represent_str(dumper, str(text)))
_ConfigDumper.add_representer(float, _represent_float)


def dump_yaml(data: Any) -> str:
    """YAML text, keys in the order given, that `parse_yaml` reads back as the same values."""
    text: str = yaml.dump(
        data, Dumper=_ConfigDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text
