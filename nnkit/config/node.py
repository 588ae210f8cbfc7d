"""Values of a config with their positions: a tree of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from nnkit.errors import ConfigError, Problem, SettingPath


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


def error_at(mark: Mark, message: str, path: SettingPath = ()) -> ConfigError:
    """Creates a `ConfigError` with a single problem."""
    return ConfigError([Problem(str(mark), path, message)])
