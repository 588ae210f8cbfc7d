"""Validates a tree of nodes: a spec, or every error with its position and a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError

from nnkit.config.load import tag_of
from nnkit.config.node import Mark, Node, fault
from nnkit.config.spec import NAMES_ELSEWHERE, SHORTHAND_KEY, Component, Spec, members
from nnkit.config.yaml_scalars import resolve
from nnkit.errors import ConfigError, Problem, SettingError, SettingPath, dotted

S = TypeVar("S", bound=Spec)
MAX_SECTION_DEPTH = 3  # maximal depth of the search for where a misplaced key belongs


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
        raise fault(document.mark, "nested too deeply") from None
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


@dataclass(frozen=True, slots=True)
class Fault:
    """A pydantic error, with the setting that it is about.

    Attributes:
        item: the pydantic error.
        path: path of the setting, as in the resolved config.
        holder: the spec to which the last part of the path belongs, or would belong.
        branch: if the path passes an untagged union: its path, and the member tried.
    """

    item: Mapping[str, Any]
    path: SettingPath
    holder: type[Spec] | None
    branch: tuple[SettingPath, str] | None


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
        choices = _choices(annotation)
        spec = _only_spec(annotation)
        if len(choices) > 1 and part in choices:
            annotation = choices[part]
        elif spec is not None and part in spec.model_fields:
            path.append(part)
            holder, annotation = spec, spec.model_fields[part].annotation
        elif spec is not None and item["type"] == "extra_forbidden" and i + 1 == len(location):
            path.append(part)
            holder = spec
        elif branch is None and isinstance(part, str) and _is_untagged_union(annotation):
            branch = (tuple(path), part)  # the name of a type, not a key
        elif (inner := _item_of(annotation, part)) is not None:
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
        spec = _only_spec(annotation)
        if choices := _choices(annotation):
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
            annotation = _item_of(annotation, part)
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


# Messages for pydantic's type errors and for its other errors.
EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
MESSAGES = {
    "extra_forbidden": "unknown key",
    "greater_than": "must be more than {gt}, got {input}",
    "greater_than_equal": "must be at least {ge}, got {input}",
    "less_than": "must be less than {lt}, got {input}",
    "less_than_equal": "must be at most {le}, got {input}",
    "finite_number": "must be a finite number, got {input}",
    "too_short": "needs at least {min_length} item(s), got {actual_length}",
    "too_long": "takes at most {max_length} item(s), got {actual_length}",
    "literal_error": "expected {expected}, got {input}",
    "union_tag_invalid": "unknown kind '{tag}'",
    "unknown_name": "unknown {what} '{name}'",
    "string_too_short": "must not be empty",
    "string_too_long": "must be no longer than {max_length} character(s), got {input}",
    "string_pattern_mismatch": (
        "must start with a letter or a digit, and contain only letters a-z and A-Z, digits, '.', "
        "'_' and '-', got {input}"
    ),
    "int_parsing_size": "the number is too large",
}


SAME_BUT_A_LETTER = 0.88  # the least similarity of a key and the one that it surely stands for


# For errors about an unknown word: the context keys of the word and of the known words.
ONE_OF = {"union_tag_invalid": ("tag", "expected_tags"), "unknown_name": ("name", "known")}


def describe(root: type[Spec], faults: Sequence[Fault]) -> str:
    """Describes the faults of one setting in a sentence, with a suggestion if there is one."""
    of_type = [found for found in faults if found.item["type"] in EXPECTED]
    if len(of_type) == len(faults):
        return _describe_type([found.item for found in of_type])
    fault = next(found for found in faults if found not in of_type)
    item, context = fault.item, fault.item.get("ctx", {})
    if item["type"] == "missing":
        in_list = isinstance(item["loc"][-1], int)
        return "the list is missing this item" if in_list else "this key is required"
    if item["type"] == "value_error":
        return str(context["error"])
    template = MESSAGES.get(item["type"])
    if template is None:
        message: str = item["msg"]
        return message
    shown = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in context.items()
    }
    message = template.format(**shown | {"input": _shown(item["input"])})
    if item["type"] == "extra_forbidden":
        return message + _remedy_for_key(root, fault)
    if item["type"] in ONE_OF:
        word, known = (str(context[key]) for key in ONE_OF[item["type"]])
        return message + _suggestion(word, [name.strip(" '") for name in known.split(",")])
    if item["type"] == "literal_error":
        return _describe_words(item, message, [EXPECTED[f.item["type"]] for f in of_type])
    return message


def _describe_words(item: Mapping[str, Any], message: str, types: Sequence[str]) -> str:
    """Describes a value that is none of some words, nor of the other types that are allowed."""
    known = item["ctx"]["expected"]
    words = [word.strip(" '") for word in known.replace(" or ", ",").split(",")]
    if close := _close(str(item["input"]), words):
        return f"{message}; did you mean '{close}'?"
    return f"expected {' or '.join([*types, known])}, got {_shown(item['input'])}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _describe_type(items: Sequence[Mapping[str, Any]]) -> str:
    expected = dict.fromkeys(EXPECTED[item["type"]] for item in items)
    value = items[0]["input"]
    remedy = ""
    if "text" in expected and isinstance(value, int | float):
        remedy = "; put quotes around it if it is meant as text"
    elif [*expected] == ["a list"] and isinstance(value, str | int | float):
        remedy = "; put brackets around it"
    elif isinstance(value, str) and isinstance(resolve(value), int | float):
        remedy = "; leave the quotes out"
    return f"expected {' or '.join(expected)}, got {_shown(value)}{remedy}"


def _remedy_for_key(root: type[Spec], found: Fault) -> str:
    key, spec = found.path[-1], found.holder
    if spec is None or key == "kind":
        return ""
    names = [name for name in spec.model_fields if name != "kind"]
    if close := _close(str(key), names, SAME_BUT_A_LETTER):
        return f"; did you mean '{close}'?"
    homes = [
        (home, specs)
        for home, specs in _sections(root)
        if any(key in other.model_fields for other in specs)
    ]
    # If this spec is allowed in one of them, the key belongs to another kind and is not misplaced.
    if not any(spec in specs for _, specs in homes):
        for home, _ in homes[:1]:
            place = f"in '{dotted((*home, key))}'" if home else "at the top level"
            return f"; it belongs {place}"
    if close := _close(str(key), [*names, "kind"] if issubclass(spec, Component) else names):
        return f"; did you mean '{close}'?"
    if not names and issubclass(spec, Component):
        return f"; '{spec.tag()}' has no settings"
    return f"; the keys here are {', '.join(names)}"


def _sections(root: type[Spec]) -> Iterator[tuple[SettingPath, list[type[Spec]]]]:
    """Yields every section and the specs that it allows, outer ones first; lists are skipped."""
    level: list[tuple[SettingPath, list[type[Spec]]]] = [((), [root])]
    for _ in range(MAX_SECTION_DEPTH + 1):
        yield from level
        level = [
            ((*path, name), _specs(field.annotation))
            for path, specs in level
            for spec in specs
            for name, field in spec.model_fields.items()
            if _item_of(field.annotation, 0) is None
        ]


def _suggestion(word: str, words: Sequence[str]) -> str:
    name, colon, _ = word.partition(":")
    if colon and name in words:
        return "; a colon needs a space after it"
    close = _close(word, words)
    for meant in NAMES_ELSEWHERE.get(word.lower(), ()):
        if meant in words:
            close = meant
    return f"; did you mean '{close}'?" if close else f"; available: {', '.join(words)}"


def _close(word: str, words: Sequence[str], least: float = 0.6) -> str | None:
    """The most similar of some words, if its similarity to a word is not below the least."""
    plain = {name.replace("_", ""): name for name in words}
    found = get_close_matches(word.replace("_", "").replace("-", "").lower(), plain, 1, least)
    return plain[found[0]] if found else None


def _choices(annotation: Any) -> Mapping[str, type[Component]]:
    """The components that an annotation allows, by tag; none if it allows a list of them."""
    return members(annotation) if _item_of(annotation, 0) is None else {}


def _is_untagged_union(annotation: Any) -> bool:
    """Whether an annotation allows several types, one of them a mapping with arbitrary keys."""
    types = [part for part in get_args(annotation) if part is not NoneType]
    is_union = get_origin(annotation) in (Union, UnionType)
    return is_union and len(types) > 1 and any(get_origin(part) is dict for part in types)


def _specs(annotation: Any) -> list[type[Spec]]:
    """All specs that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    return [spec for part in get_args(annotation) for spec in _specs(part)]


def _only_spec(annotation: Any) -> type[Spec] | None:
    """The only spec that an annotation allows; None if it allows none, several or a list."""
    found = _specs(annotation) if _item_of(annotation, 0) is None else []
    return found[0] if len(found) == 1 else None


def _item_of(annotation: Any, part: str | int) -> Any:
    """The annotation of an item of a list or mapping annotation; None for any other."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list):
        return parts[0] if isinstance(part, int) else None
    if origin is dict:
        return parts[1]
    return next((item for inner in parts if (item := _item_of(inner, part)) is not None), None)
