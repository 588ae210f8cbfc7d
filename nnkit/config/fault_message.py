"""Messages about faults in a config: what is wrong, in a sentence, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from nnkit.config.annotations import item_of, specs_of
from nnkit.config.fault import Fault
from nnkit.config.spec import NAMES_ELSEWHERE, Component, Spec
from nnkit.config.yaml_scalars import resolve
from nnkit.errors import SettingPath, dotted

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
# For errors about an unknown word: the context keys of the word and of the known words.
ONE_OF = {"union_tag_invalid": ("tag", "expected_tags"), "unknown_name": ("name", "known")}
SAME_BUT_A_LETTER = 0.88  # the least similarity of a key and the one that it surely stands for
MAX_SECTION_DEPTH = 3  # maximal depth of the search for where a misplaced key belongs


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
    elif isinstance(value, str) and (meant := _number_meant(value)) is not None:
        remedy = f"; write {meant}"
    return f"expected {' or '.join(expected)}, got {_shown(value)}{remedy}"


def _number_meant(text: str) -> float | None:
    """The number in a text with a decimal comma or a percent sign; None if there is none.

    In `1,000` the comma may separate thousands.
    """
    found = re.fullmatch(r"([+-]?\d+)(?:[.,](\d+))?( ?%)?", text.strip())
    if found is None or (len(found[2] or "") == 3 and "," in text):
        return None
    value = float(f"{found[1]}.{found[2] or 0}")
    return float(f"{value / 100:.12g}") if found[3] else value


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
            ((*path, name), specs_of(field.annotation))
            for path, specs in level
            for spec in specs
            for name, field in spec.model_fields.items()
            if item_of(field.annotation, 0) is None
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
