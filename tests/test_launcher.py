"""Tests of how a process finds out that it is one of several."""

from __future__ import annotations

import pytest

from nnkit.launcher import VARIABLES, Launch, launched


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {name for pair in VARIABLES for name in pair}:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("rank", "size"), VARIABLES)
def test_each_launcher_is_known(rank: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched() is None
    monkeypatch.setenv(rank, "2")
    assert launched() is None
    monkeypatch.setenv(size, "4")
    assert launched() == Launch(2, 4)
    monkeypatch.setenv(size, "1")
    assert launched() is None
    monkeypatch.setenv(size, "four")
    assert launched() is None
