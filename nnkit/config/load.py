"""From a YAML file to a validated spec: `extends`, `--set`, and every error with its position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from nnkit.config.base import SHORTHAND_KEY, Component, Spec, members
from nnkit.config.yaml import Mark, Node, fault, parse_yaml, read_yaml
from nnkit.errors import ConfigError, Problem, SettingPath, UsageError

S = TypeVar("S", bound=Spec)


def load_document(path: str | Path, overrides: Sequence[str] = ()) -> Node:
    """Reads a config file with the files that it extends, then applies the overrides.

    Args:
        path: the YAML file.
        overrides: `key.path=value` texts as given after `--set`, the value in YAML.

    Raises:
        ConfigError: a file can't be read or is not YAML; `extends` goes in a circle.
        UsageError: an override is not of the form `key.path=value`.
    """
    document = _read_extended(Path(path), ())
    for override in overrides:
        document = apply_override(document, override)
    return document


def _read_extended(path: Path, above: tuple[Path, ...]) -> Node:
    document = read_yaml(path)
    base = document.child("extends")
    if base is None:
        return document
    if not isinstance(base.value, str):
        raise fault(base.mark, "expected the name of a YAML file", ("extends",))
    chain = (*above, path.resolve())
    base_path = path.parent / base.value
    if base_path.resolve() in chain:
        raise fault(base.mark, "this file extends itself, directly or in a circle", ("extends",))
    if not base_path.is_file():
        raise fault(base.mark, f"no such file: {base_path}", ("extends",))
    own = {name: child for name, child in document.value.items() if name != "extends"}
    return merge(_read_extended(base_path, chain), replace(document, value=own))


def merge(base: Node, own: Node) -> Node:
    """Lays `own` over `base`: mappings key by key, everything else replaced.

    A mapping whose `kind` differs replaces the other: half an Adam is no SGD.
    """
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    kinds = base.child("kind"), own.child("kind")
    if kinds[1] is not None and (kinds[0] is None or kinds[0].value != kinds[1].value):
        return own
    merged = dict(base.value)
    for name, child in own.value.items():
        merged[name] = merge(merged[name], child) if name in merged else child
    return replace(own, value=merged)


def apply_override(document: Node, override: str) -> Node:
    """Applies one `key.path=value`; list items go by their index from 0."""
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise UsageError(f"--set {override}: expected KEY.PATH=VALUE, such as optimizer.lr=0.01")
    origin = Mark(f"--set {override}")
    try:
        parsed = parse_yaml(text, origin.file)
    except ConfigError as error:
        raise UsageError(f"--set {override}: {error.problems[0].message}") from None
    return _put(document, parts, _marked(parsed, origin), origin, ())


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
    part, *rest = parts
    if isinstance(node.value, list):
        if not (part.isdigit() and int(part) < len(node.value)):
            last = len(node.value) - 1
            raise fault(origin, f"there is no item '{part}' here, only 0 to {last}", done)
        items = list(node.value)
        items[int(part)] = _put(items[int(part)], rest, new, origin, (*done, int(part)))
        return replace(node, value=items)
    if isinstance(node.value, dict):
        kind = node.child("kind")
        if kind is not None and kind.value == part and part not in node.value and rest:
            return _put(node, rest, new, origin, done)
        children = dict(node.value)
    else:
        children = {} if node.value is None else {SHORTHAND_KEY: node}
    child = children.get(part, Node(None, origin, origin))
    children[part] = _put(child, rest, new, origin, (*done, part))
    return replace(node, value=children)


def validate(spec: type[S], document: Node) -> S:
    """The document as a spec.

    Raises:
        ConfigError: every fault at once, in the order in which they stand in the files.
    """
    try:
        return spec.model_validate(document.plain())
    except ValidationError as error:
        found = list(_problems(spec, document, error))
    except RecursionError:
        raise fault(document.mark, "nested too deeply") from None
    found.sort(key=lambda item: (item[0].file, item[0].line, item[0].column))
    raise ConfigError([problem for _, problem in found])


def _problems(
    spec: type[Spec], document: Node, error: ValidationError
) -> Iterator[tuple[Mark, Problem]]:
    for item in error.errors(include_url=False):
        location = item["loc"]
        path, node, exact = locate(document, location)
        about_key = item["type"] in ("missing", "extra_forbidden", "invalid_key")
        mark = node.key if about_key else node.mark
        if item["type"] == "missing" or (not exact and about_key):
            path = (*path, location[-1])
        message = describe(spec, item)
        yield mark, Problem(str(mark), path, message)


def locate(document: Node, location: Sequence[str | int]) -> tuple[SettingPath, Node, bool]:
    """Follows a setting's path as far as the document goes.

    Returns:
        The path as written (union tags that are not written left out), the last node reached,
        and whether the whole path was there.
    """
    node = document
    path: list[str | int] = []
    missed = False
    for part in location:
        child = node.child(part)
        missed = child is None
        if child is not None:
            node = child
            path.append(part)
    return tuple(path), node, not missed


# pydantic's error types in our words; the rest keep pydantic's message.
MESSAGES = {
    "missing": "this key is required",
    "extra_forbidden": "unknown key",
    "greater_than": "must be more than {gt}, got {input}",
    "greater_than_equal": "must be at least {ge}, got {input}",
    "less_than": "must be less than {lt}, got {input}",
    "less_than_equal": "must be at most {le}, got {input}",
    "int_type": "expected a whole number, got {input}",
    "int_from_float": "expected a whole number, got {input}",
    "float_type": "expected a number, got {input}",
    "bool_type": "expected true or false, got {input}",
    "string_type": "expected text, got {input}; put quotes around it if it is meant as text",
    "tuple_type": "expected a list, got {input}",
    "list_type": "expected a list, got {input}",
    "dict_type": "expected a mapping, got {input}",
    "model_type": "expected a mapping, got {input}",
    "finite_number": "must be a finite number, got {input}",
    "too_short": "needs at least {min_length} item(s), got {actual_length}",
    "too_long": "takes at most {max_length} item(s), got {actual_length}",
    "literal_error": "expected {expected}, got {input}",
    "union_tag_invalid": "unknown kind '{tag}'",
    "string_too_short": "must not be empty",
    "int_parsing_size": "too large a number",
}


def describe(spec: type[Spec], item: Mapping[str, Any]) -> str:
    """One validation error as a sentence, with the remedy where one is at hand."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "union_tag_not_found":
        return "this needs a 'kind'"
    if kind == "value_error":
        return str(context["error"])
    template = MESSAGES.get(kind)
    if template is None:
        message: str = item["msg"]
        return message
    message = template.format(**context | {"input": _shown(item["input"])})
    if kind == "extra_forbidden":
        return message + _remedy_for_key(spec, item["loc"])
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return message + _suggestion(str(context["tag"]), tags)
    if kind == "literal_error":
        words = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
        close = _close(str(item["input"]), words)
        return message + (f"; did you mean '{close}'?" if close else "")
    return message


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _remedy_for_key(root: type[Spec], location: Sequence[str | int]) -> str:
    *above, key = location
    spec = _spec_at(root, above)
    if spec is None:
        return ""
    names = [name for name in spec.model_fields if name != "kind" or issubclass(spec, Component)]
    if close := _close(str(key), names):
        return f"; did you mean '{close}'?"
    elsewhere = [
        f"{section}.{key}"
        for section in root.model_fields
        if (inner := _spec_at(root, (section,))) is not None and key in inner.model_fields
    ]
    if elsewhere and spec is not None:
        return f"; it belongs in '{elsewhere[0]}'"
    return f"; the keys here are {', '.join(names)}"


