"""Optimizer kernels: one pass over long vectors, where NumPy takes several memory-bound ones.

Adam's ten operations on 10⁵ parameters take four times as long as one compiled pass.
"""

from __future__ import annotations

from math import sqrt
from typing import Any


def sgd(p: Any, g: Any, lr: Any) -> None:
    """SGD's update in place: p ← p − lr·g."""
    for i in range(p.size):
        p[i] = p[i] - g[i] * lr


def adam(p: Any, g: Any, m: Any, v: Any, beta1: Any, beta2: Any, rate: Any, eps: Any) -> None:
    """Adam's update, with state and scalars as in `optimizers.Adam`."""
    for i in range(p.size):
        first = m[i] * beta1 + g[i]
        second = v[i] * beta2 + g[i] * g[i]
        m[i] = first
        v[i] = second
        p[i] = p[i] - first / (sqrt(second) + eps) * rate
