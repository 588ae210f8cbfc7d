"""Execution settings of a network: threads, processes, and whether it runs as a program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Execution:
    """Settings that affect only the speed and the rounding of a network.

    Attributes:
        threads: number of threads that share a batch, or each layer's work if it cannot be split;
            those of all ranks together.
        program: whether the whole network runs as a program of compiled kernels, if these know all
            its layers and its loss.
        ranks: number of processes that share a batch.
    """

    threads: int = 1
    program: bool = False
    ranks: int = 1

    @property
    def own_threads(self) -> int:
        """The number of threads of this process."""
        return -(-self.threads // self.ranks)
