"""Search spaces: settings of a config that have a set of values instead of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nnkit.config.load import tag_of
from nnkit.config.node import Mark, Node
from nnkit.config.spec import Component, Listed, Positive, Spec
from nnkit.config.tagged_union import Tagged
from nnkit.config.validation import in_file_order, validate
from nnkit.errors import ConfigError, Problem, SettingPath, dotted
from nnkit.text import as_json

LONGEST_LABEL = 40  # characters of an option, beyond which it is called by its number

Value = str | int | float | bool | None  # what a storage keeps: a number, or the label of an option


class Choice(Component):
    """One of several options, such as `{choice: [16, 32, 64]}`.

    An option is a single value, a list or a mapping, and may contain spaces itself, which are
    searched only where it is chosen.
    """

    shorthand = "options"
    kind: Literal["choice"] = "choice"
    options: Annotated[tuple[Any, ...], Listed, Field(min_length=2)] = Field(
        description="The options, at least two."
    )


class IntRange(Component):
    """A whole number, such as `{int: {low: 8, high: 128, log: true}}`."""

    kind: Literal["int"] = "int"
    low: int = Field(description="Smallest value.")
    high: int = Field(description="Largest value, inclusive.")
    step: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Distance of neighbouring values; default: 1."
    )
    log: bool = Field(False, description="Whether to search the logarithm evenly.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_range(self)
        return self


class FloatRange(Component):
    """A number, such as `{float: {low: 1e-4, high: 1e-1, log: true}}`."""

    kind: Literal["float"] = "float"
    low: float = Field(description="Smallest value.")
    high: float = Field(description="Largest value, inclusive.")
    step: Positive | None = Field(
        None, description="Distance of neighbouring values; default: all values in between."
    )
    log: bool = Field(False, description="Whether to search the logarithm evenly.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_range(self)
        return self


def _check_range(space: IntRange | FloatRange) -> None:
    if space.low >= space.high:
        remedy = "; exchange them" if space.low > space.high else "; write the value alone"
        raise ValueError(f"low must be below high, got {space.low:g} and {space.high:g}{remedy}")
    if space.log and space.low <= 0:
        raise ValueError(
            f"a logarithmic space must not reach 0, but low is {space.low:g}; use a small "
            "positive low, or no log"
        )
    if space.step is None:
        return
    if space.log:
        raise ValueError("log and step exclude each other; remove one of them")
    last = range_values(space)[-1]
    if abs(last - space.high) > 1e-8 * abs(space.high):
        raise ValueError(
            f"steps of {space.step:g} from {space.low:g} do not reach {space.high:g}; "
            f"write high: {last:g}"
        )


def range_values(space: IntRange | FloatRange) -> list[int] | list[float]:
    """All values of a range with steps.

    Decimal arithmetic keeps 0.1 + 2 · 0.1 at 0.3.
    """
    if isinstance(space, IntRange):
        return list(range(space.low, space.high + 1, space.step or 1))
    assert space.step is not None
    low, step = Decimal(repr(space.low)), Decimal(repr(space.step))
    count = int((Decimal(repr(space.high)) - low) / step + Decimal("1e-8")) + 1
    return [float(low + i * step) for i in range(count)]


Space = Choice | IntRange | FloatRange
AnySpace = Annotated[Space, Tagged()]
TAGS = ("choice", "int", "float")


class _Held(Spec):
    """A document that holds nothing but a space."""

    space: AnySpace


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a choice.

    Attributes:
        label: its name in a storage and in tables: the value itself, or the kind of a component.
        node: its content.
    """

    label: Value
    node: Node


@dataclass(frozen=True, slots=True)
class Dimension:
    """A setting with a space.

    Attributes:
        name: the setting, such as `optimizer.lr`; within an option with the label of it, such as
            `optimizer.adam.lr`.
        space: its values.
        node: where it is written.
        path: the setting in the config.
        options: those of a choice.
        given: the options in which it is nested, by the name of their dimensions.
    """

    name: str
    space: Space
    node: Node
    path: SettingPath
    options: tuple[Option, ...]
    given: Mapping[str, Value]

    @property
    def extremes(self) -> tuple[Value, ...]:
        """All options of a choice; the first and last value of a range."""
        if isinstance(self.space, Choice):
            return tuple(option.label for option in self.options)
        return self.space.low, self.space.high

    def node_of(self, value: Value) -> Node:
        """A value as a node, with its position in the file."""
        if isinstance(self.space, Choice):
            return next(o.node for o in self.options if _same(o.label, value))
        ends = {end: _setting(self.node, end) for end in ("low", "high")}
        written = (n for end, n in ends.items() if n and getattr(self.space, end) == value)
        mark = next(written, self.node).mark
        return Node(value, mark, self.node.key)


Pick = Callable[[Dimension], Value]


