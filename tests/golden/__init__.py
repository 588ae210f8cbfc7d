"""Reference values from other libraries, each file with the script that generates it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

# The name of a file; PyTorch has six.
Library = Literal[
    "torch",
    "torch_conv",
    "torch_recurrent",
    "torch_sequences",
    "torch_attention",
    "torch_sparse",
    "keras",
    "onnx",
]


@cache
def _content(library: Library) -> dict[str, Any]:
    text = Path(__file__).with_name(f"{library}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def vectors(library: Library, family: str) -> list[dict[str, Any]]:
    """Returns a library's cases for a family of components, such as `losses`; may be empty."""
    cases: list[dict[str, Any]] = _content(library).get(family, [])
    return cases


def torch_vectors(family: str) -> list[dict[str, Any]]:
    """Returns PyTorch's cases for a family."""
    return vectors("torch", family)


def torch_conv_vectors() -> list[dict[str, Any]]:
    """Returns PyTorch's cases for layers on images and sequences, with samples first."""
    return vectors("torch_conv", "layers")


def torch_recurrent_vectors(family: str = "layers") -> list[dict[str, Any]]:
    """Returns PyTorch's cases for recurrent layers, with samples first."""
    return vectors("torch_recurrent", family)


def torch_sequence_vectors(family: str) -> list[dict[str, Any]]:
    """Returns PyTorch's cases for other layers over sequences, with samples last."""
    return vectors("torch_sequences", family)


def torch_attention_vectors() -> list[dict[str, Any]]:
    """Returns PyTorch's cases for encoder–decoder networks, with samples last."""
    return vectors("torch_attention", "decoder layers")


def torch_sparse_vectors() -> list[dict[str, Any]]:
    """Returns PyTorch's cases for updates of an embedding from sparse gradients."""
    return vectors("torch_sparse", "lazy updates")


def keras_vectors(family: str) -> list[dict[str, Any]]:
    """Returns Keras's cases for a family."""
    return vectors("keras", family)


def onnx_vectors(family: str) -> list[dict[str, Any]]:
    """Returns ONNX's backend test cases for a family."""
    return vectors("onnx", family)


def case_name(case: dict[str, Any]) -> str:
    """Returns the test id of a case: its name, or its spec and data type."""
    if "name" in case:
        return str(case["name"])
    spec = case["spec"]
    settings = [f"{name}={value}" for name, value in spec.items() if name != "kind"]
    return "-".join([spec["kind"], *settings, *([case["dtype"]] if "dtype" in case else [])])
