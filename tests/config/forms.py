"""Finds every member of every tagged union in a config by walking the annotations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import create_model

from docs.catalogue import annotation_of, required, some
from nnkit.config.spec import Component, Spec, members
from nnkit.config.tagged_union import Tagged
from nnkit.task.config import Config


@dataclass(frozen=True)
class Case:
    """One member of a union.

    Attributes:
        holder: a spec whose only field, `it`, has the union's type.
        member: the member.
        settings: the required settings, as plain data.
    """

    holder: type[Spec]
    member: type[Component]
    settings: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.member.__module__.rpartition('.')[2]}.{self.member.tag()}"

    def forms(self) -> Iterator[Any]:
        """Yields the component in each of its YAML forms."""
        tag, shorthand = self.member.tag(), self.member.shorthand
        yield {"kind": tag, **self.settings}
        yield {tag: self.settings}
        if not self.settings:
            yield tag
            yield {tag: None}
        if shorthand is not None and self.settings.keys() == {shorthand}:
            yield {tag: self.settings[shorthand]}

    def short(self) -> tuple[Any, Any] | None:
        """Returns the member with only its shorthand field, in short form and in full form."""
        tag, shorthand = self.member.tag(), self.member.shorthand
        if shorthand is None:
            return None
        value = some(annotation_of(self.member.model_fields[shorthand]))
        return {tag: value}, {"kind": tag, **self.settings, shorthand: value}


def cases() -> list[Case]:
    """Yields all members of all unions reachable from `Config`."""
    found: list[Case] = []
    for union in {tuple(members(u)): u for u in unions(Config, set())}.values():
        holder = create_model("Holder", __base__=Spec, it=(union, ...))
        found += [Case(holder, member, required(member)) for member in members(union).values()]
    return found


def unions(annotation: Any, seen: set[type[Spec]]) -> Iterator[Any]:
    """Yields every `Tagged` union within an annotation and within the specs it contains."""
    if get_origin(annotation) is Annotated:
        if any(isinstance(mark, Tagged) for mark in annotation.__metadata__):
            yield annotation
        annotation = get_args(annotation)[0]
    for part in get_args(annotation):
        yield from unions(part, seen)
    if isinstance(annotation, type) and issubclass(annotation, Spec) and annotation not in seen:
        seen.add(annotation)
        for field in annotation.model_fields.values():
            yield from unions(annotation_of(field), seen)
