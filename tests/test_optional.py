"""Tests of optional libraries: missing, broken, and installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnkit.errors import UsageError
from nnkit.optional import optional


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a folder on the path; modules imported from it are unloaded afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_what_is_installed_is_imported() -> None:
    assert optional("json.decoder", "this test") is sys.modules["json.decoder"]


def test_what_is_missing_is_named_with_its_purpose() -> None:
    expected = r"^a tidy drawing needs no_such_library: pip install no_such_library$"
    with pytest.raises(UsageError, match=expected):
        optional("no_such_library.part", "a tidy drawing")


@pytest.mark.parametrize(
    "statement",
    [
        "raise ImportError('this library needs NumPy 2.2 or less')",
        "raise SystemError('initialization failed')",
        "raise AttributeError('_ARRAY_API not found')",
        "import no_such_dependency",
    ],
)
def test_broken_and_missing_libraries_have_different_messages(statement: str, broken: Path) -> None:
    (broken / "halfway.py").write_text(statement, encoding="utf-8")
    with pytest.raises(UsageError, match="needs halfway, which is installed but cannot") as raised:
        optional("halfway", "a tidy drawing")
    assert raised.value.__cause__ is not None
    assert str(raised.value.__cause__) in str(raised.value)
    assert "pip install --upgrade numpy halfway" in str(raised.value)
