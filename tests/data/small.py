"""A small training on any data, for tests that need a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnkit.training.config import Config, config_from

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "data"
PICTURES = sorted((DATA / "pictures").glob("[0-9]*"))


def small_config(source: Any, outputs: int = 2, **data: Any) -> Config:
    """One epoch of a small network on that source; `data` adds settings of `data:`."""
    flatten = [] if "csv" in str(source) else ["flatten"]
    return config_from(
        {
            "data": {"source": source, **data},
            "architecture": {"layers": [*flatten, {"dense": 4}, {"dense": outputs}]},
            "training": {"epochs": 1},
        }
    )
