"""A small config, and a helper that runs nnkit in the test's own process."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from nnkit.cli.app import main
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from tests.data.small import DATA


def iris_config(**sections: Any) -> Config:
    """Returns a config of five epochs on iris; `sections` replaces or adds sections."""
    source = {"kind": "csv", "path": str(DATA / "tables" / "iris.csv"), "label": "species"}
    return config_from(
        {
            "name": "iris",
            "data": {"source": source, "preprocess": ["standardize"]},
            "architecture": {"layers": [{"dense": 8}, {"dense": 3}]},
            "training": {"epochs": 5},
            **sections,
        }
    )


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Runs `nnkit ARGUMENTS…` and returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["nnkit", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code
