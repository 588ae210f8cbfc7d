"""Tests of random config mutations: each loads, or is rejected with the position of every error.

`NNKIT_MUTATIONS=2000 pytest tests/config/test_mutations.py` runs more mutations.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnkit.config.yaml import parse_yaml
from nnkit.config.yaml_dump import dump_yaml
from nnkit.errors import ConfigError, UsageError
from nnkit.task.config_loading import config_from, load_config
from tests.config.rich import RICH

EXAMPLES = int(os.environ.get("NNKIT_MUTATIONS", 3 * settings().max_examples))
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
TEXTS = [RICH, *(path.read_text(encoding="utf-8") for path in CONFIGS)]

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.sampled_from([1 << 31, 1 << 63, -(1 << 70), 10**300]),
    st.sampled_from([-0.5, 0.0, 0.5, 1.5, 1e-300, 1e300, float("inf"), float("nan")]),
    st.sampled_from(
        ["", "=", "kind", "relu", "dense", "csv", "c.yaml", "~no/x", "a\0b", "x" * 300]
    ),
    st.text(max_size=6),
    st.sampled_from([[], {}, [[]], [None], [{}], {"kind": None}, {"kind": []}, {"kind": "sgd"}]),
    st.sampled_from([{"=": 3}, {"=": "adam"}, {"dense": 3}, {"relu": None}, {"leaky_relu": {}}]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kind", "units", "=", "a"]), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
KEYS = st.sampled_from(["kind", "=", "extends", "units", "lr", "layers", "hidden", "", "a.b"]) | (
    st.text(max_size=4)
)
SNIPPETS = (
    st.sampled_from("\t \n:,[]{}\"'#&*!|>?%@\\-\0\x85\ufeff😀")
    | st.sampled_from([": ", "- ", " #", "&a ", "*a", "!!int ", "!!str ", "---\n", "...\n", "\r\n"])
    | st.sampled_from(["kind: ", "seed: 1\n", "extends: c.yaml\n", "1e-3", "0x", "9" * 5000])
    | st.text(max_size=3)
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Applies one to four mutations to a config's data, its text, or both."""
    text = draw(st.sampled_from(TEXTS))
    if draw(st.booleans()):
        data = parse_yaml(text, "c.yaml").plain()
        for _ in range(draw(st.integers(1, 3))):
            data = mutate_data(draw, data)
        text = dump_yaml(data)
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 3))):
            text = mutate_text(draw, text)
    content = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 19)) == 0:
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.binary(min_size=1, max_size=3)) + content[at:]
    return content


def mutate_data(draw: st.DrawFn, data: Any) -> Any:
    """Drops, renames, moves or replaces one value."""
    paths = [path for path in places(data) if path]
    if not paths:
        return draw(JUNK)
    *above, last = draw(st.sampled_from(paths))
    return changed(draw, data, above, last)


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(data, dict | list):
        for key, child in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(child, (*path, key))


def changed(draw: st.DrawFn, data: Any, above: list[str | int], last: str | int) -> Any:
    if above:
        copy = data.copy()
        copy[above[0]] = changed(draw, data[above[0]], above[1:], last)
        return copy
    what = draw(st.sampled_from(["drop", "rename", "replace", "replace", "replace", "wrap", "add"]))
    if what == "replace":
        copy = data.copy()
        copy[last] = draw(JUNK)
        return copy
    if what == "wrap":
        copy = data.copy()
        copy[last] = draw(st.sampled_from([[data[last]], {"kind": data[last]}, {"a": data[last]}]))
        return copy
    if isinstance(data, list):
        assert isinstance(last, int)
        extra = [draw(JUNK)] if what == "add" else []
        return [*data[:last], *extra, *data[last + (what == "drop") :]]
    if what == "add":
        return data | {draw(KEYS): draw(JUNK)}
    renamed = {last: draw(KEYS)} if what == "rename" else {}
    return {renamed.get(k, k): v for k, v in data.items() if what == "rename" or k != last}


def mutate_text(draw: st.DrawFn, text: str) -> str:
    """Deletes, inserts or moves a part of the text, or repeats, shifts or deletes a line."""
    what = draw(st.sampled_from(["cut", "insert", "insert", "double", "shift", "omit", "end"]))
    start = draw(st.integers(0, len(text)))
    if what == "cut":
        return text[:start] + text[start + draw(st.integers(1, 8)) :]
    if what == "insert":
        return text[:start] + draw(SNIPPETS) + text[start:]
    if what == "end":
        return text[:start]
    lines = text.splitlines(keepends=True) or [""]
    at = draw(st.integers(0, len(lines) - 1))
    if what == "double":
        lines.insert(draw(st.integers(0, len(lines))), lines[at])
    elif what == "omit":
        del lines[at]
    else:
        lines[at] = draw(st.sampled_from([" ", "  ", "\t", "- "])) + lines[at]
    return "".join(lines)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations") / "c.yaml"


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(content=spoilt())
def test_a_spoilt_config_loads_or_is_refused_with_positions(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    try:
        config = load_config(path)
    except ConfigError as error:
        check_problems(error, path, content)
    else:
        path.write_text(config.to_yaml(), encoding="utf-8")
        assert load_config(path).resolved() == config.resolved()
        assert config_from(config.resolved()).resolved() == config.resolved()


def check_problems(error: ConfigError, path: Path, content: bytes) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.message
        if not problem.position.startswith("--set "):
            check_position(problem.position, path, content)


def check_position(position: str, path: Path, content: bytes) -> None:
    found = re.fullmatch(re.escape(str(path)) + r":([1-9]\d*):([1-9]\d*)", position)
    assert found, position
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", content.decode("utf-8-sig", "replace"))
    line, column = int(found[1]), int(found[2])
    assert line <= len(lines)
    assert column <= len(content) + 1


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    key=st.lists(
        KEYS | st.sampled_from(["data", "architecture", "0", "-1", "optimizer"]), max_size=5
    ),
    value=JUNK.map(dump_yaml) | SNIPPETS,
)
def test_a_misplaced_override_loads_or_is_refused_with_positions(
    key: list[str], value: str, path: Path
) -> None:
    path.write_text(RICH, encoding="utf-8")
    try:
        load_config(path, [f"{'.'.join(key)}={value}"])
    except ConfigError as error:
        check_problems(error, path, RICH.encode())
    except UsageError:
        pass
