"""Validates a tree of nodes: a spec, or every error with its position and a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError

from nnkit.config.annotations import choices_of, is_untagged_union, item_of, only_spec
from nnkit.config.fault import Fault
from nnkit.config.fault_message import describe
from nnkit.config.load import tag_of
from nnkit.config.node import Mark, Node, error_at
from nnkit.config.spec import SHORTHAND_KEY, Component, Spec
from nnkit.errors import ConfigError, Problem, SettingError, SettingPath

S = TypeVar("S", bound=Spec)


def validate(spec: type[S], document: Node) -> S:
    """Validates a document as a spec.

    Raises:
        ConfigError: the document is invalid; lists all errors in file order.
    """
    try:
        return spec.model_validate(document.plain())
    except ValidationError as error:
        found = list(_problems(spec, document, error))
    except RecursionError:
        raise error_at(document.mark, "nested too deeply") from None
    raise in_file_order(found)


def in_file_order(found: Sequence[tuple[Mark, Problem]], exit_code: int = 2) -> ConfigError:
    """Combines problems into one error, in the order of their positions in the files."""
    ordered = sorted(found, key=lambda item: (item[0].file, item[0].line, item[0].column))
    return ConfigError([problem for _, problem in ordered], exit_code)


def located(
    spec: type[Spec], document: Node, errors: Sequence[SettingError], exit_code: int = 2
) -> ConfigError:
    """Errors about settings as one error, each with its position in the document."""
    found = []
    for error in errors:
        path, node, exact = find_setting(spec, document, error.path)
        mark = node.mark if exact else node.key
        written = path if exact else error.path
        found.append((mark, Problem(str(mark), written, error.message)))
    return in_file_order(found, exit_code)


def merged(problems: Iterable[Problem]) -> ConfigError:
    """The problems of several errors as one, each once, in the order of the files."""
    distinct = dict.fromkeys(problems)
    return in_file_order([(Mark.read(problem.position), problem) for problem in distinct])


def _problems(
    root: type[Spec], document: Node, error: ValidationError
) -> Iterator[tuple[Mark, Problem]]:
    items = [item for item in error.errors(include_url=False) if not _is_consequence(item)]
    for same in _by_setting([_fault(root, item) for item in items]):
        first = same[0]
        path, node, exact = find_setting(root, document, first.path)
        about_key = first.item["type"] in ("missing", "extra_forbidden")
        if about_key and not exact:
            path = (*path, first.path[-1])
        mark = node.key if about_key else node.mark
        yield mark, Problem(str(mark), path, describe(root, same))


def _is_consequence(item: Mapping[str, Any]) -> bool:
    """Whether a list is "too short" only because of invalid items, which have their own errors."""
    return bool(item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"])


def _fault(root: type[Spec], item: Mapping[str, Any]) -> Fault:
    """Resolves the location of an error, which contains tags and type names, to a setting."""
    annotation: Any = root
    holder: type[Spec] | None = None
    path: list[str | int] = []
    branch: tuple[SettingPath, str] | None = None
    location = item["loc"]
    for i, part in enumerate(location):
        choices = choices_of(annotation)
        spec = only_spec(annotation)
        if len(choices) > 1 and part in choices:
            annotation = choices[part]
        elif spec is not None and part in spec.model_fields:
            path.append(part)
            holder, annotation = spec, spec.model_fields[part].annotation
        elif spec is not None and item["type"] == "extra_forbidden" and i + 1 == len(location):
            path.append(part)
            holder = spec
        elif branch is None and isinstance(part, str) and is_untagged_union(annotation):
            branch = (tuple(path), part)  # the name of a type, not a key
        elif (inner := item_of(annotation, part)) is not None:
            path.append(part)
            holder, annotation = None, inner
        else:
            branch = branch or (tuple(path), str(part))
    return Fault(item, tuple(path), holder, branch)


def _by_setting(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Yields the faults grouped by setting, where a setting is an untagged union.

    Only the members of a union that matched furthest count: for `kernel: [3, x]` the list is the
    type that the user meant.
    """
    furthest: dict[SettingPath, int] = {}
    for found in faults:
        if found.branch is not None:
            place = found.branch[0]
            furthest[place] = max(furthest.get(place, 0), len(found.path))
    together: dict[SettingPath, list[Fault]] = {}
    for found in faults:
        if found.branch is None:
            yield [found]
        elif len(found.path) == furthest[found.branch[0]]:
            together.setdefault(found.path, []).append(found)
    yield from together.values()


def find_setting(
    root: type[Spec], document: Node, path: SettingPath
) -> tuple[SettingPath, Node, bool]:
    """Finds a setting of the resolved config in the document, resolving shorthands and tags.

    Args:
        root: the spec of the document.
        document: the document as written.
        path: a path such as `("architecture", "layers", 0, "units")`.

    Returns:
        The path as written, such as `architecture.layers.0.dense`, the last node reached, and
        whether the setting is written there; otherwise it is a default or missing.
    """
    annotation: Any = root
    node = document
    written: list[str | int] = []
    for part in path:
        spec = only_spec(annotation)
        if choices := choices_of(annotation):
            tag, inner, steps = _opened(choices, node)
            spec = choices.get(str(tag.value)) if tag is not None else None
            if part == "kind" and tag is not None:
                return tuple(written), tag, True
            node = inner
            written += steps
        child = node.child(part)
        if child is not None:
            written.append(part)
        elif spec is not None and part == spec.shorthand:
            child = node.child(SHORTHAND_KEY) or (node if spec.is_short(node.plain()) else None)
        if child is None:
            return tuple(written), node, False
        node = child
        if spec is not None and part in spec.model_fields:
            annotation = spec.model_fields[str(part)].annotation
        else:
            annotation = item_of(annotation, part)
    return tuple(written), node, True


def _opened(
    choices: Mapping[str, type[Component]], node: Node
) -> tuple[Node | None, Node, list[str]]:
    """The tag of a component as a node, the node of its settings, and the keys that lead there."""
    if not isinstance(node.value, dict):
        is_tag = isinstance(node.value, str)
        return (node, replace(node, value=None), []) if is_tag else (None, node, [])
    if (kind := tag_of(node)) is not None:
        return kind, node, []
    for tag, inner in node.value.items():
        if tag in choices:
            return Node(tag, inner.key, inner.key), inner, [tag]
    return None, node, []
