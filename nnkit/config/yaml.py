"""Parses YAML 1.2 into a tree of nodes that store the position of each value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any, Self

import yaml

from nnkit.errors import ConfigError, Problem, SettingPath
from nnkit.text import legible

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000  # counted with aliases expanded, as protection against alias bombs

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """The origin of a value: line and column in a file, both from 1, or a command-line option."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @classmethod
    def read(cls, text: str) -> Mark:
        """Reads a mark back from its text."""
        file, *place = text.rsplit(":", 2)
        if len(place) == 2 and all(part.isdecimal() for part in place):
            return cls(file, *map(int, place))
        return cls(text)


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its position; the children of mappings and lists are nodes too.

    Attributes:
        value: a scalar, a `dict[str, Node]` or a `list[Node]`.
        mark: where the value begins.
        key: where the key of the value begins; for list items and the root, the same as `mark`.
        size: number of nodes, including this one, with aliases expanded.
        height: number of levels below, with aliases expanded.
    """

    value: Any
    mark: Mark
    key: Mark
    size: int = 1
    height: int = 0

    def plain(self) -> Any:
        """The value as plain data; each string stores its file, against which paths are resolved.

        Strings from the command line have no file; their paths are relative to the working folder.
        """
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        if isinstance(self.value, str):
            return WrittenStr(self.value, self.mark.file if self.mark.line else "")
        return self.value

    def child(self, name: str | int) -> Node | None:
        """The child at a key or index; None if there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(name))
        if isinstance(self.value, list) and isinstance(name, int) and 0 <= name < len(self.value):
            item: Node = self.value[name]
            return item
        return None


def node_of(data: Any, mark: Mark) -> Node:
    """Converts plain data to a node; all its parts get the same mark."""
    if isinstance(data, dict):
        data = {name: node_of(child, mark) for name, child in data.items()}
    elif isinstance(data, list | tuple):
        data = [node_of(child, mark) for child in data]
    return Node(data, mark, mark)


class WrittenStr(str):
    """A string that stores the name of the file that contains it, or ""."""

    __slots__ = ("file",)
    file: str

    def __new__(cls, text: str, file: str) -> Self:
        self = super().__new__(cls, text)
        self.file = file
        return self


