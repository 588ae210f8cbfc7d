"""Tests of parsing YAML: YAML 1.2 scalars, positions, and everything that is not allowed."""

from __future__ import annotations

from math import inf, isnan
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nnkit.config.yaml import MAX_BYTES, parse_yaml, read_yaml
from nnkit.config.yaml_composer import MAX_DEPTH
from nnkit.config.yaml_dump import dump_yaml
from nnkit.errors import ConfigError


def parse(text: str) -> Any:
    return parse_yaml(text, "f").plain()


def refusal(text: str) -> str:
    """Returns the only error in a text."""
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+2", -150.0),
        (".inf", inf),
        ("-.Inf", -inf),
        ("12", 12),
        ("012", 12),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("e3", "e3"),
        (".", "."),
        ("nan", "nan"),
        ("=", "="),
        ("<<", "<<"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("! 1", "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("!!null ''", None),
        ("!!map {a: 1}", {"a": 1}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = parse(f"a: {text}")["a"]
    assert found == value
    assert isinstance(found, type(value))


def test_nan_is_read() -> None:
    assert isnan(parse("a: .nan")["a"])


def test_every_value_knows_where_it_and_its_key_stand() -> None:
    node = parse_yaml("a:\n  - x\n  - {b:  3}\n", "f")
    assert str(node.mark) == "f:1:1"
    items = node.child("a")
    assert items is not None
    assert (str(items.key), str(items.mark)) == ("f:1:1", "f:2:3")
    inner = items.child(1)
    assert inner is not None
    value = inner.child("b")
    assert value is not None
    assert (str(value.key), str(value.mark)) == ("f:3:6", "f:3:10")


def test_an_alias_stands_for_its_anchor_at_a_key_of_its_own() -> None:
    node = parse_yaml("a: &x [1, 2]\nb: *x\n", "f")
    assert node.plain() == {"a": [1, 2], "b": [1, 2]}
    alias = node.child("b")
    assert alias is not None
    assert (str(alias.key), str(alias.mark)) == ("f:2:1", "f:1:4")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{<<: *x, c: 4}", {"a": 1, "b": {"d": 2}, "c": 4}),
        ("{c: 4, <<: *x}", {"a": 1, "b": {"d": 2}, "c": 4}),
        ("{a: 3, <<: *x}", {"a": 3, "b": {"d": 2}}),
        ("{<<: *x, b: {e: 5}}", {"a": 1, "b": {"e": 5}}),
        ("{<<: [*x, *y]}", {"a": 1, "b": {"d": 2}, "c": 9}),
        ("{<<: [*y, *x]}", {"a": 8, "b": {"d": 2}, "c": 9}),
        ("{<<: []}", {}),
        ("{'<<': 1}", {"<<": 1}),
    ],
)
def test_a_merge_key_brings_in_other_mappings(text: str, value: object) -> None:
    text = f"x: &x {{a: 1, b: {{d: 2}}}}\ny: &y {{a: 8, c: 9}}\nz: {text}"
    assert parse(text)["z"] == value
    assert yaml.safe_load(text)["z"] == value


def test_a_merge_key_may_stand_in_what_is_merged() -> None:
    # PyYAML's own reader gives 1 here, against the rule that a mapping's own keys win.
    assert parse("x: &x {a: 1}\nz: {<<: {<<: *x, a: 0}, b: 2}")["z"] == {"a": 0, "b": 2}


def test_what_is_merged_knows_where_it_was_written() -> None:
    node = parse_yaml("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n", "f").child("y")
    assert node is not None
    marks = {name: (str(child.key), str(child.mark)) for name, child in node.value.items()}
    assert marks == {"a": ("f:1:8", "f:1:11"), "b": ("f:4:3", "f:4:6")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<<: 1", "f:1:1: '<<' merges a mapping or a list of mappings; this is neither"),
        (
            "a:\n  <<: [{b: 1}, 2]",
            "f:2:3: '<<' merges a mapping or a list of mappings; this is neither",
        ),
        (
            "{<<: {a: 1}, <<: {b: 2}}",
            "f:1:14: duplicate key '<<' (first at line 1)",
        ),
        ("{<<: {a: 1}, b: 2, b: 3}", "f:1:20: duplicate key 'b' (first at line 1)"),
        ("a: &a {<<: *a}", "f:1:12: the alias '*a' contains itself"),
        ("a: 1\nb: 2\na: 3", "f:3:1: duplicate key 'a' (first at line 1)"),
        ("a: {b: 1, 'b': 2}", "f:1:11: duplicate key 'b' (first at line 1)"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document starts here; a config is a single document"),
        ("a: *x", "f:1:4: the alias '*x' was never defined"),
        ("a: &x [1, *x]", "f:1:11: the alias '*x' contains itself"),
        ("a: &x {b: {c: *x}}", "f:1:15: the alias '*x' contains itself"),
        ("a: !secret 1", "f:1:4: the tag '!secret' is not supported"),
        ("a: !!timestamp 1", "f:1:4: the tag '!!timestamp' is not supported"),
        ("a: !!set {b}", "f:1:4: the tag '!!set' is not supported"),
        ("a: !!int [1]", "f:1:4: the tag '!!int' is not supported"),
        (
            "!!python/object/apply:os.system [ls]",
            "f:1:1: the tag '!!python/object/apply:os.system' is not supported",
        ),
        ("a: !!int x", "f:1:4: 'x' does not have the type of its tag"),
        ("1: a", "f:1:1: a key must be text; put quotes around it"),
        ("a: {null: 1}", "f:1:5: a key must be text; put quotes around it"),
        (
            "a: {lr: 0,01}",
            "f:1:11: a comma ends the setting before it; the decimal mark of a number is a point",
        ),
        ("[a]: 1", "f:1:1: a key must be text; put quotes around it"),
        ("a: " + "9" * 5000, "f:1:4: a number with too many digits"),
        ("a: 0x" + "f" * 5000, "f:1:4: a number with too many digits"),
    ],
)
def test_what_is_yaml_but_no_config(text: str, expected: str) -> None:
    assert refusal(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("a:\n\tb: 1", "f:2:1", "tab character"),
        ("a:\n  b: 1\n\tc: 2", "f:3:1", "tab character"),
        ("seed:3\nb: 2", "f:2:2", "a colon needs a space after it (line 1)"),
        ("a:\n  b:3\n  c: 4", "f:3:4", "a colon needs a space after it (line 2)"),
        ("a: b: c", "f:1:5", "unexpected colon"),
        ("a: [1\nb: 2", "f:2:2", "the '[' at 1:4 is not closed"),
        ("a: {b: 1\nc: 2", "f:2:2", "the '{' at 1:4 is not closed"),
        ("a: [1,\n  2", "f:1:4", "the bracket that opens here is never closed"),
        ("a: {b: 1\n", "f:1:4", "the bracket that opens here is never closed"),
        ("a: {", "f:1:5", "the text ends here inside brackets"),
        ("a: &", "f:1:5", "a name is missing"),
        ("a:\n  - b\n - c", "f:3:2", "check the indentation"),
        ("- a\nb: 1", "f:2:1", "does not continue the list that starts at 1:1"),
        ("a: 'b", "f:1:4", "the quote that opens here is never closed"),
        ('a: "b\\q"', "f:1:4", "use single quotes"),
        ("a: 1\nb\nc: 2", "f:2:1", "expected a setting such as 'seed: 3'"),
        ("a: @b", "f:1:4", "a value cannot start with '@'; put quotes around the text"),
        ("a: ]", "f:1:4", "a value cannot start with ']'"),
        ("a: * b", "f:1:5", "a name is missing after '&' or '*'"),
        ("{a: 1}\nb: 2", "f:2:1", "does not belong to the block above"),
        ("%YAML 3.0\n---\na: 1", "f:1:1", "incompatible"),
        ("a: \x00", "f:1:4", "control characters"),
        ("# ä\n# 😀\nä: 'ü\x07'", "f:3:6", "control characters"),
        ("a: \udc80", "f:1:4", "not UTF-8"),
    ],
)
def test_what_is_not_yaml_is_said_in_plain_words(text: str, position: str, words: str) -> None:
    message = refusal(text)
    assert message.startswith(f"{position}: ")
    assert words in message


