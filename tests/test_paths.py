"""Tests of the user's cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nnkit.paths import cache_folder


def test_the_user_s_choice_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/nnkit")


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="have other customs")
class TestHome:
    @pytest.fixture(autouse=True)
    def unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)

    def test_is_where_the_cache_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/ann")
        assert cache_folder() == Path("/home/ann/.cache/nnkit")

    def test_of_a_user_who_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "getuid", lambda: 123_456_789)
        assert cache_folder() == Path(".cache/nnkit")