def fault(mark: Mark, message: str, path: SettingPath = ()) -> ConfigError:
    """Creates a `ConfigError` with a single problem."""
    return ConfigError([Problem(str(mark), path, message)])


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
        raise fault(Mark(name), "no such file") from None
    except IsADirectoryError:
        raise fault(Mark(name), "is a folder; give a YAML file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise fault(Mark(name), f"cannot be read: {why}") from None
    if len(raw) > MAX_BYTES:
        raise fault(Mark(name, 1, 1), "larger than 1 MiB; a config is much smaller")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sound = error.object[: error.start].decode()
        raise fault(Mark(name, *_line_column(sound, len(sound))), "not UTF-8 text") from None
    root = parse_yaml(text, name)
    if root.value is None:
        root = Node({}, root.mark, root.key)
    if not isinstance(root.value, dict):
        raise fault(root.mark, "expected a mapping of settings such as 'data: …' at the top")
    return root


def parse_yaml(text: str, file: str) -> Node:
    """Parses YAML text; an empty text gives a null node.

    Raises:
        ConfigError: the text is not YAML, or exceeds a limit; the message gives the position.
    """
    try:
        return _compose(text, file)
    except yaml.MarkedYAMLError as error:
        mark, message = _explain(error, text, file)
        raise fault(mark, f"not YAML: {message}") from None
    except UnicodeEncodeError as error:
        raise fault(Mark(file, *_line_column(text, error.start)), "not UTF-8 text") from None
    except yaml.reader.ReaderError as error:
        # The position counts bytes or characters, depending on the build of PyYAML.
        mark = Mark(file, *_line_column(text, text.find(chr(error.character))))
        raise fault(mark, f"not YAML: {error.reason}") from None


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


# Parts of the parser's messages, and what they mean in plain words. {begin} is the position where
# the faulty construct begins, {character} the character at the fault.
PLAIN_WORDS = {
    "expected ',' or '}'": "a comma is missing before this, or the '{{' at {begin} is not closed",
    "expected ',' or ']'": "a comma is missing before this, or the '[' at {begin} is not closed",
    "did not find expected key": (
        "this does not continue the mapping that starts at {begin}; check the indentation, and "
        "quotes and brackets before it"
    ),
    "did not find expected '-'": (
        "this does not continue the list that starts at {begin}; check the indentation"
    ),
    "mapping values are not allowed": (
        "unexpected colon; check the indentation, and put quotes around a text that contains ': '"
    ),
    "expected <document start>": "this does not belong to the block above it",
    "expected node content": "a value cannot start with {character}; put quotes around the text",
    "expected alphabetic or numeric": (
        "a name is missing after '&' or '*'; put quotes around it if it is meant as text"
    ),
    "cannot start any token": "a value cannot start with {character}; put quotes around the text",
}
# Messages for faults that are at the beginning of the construct, not where the parser stopped.
PLAIN_WORDS_AT_BEGIN = {
    "could not find expected ':'": "expected a setting such as 'seed: 3', with a colon and a space",
    "unexpected end of stream": "the quote that opens here is never closed",
    "unknown escape character": "invalid backslash escape in double quotes; use single quotes",
}


def _explain(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Mark, str]:
    """The position and reason of a YAML syntax error."""
    problem, lines = str(error.problem), text.splitlines() or [""]
    place = error.problem_mark or error.context_mark
    mark = _mark_of(file, place) if place is not None else Mark(file, 1, 1)
    begin = _mark_of(file, error.context_mark) if error.context_mark is not None else mark
    for part, words in PLAIN_WORDS_AT_BEGIN.items():
        if part in problem:
            return begin, words
    if mark.line > len(lines):  # the text ended too early
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        if "flow" in str(error.context):
            if begin.line <= len(lines):
                return begin, "the bracket that opens here is never closed"
            return mark, "the text ends here inside brackets"
    near = lines[max(0, mark.line - 2) : mark.line]
    if any(re.match(" *\t", line) for line in near):
        return mark, "there is a tab character here; indent with spaces"
    for number in range(mark.line, mark.line - len(near), -1):
        if re.match(r"\s*(- *)?\w+:[^\s:/]", lines[number - 1]):
            return mark, f"a colon needs a space after it (line {number})"
    rest = near[-1][mark.column - 1 :]
    facts = {
        "begin": f"{begin.line}:{begin.column}",
        "character": repr(rest[0]) if rest else "this",
    }
    for part, words in PLAIN_WORDS.items():
        if part in problem:
            return mark, words.format(**facts)
    return mark, " ".join(part for part in (error.context, problem) if part)


def _mark_of(file: str, position: Any) -> Mark:
    return Mark(file, position.line + 1, position.column + 1)


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
            raise fault(
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
            raise fault(mark, f"the alias '*{event.anchor}' {message}")
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
                raise fault(key.mark, "a key must be text; put quotes around it")
            if key.value in places:
                first = places[key.value]
                raise fault(
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
            raise fault(mark, "a number with too many digits") from None
        if tag is None:
            return value
        wanted = TAGGED_TYPES.get(tag)
        if wanted is None:
            raise unknown_tag(tag, mark)
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise fault(mark, f"'{event.value}' does not have the type of its tag")
        return value

    def spend(self, nodes: int, mark: Mark) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise fault(mark, f"expands to more than {MAX_NODES} values (aliases written out)")

    def mark(self, event: Any) -> Mark:
        return _mark_of(self.file, event.start_mark)


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
            raise fault(key, "'<<' merges a mapping or a list of mappings; this is neither")
        merged = part.value | merged
    return merged


def too_deep(mark: Mark) -> ConfigError:
    """The error for nesting deeper than `MAX_DEPTH`."""
    return fault(mark, f"nested deeper than {MAX_DEPTH} levels")


def unknown_tag(tag: str, mark: Mark) -> ConfigError:
    """The error for a tag that is not in YAML's core schema."""
    return fault(mark, f"the tag '{tag.replace(CORE_TAG, '!!')}' is not supported")


CORE_TAG = "tag:yaml.org,2002:"
COLLECTION_TAGS = (None, "!", f"{CORE_TAG}seq", f"{CORE_TAG}map")
TAGGED_TYPES: dict[str, type] = {
    f"{CORE_TAG}int": int,
    f"{CORE_TAG}float": float,
    f"{CORE_TAG}bool": bool,
    f"{CORE_TAG}null": type(None),
}
MAX_BITS = 1024  # bits of an integer; more would not fit a float either
NULLS = {"", "~", "null", "Null", "NULL"}
TRUES = {"true", "True", "TRUE"}
FALSES = {"false", "False", "FALSE"}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """Resolves a plain scalar by YAML 1.2's core schema (§10.3.2): `1e-3` is a float, `no` text."""
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if INTEGER.fullmatch(text):
        number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if number.bit_length() > MAX_BITS:
            raise ValueError("too large")
        return number
    if FLOAT.fullmatch(text):
        return float(text)
    if match := SPECIAL_FLOAT.fullmatch(text):
        return float("nan") if match[3] else float(f"{match[1]}inf")
    return text


class _ConfigDumper(Dumper):  # type: ignore[misc, valid-type]
    """A dumper whose output `parse_yaml` reads back as the same values."""


def _represent_str(dumper: Any, text: str) -> Any:
    text = legible(text)
    # PyYAML quotes strings that YAML 1.1 would misread; YAML 1.2 needs these quoted too.
    style = None if isinstance(resolve(text), str) else '"'
    return dumper.represent_scalar(f"{CORE_TAG}str", text, style=style)


def _represent_float(dumper: Any, number: float) -> Any:
    text = {float("inf"): ".inf", float("-inf"): "-.inf"}.get(number, repr(number))
    if "." not in text:  # 1e-08 is a string in YAML 1.1, so PyYAML would add a tag
        text = text.replace("e", ".0e")
    return dumper.represent_scalar(f"{CORE_TAG}float", ".nan" if isnan(number) else text)


_ConfigDumper.add_representer(str, _represent_str)
_ConfigDumper.add_representer(WrittenStr, lambda dumper, text: _represent_str(dumper, str(text)))
_ConfigDumper.add_representer(float, _represent_float)


def dump_yaml(data: Any) -> str:
    """Dumps data as YAML, keys in the given order, that `parse_yaml` reads back as the same values.

    The exception are lone surrogates, which YAML cannot represent: see `nnkit.text.legible`.
    """
    text: str = yaml.dump(
        data, Dumper=_ConfigDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text