def _suggestion(word: str, words: Sequence[str]) -> str:
    close = _close(word, words)
    return f"; did you mean '{close}'?" if close else f"; there are {', '.join(words)}"


def _close(word: str, words: Sequence[str]) -> str | None:
    plain = {name.replace("_", ""): name for name in words}
    found = get_close_matches(word.replace("_", "").replace("-", "").lower(), plain, 1, 0.6)
    return plain[found[0]] if found else None


def _spec_at(root: Any, location: Sequence[str | int]) -> type[Spec] | None:
    """The spec that a pydantic error location points into, found by walking the annotations."""
    annotation: Any = root
    for part in location:
        spec = _as_spec(annotation)
        if spec is not None and part in spec.model_fields:
            annotation = spec.model_fields[str(part)].annotation
        elif isinstance(part, str) and (member := members(annotation).get(part)):
            annotation = member
        elif (inner := _item_of(annotation)) is not None:
            annotation = inner
    return _as_spec(annotation)


def _as_spec(annotation: Any) -> type[Spec] | None:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation
    options = [found for part in get_args(annotation) if (found := _as_spec(part)) is not None]
    return options[0] if len(options) == 1 or (options and _optional(annotation)) else None


def _optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _item_of(annotation: Any) -> Any:
    if get_origin(annotation) in (tuple, list):
        return get_args(annotation)[0]
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    for part in get_args(annotation):
        if (found := _item_of(part)) is not None:
            return found
    return None
