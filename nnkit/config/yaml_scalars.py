"""Plain scalars of YAML 1.2: which are numbers, booleans or null, and which are text."""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None
MAX_BITS = 1024  # bits of an integer; more would not fit a float either
NULLS = {"", "~", "null", "Null", "NULL"}
TRUES = {"true", "True", "TRUE"}
FALSES = {"false", "False", "FALSE"}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """Resolves a plain scalar by YAML 1.2's core schema (§10.3.2): `1e-3` is a float, `no` text."""
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if INTEGER.fullmatch(text):
        number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if number.bit_length() > MAX_BITS:
            raise ValueError("too large")
        return number
    if FLOAT.fullmatch(text):
        return float(text)
    if match := SPECIAL_FLOAT.fullmatch(text):
        return float("nan") if match[3] else float(f"{match[1]}inf")
    return text
