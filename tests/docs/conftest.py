"""Marks every test in this folder `docs`."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # pytest passes the tests of all folders to this hook
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.docs)