def test_an_alias_bomb_is_stopped_by_what_it_stands_for() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "f:5:" in refusal("\n".join(lines))
    assert "aliases written out" in refusal("\n".join(lines))


TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


@pytest.fixture(params=["installed", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Selects PyYAML's loader: with libyaml, if it is installed, and without."""
    if request.param == "python":
        monkeypatch.setattr("nnkit.config.yaml.Loader", yaml.SafeLoader)


@pytest.mark.usefixtures("loader")
class TestDepth:
    @pytest.mark.parametrize(
        ("opening", "closing", "column"),
        [("[", "]", 52), ("{a: ", "}", 202), ("- ", "", 103), ("? ", "", 103)],
    )
    @pytest.mark.parametrize("count", [MAX_DEPTH + 1, 10_000])
    def test_is_bounded_on_one_line(
        self, opening: str, closing: str, column: int, count: int
    ) -> None:
        message = refusal(opening * count + "x" + closing * count)
        assert message == f"f:1:{column}: {TOO_DEEP}"

    @pytest.mark.parametrize(("opening", "position"), [("-", "52:52"), ("a:", "51:51")])
    @pytest.mark.parametrize("count", [MAX_DEPTH + 1, 1_500])
    def test_is_bounded_in_blocks(self, opening: str, position: str, count: int) -> None:
        lines = [" " * i + opening for i in range(count)]
        assert refusal("\n".join([*lines, " " * count + "x"])) == f"f:{position}: {TOO_DEEP}"

    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
    def test_up_to_the_bound_is_read(self, opening: str, closing: str) -> None:
        value = parse(opening * MAX_DEPTH + "x" + closing * MAX_DEPTH)
        for _ in range(MAX_DEPTH):
            (value,) = value.values() if isinstance(value, dict) else value
        assert value == "x"

    def test_counts_what_an_alias_stands_for(self) -> None:
        text = f"a: &a {'[' * 40}x{']' * 40}\nb: {'[' * 9}*a{']' * 9}\nc: {'[' * 10}*a{']' * 10}"
        assert refusal(text) == f"f:3:14: {TOO_DEEP}"

    def test_is_bounded_before_a_fault_that_follows(self) -> None:
        assert refusal("[" * 5_000 + "}") == f"f:1:{MAX_DEPTH + 2}: {TOO_DEEP}"


class TestFiles:
    def read(self, folder: Path, content: bytes) -> Any:
        path = folder / "c.yaml"
        path.write_bytes(content)
        return read_yaml(path).plain()

    def refusal(self, folder: Path, content: bytes) -> str:
        with pytest.raises(ConfigError) as caught:
            self.read(folder, content)
        return str(caught.value).removeprefix(f"{folder}/")

    @pytest.mark.parametrize("content", [b"", b"# nothing\n", b"---\n", b"---\n...\n"])
    def test_an_empty_file_is_an_empty_mapping(self, tmp_path: Path, content: bytes) -> None:
        assert self.read(tmp_path, content) == {}

    def test_a_byte_order_mark_and_windows_line_ends_are_fine(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}

    def test_positions_count_neither_of_them(self, tmp_path: Path) -> None:
        message = self.refusal(tmp_path, b"\xef\xbb\xbfa: 1\r\na: 2\r\n")
        assert message.startswith("c.yaml:2:1: ")

    @pytest.mark.parametrize("content", [b"- a\n", b"hello\n", b"3\n"])
    def test_the_top_must_be_a_mapping(self, tmp_path: Path, content: bytes) -> None:
        message = self.refusal(tmp_path, content)
        assert message == "c.yaml:1:1: expected a mapping of settings such as 'data: …' at the top"

    def test_not_utf_8(self, tmp_path: Path) -> None:
        text = b"\xef\xbb\xbfa: 1\n" + "ä: ".encode() + b"\xff\n"
        assert self.refusal(tmp_path, text) == "c.yaml:2:4: not UTF-8 text"

    def test_utf_16(self, tmp_path: Path) -> None:
        message = self.refusal(tmp_path, "a: 1\n".encode("utf-16"))
        assert message == "c.yaml:1:1: not UTF-8 text"

    @pytest.mark.parametrize(
        ("name", "advice"),
        [
            ("t.csv", "a table, not a config; `nnkit init {}` writes a config for it"),
            ("7.PNG", "a picture, not a config; `nnkit predict {}` reads the digits in it"),
            ("best.safetensors", "a checkpoint, not a config; `nnkit eval {}` evaluates it"),
        ],
    )
    def test_a_file_for_another_command(self, tmp_path: Path, name: str, advice: str) -> None:
        path = tmp_path / name
        path.write_bytes(b"a,b\n1,2\n")
        with pytest.raises(ConfigError) as caught:
            read_yaml(path)
        assert str(caught.value).startswith(f"{path}: this is {advice.format(path)}")

    def test_too_large(self, tmp_path: Path) -> None:
        message = self.refusal(tmp_path, b"# " + b"x" * MAX_BYTES)
        assert message == "c.yaml:1:1: larger than 1 MiB; a config is much smaller"

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("missing.yaml", "no such file"),
            ("missing.csv", "no such file"),
            (".", "is a folder; give a YAML file in it"),
            ("a\0b", "cannot be read: embedded null byte"),
            ("x" * 300, "cannot be read: File name too long"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, name: str, why: str) -> None:
        path = tmp_path / name
        with pytest.raises(ConfigError) as caught:
            read_yaml(path)
        assert str(caught.value) == f"{path}: {why}"


NASTY_TEXT = st.one_of(
    st.text(max_size=20),
    st.text(" \t\n\r:#-?,[]{}&*!|>'\"%@`~=<\\0b\x07\x1b\x85\xa0\u2028\ufeff😀", max_size=8),
    st.sampled_from(["no", "yes", "012", "0o7", "1e-3", "1_000", "12:30", "null", "~", ""]),
    st.sampled_from(["2024-01-01", ".inf", ".NaN", "=", "<<", "---", "...", "- a", "a: b", "a #b"]),
    st.sampled_from([" a ", "x" * 300, "a b " * 60]),
)
PLAIN_DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False)
    | NASTY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN_DATA)
def test_what_is_dumped_is_read_back(data: Any) -> None:
    read = parse(dump_yaml(data))
    assert read == data
    assert repr(read) == repr(data)  # distinguishes 1 from 1.0 and true, and 0.0 from -0.0


def test_nan_is_read_back() -> None:
    assert isnan(parse(dump_yaml(float("nan"))))


def test_dumped_text_needs_no_tags() -> None:
    assert (
        dump_yaml({"eps": 1e-8, "big": 1e22, "a": "no"}) == "eps: 1.0e-08\nbig: 1.0e+22\na: 'no'\n"
    )
