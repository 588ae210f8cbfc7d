"""What other libraries computed, each file beside the script that made it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

# A name of a file; PyTorch has two of them.
Library = Literal["torch", "torch_conv", "keras", "onnx"]


@cache
def _content(library: Library) -> dict[str, Any]:
    text = Path(__file__).with_name(f"{library}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def vectors(library: Library, family: str) -> list[dict[str, Any]]:
    """A library's cases for one family of components, such as `losses`; none if it has none."""
    cases: list[dict[str, Any]] = _content(library).get(family, [])
    return cases


def torch_vectors(family: str) -> list[dict[str, Any]]:
    """PyTorch's cases."""
    return vectors("torch", family)


def torch_conv_vectors() -> list[dict[str, Any]]:
    """PyTorch's cases of the layers that see images and sequences, with samples first."""
    return vectors("torch_conv", "layers")


def keras_vectors(family: str) -> list[dict[str, Any]]:
    """Keras's cases."""
    return vectors("keras", family)


def onnx_vectors(family: str) -> list[dict[str, Any]]:
    """The cases with which ONNX tests its backends."""
    return vectors("onnx", family)


def case_name(case: dict[str, Any]) -> str:
    """A test's name from a case: its own, or its spec and its type of number if it has one."""
    if "name" in case:
        return str(case["name"])
    spec = case["spec"]
    settings = [f"{name}={value}" for name, value in spec.items() if name != "kind"]
    return "-".join([spec["kind"], *settings, *([case["dtype"]] if "dtype" in case else [])])