class SearchSpace:
    """A config with spaces.

    Attributes:
        document: the config as written.
        dimensions: its settings with spaces, by name, in the order of the file.
    """

    def __init__(self, document: Node) -> None:
        """Finds and checks all spaces.

        Raises:
            ConfigError: everything that is wrong with them, with file, line and column.
        """
        self.document = document
        self.dimensions: dict[str, Dimension] = {}
        self._faults: list[tuple[Mark, Problem]] = []
        self._find(document, (), (), {})
        if self._faults:
            raise in_file_order(self._faults)

    def _find(
        self, node: Node, path: SettingPath, name: SettingPath, given: Mapping[str, Value]
    ) -> None:
        """Adds the dimensions in a part of the document."""
        if not is_space(node):
            for key, child in _children(node):
                self._find(child, (*path, key), (*name, key), given)
            return
        try:
            space = validate(_Held, replace(node, value={"space": node})).space
        except ConfigError as error:
            self._faults += [
                (Mark.read(p.position), replace(p, path=(*path, *p.path[1:])))
                for p in error.problems
            ]
            return
        options: tuple[Option, ...] = ()
        if isinstance(space, Choice):
            options = self._options(node, path)
        dimension = Dimension(dotted(name), space, node, path, options, given)
        self.dimensions[dimension.name] = dimension
        for option in options:
            inside = {**given, dimension.name: option.label}
            self._find(option.node, path, (*name, shown_value(option.label)), inside)

    def _options(self, node: Node, path: SettingPath) -> tuple[Option, ...]:
        inner = _settings(node)
        listed = inner if isinstance(inner.value, list) else _setting(node, "options")
        assert listed is not None
        first: dict[str, Mark] = {}
        for option in listed.value:
            # 1, 1.0 and true are the same value to a storage.
            plain = option.plain()
            key = repr(float(plain) if isinstance(plain, bool | int | float) else plain)
            if key in first:
                message = f"this option is already given, at {first[key]}"
                self._faults.append((option.mark, Problem(str(option.mark), path, message)))
            first.setdefault(key, option.mark)
        labels = _labels(listed.value)
        return tuple(map(Option, labels, listed.value))

    def draw(self, pick: Pick) -> Node:
        """The config with a value for each space.

        Args:
            pick: called with each dimension in the order of the file, but not with those in
                options that are not chosen; returns its value, of a choice the label of an option.
        """
        return self._drawn(self.document, (), pick)

    def _drawn(self, node: Node, name: SettingPath, pick: Pick) -> Node:
        if is_space(node):
            dimension = self.dimensions[dotted(name)]
            value = pick(dimension)
            chosen = replace(dimension.node_of(value), key=node.key)
            if not dimension.options:
                return chosen
            return self._drawn(chosen, (*name, shown_value(value)), pick)
        if isinstance(node.value, dict | list):
            drawn = {key: self._drawn(child, (*name, key), pick) for key, child in _children(node)}
            is_list = isinstance(node.value, list)
            return replace(node, value=list(drawn.values()) if is_list else drawn)
        return node

    def single_changes(self) -> Iterator[dict[str, Value]]:
        """Yields values by dimension: all first ones, then each extreme of a single dimension."""
        yield {}
        for dimension in self.dimensions.values():
            for value in dimension.extremes[1:]:
                yield {**dimension.given, dimension.name: value}

    def combinations(
        self, values: Callable[[Dimension], Sequence[Value]]
    ) -> Iterator[dict[str, Value]]:
        """Yields every combination of some values, without those of options not chosen."""
        waiting: list[dict[str, Value]] = [{}]
        while waiting:
            chosen = waiting.pop()
            following = next(
                (
                    dimension
                    for name, dimension in self.dimensions.items()
                    if name not in chosen
                    and all(n in chosen and _same(chosen[n], v) for n, v in dimension.given.items())
                ),
                None,
            )
            if following is None:
                yield chosen
                continue
            waiting += [{**chosen, following.name: v} for v in reversed(values(following))]


def picking(values: Mapping[str, Value]) -> Pick:
    """Picks given values by dimension, and the first value of all other dimensions."""
    return lambda dimension: values.get(dimension.name, dimension.extremes[0])


def is_space(node: Node) -> bool:
    """Whether a value is a space: no setting or kind of a config is called like one."""
    if not isinstance(node.value, dict):
        return False
    kind = tag_of(node)
    return any(tag in node.value for tag in TAGS) or (kind is not None and kind.value in TAGS)


def shown_value(value: Value) -> str:
    """A value as text: numbers with four significant digits, others as in YAML."""
    if isinstance(value, bool) or value is None:
        return as_json(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _labels(options: Sequence[Node]) -> list[Value]:
    """A name for each option: a plain value itself, otherwise the kind if it is unique."""
    plain = [option.plain() for option in options]
    kinds = [_kind(option) for option in options]
    labels: list[Value] = []
    for i, value in enumerate(plain):
        if not isinstance(value, dict | list):
            labels.append(str(value) if isinstance(value, str) else value)
        elif kinds[i] is not None and kinds.count(kinds[i]) == 1 and kinds[i] not in plain:
            labels.append(kinds[i])
        else:
            text = as_json(value).replace('"', "")
            labels.append(text if len(text) <= LONGEST_LABEL else f"option {i + 1}")
    return labels


def _kind(node: Node) -> str | None:
    """The kind of a component; None if the node is none."""
    if not isinstance(node.value, dict):
        return None
    tag = tag_of(node)
    if tag is not None:
        return str(tag.value)
    return next(iter(node.value)) if len(node.value) == 1 else None


def _settings(node: Node) -> Node:
    """The settings of a space, or the value of its shorthand."""
    return next((node.value[tag] for tag in TAGS if tag in node.value), node)


def _setting(node: Node, name: str) -> Node | None:
    return _settings(node).child(name)


def _children(node: Node) -> list[tuple[str | int, Node]]:
    if isinstance(node.value, dict):
        return list(node.value.items())
    return list(enumerate(node.value)) if isinstance(node.value, list) else []


def _same(a: Value, b: Value) -> bool:
    return type(a) is type(b) and a == b
