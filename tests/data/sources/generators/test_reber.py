"""Embedded Reber strings."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from nnkit.data.sources.generators.reber import EmbeddedReber, reber_strings, symbols_after

# Reber's grammar as a regular expression, which no other code here knows.
LOOP = "T*V(?:PXT*V)*(?:PS|V)"
INNER = f"B(?:TS*X(?:S|X{LOOP})|P{LOOP})E"
EMBEDDED = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")


def test_strings_are_of_the_language() -> None:
    assert all(EMBEDDED.fullmatch(string) for string in reber_strings(2_000, 0))


def test_all_short_strings_occur() -> None:
    """Checks the two shortest inner strings of each branch, in both frames."""
    inner = ("BTXSE", "BPVVE", "BTSXSE", "BPTVVE", "BPVPSE")
    short = {f"B{outer}{string}{outer}E" for outer in "TP" for string in inner}
    assert short <= set(reber_strings(2_000, 0))


def test_both_frames_are_equally_frequent() -> None:
    frames = Counter(string[1] for string in reber_strings(10_000, 1))
    assert abs(frames["T"] - 5_000) < 4 * 50  # four standard deviations


def test_symbols_that_may_follow() -> None:
    found = ["".join(sorted(symbols)) for symbols in symbols_after("BTBPVVETE")]
    assert found == ["PT", "B", "PT", "TV", "PV", "E", "T", "E", ""]


def test_each_symbol_of_a_string_may_follow_the_one_before() -> None:
    for string in reber_strings(200, 2):
        allowed = symbols_after(string)
        assert all(symbol in before for symbol, before in zip(string[1:], allowed, strict=False))
        assert allowed[-1] == frozenset()


def test_a_string_of_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'P' cannot follow 'BTBPVVE'"):
        symbols_after("BTBPVVEPE")


def test_targets_are_the_next_symbols() -> None:
    samples = EmbeddedReber(count=20).read().samples
    for text, target in zip(samples.inputs[:], samples.targets[:], strict=True):
        assert text[1:] + "E" == target
        assert len(text) == len(target)
