"""Looks into the annotations of specs: unions, specs, and the items of lists and mappings."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from nnkit.config.spec import Component, Spec, members


def choices_of(annotation: Any) -> Mapping[str, type[Component]]:
    """The components that an annotation allows, by tag; none if it allows a list of them."""
    return members(annotation) if item_of(annotation, 0) is None else {}


def is_untagged_union(annotation: Any) -> bool:
    """Whether an annotation allows several types, one of them a mapping with arbitrary keys."""
    types = [part for part in get_args(annotation) if part is not NoneType]
    is_union = get_origin(annotation) in (Union, UnionType)
    return is_union and len(types) > 1 and any(get_origin(part) is dict for part in types)


def specs_of(annotation: Any) -> list[type[Spec]]:
    """All specs that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    return [spec for part in get_args(annotation) for spec in specs_of(part)]


def only_spec(annotation: Any) -> type[Spec] | None:
    """The only spec that an annotation allows; None if it allows none, several or a list."""
    found = specs_of(annotation) if item_of(annotation, 0) is None else []
    return found[0] if len(found) == 1 else None


def item_of(annotation: Any, part: str | int) -> Any:
    """The annotation of an item of a list or mapping annotation; None for any other."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list):
        return parts[0] if isinstance(part, int) else None
    if origin is dict:
        return parts[1]
    return next((item for inner in parts if (item := item_of(inner, part)) is not None), None)
