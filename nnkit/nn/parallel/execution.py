"""Execution settings of a network: the number of threads, and whether kernels are compiled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Execution:
    """The settings that change a network's speed and rounding, and nothing else.

    Attributes:
        threads: that share a batch, or each layer's work where a batch cannot be cut.
        compiled: whether layers use compiled kernels where they have them.
    """

    threads: int = 1
    compiled: bool = False
