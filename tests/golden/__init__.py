"""What other libraries computed, each file beside the script that made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def torch_vectors(family: str) -> list[dict[str, Any]]:
    """PyTorch's cases for one family of components, such as `losses`."""
    content = Path(__file__).with_name("torch.json").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = json.loads(content)[family]
    return cases


def case_name(case: dict[str, Any]) -> str:
    """A test's name from a case: its spec, and its type of number if it has one."""
    spec = case["spec"]
    settings = [f"{name}={value}" for name, value in spec.items() if name != "kind"]
    return "-".join([spec["kind"], *settings, *([case["dtype"]] if "dtype" in case else [])])
