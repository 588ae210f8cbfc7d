"""Dumps plain data as YAML 1.2."""

from __future__ import annotations

from math import isnan
from typing import Any

import yaml

from nnkit.config.node import WrittenStr
from nnkit.config.yaml_composer import CORE_TAG
from nnkit.config.yaml_scalars import resolve
from nnkit.text import legible

Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _ConfigDumper(Dumper):  # type: ignore[misc, valid-type]
    """A dumper whose output `parse_yaml` reads back as the same values."""


def _represent_str(dumper: Any, text: str) -> Any:
    text = legible(text)
    # PyYAML quotes strings that YAML 1.1 would misread; YAML 1.2 needs these quoted too.
    style = None if isinstance(resolve(text), str) else '"'
    return dumper.represent_scalar(f"{CORE_TAG}str", text, style=style)


def _represent_float(dumper: Any, number: float) -> Any:
    text = {float("inf"): ".inf", float("-inf"): "-.inf"}.get(number, repr(number))
    if "." not in text:  # 1e-08 is a string in YAML 1.1, so PyYAML would add a tag
        text = text.replace("e", ".0e")
    return dumper.represent_scalar(f"{CORE_TAG}float", ".nan" if isnan(number) else text)


_ConfigDumper.add_representer(str, _represent_str)
_ConfigDumper.add_representer(WrittenStr, lambda dumper, text: _represent_str(dumper, str(text)))
_ConfigDumper.add_representer(float, _represent_float)


def dump_yaml(data: Any) -> str:
    """Dumps data as YAML, keys in the given order, that `parse_yaml` reads back as the same values.

    The exception are lone surrogates, which YAML cannot represent: see `nnkit.text.legible`.
    """
    text: str = yaml.dump(
        data, Dumper=_ConfigDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text
