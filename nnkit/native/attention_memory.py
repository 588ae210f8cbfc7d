"""The outputs of an encoder that the attention of a decoder reads, in programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnkit.native.row_sizes import padded
from nnkit.native.structures import MemoryStructure

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class AttentionMemory:
    """The outputs of an encoder, as an attention in a program reads them.

    Attributes:
        channels: the numbers of an output.
        states: the numbers of a state of the decoder, and of a key.
        positions: the positions of the longest source.
        scale: the factor on outputs that are keys themselves.
    """

    channels: int
    states: int
    positions: int = 0
    scale: float = 1.0

    def scratch_numbers(self, positions: int) -> int:
        """The numbers that each thread needs for targets of so many positions."""
        row, key_row = padded(self.channels), padded(self.states)
        return positions * (row + key_row) + self.positions * row


def bound_memory(
    memory: AttentionMemory,
    positions: int,
    samples: int,
    lengths: Array,
    empty: Callable[..., Array],
    training: bool,
) -> MemoryStructure:
    """A memory with its buffers, as the kernels read it; its encoder is still to be set.

    Args:
        memory: the sizes.
        positions: the positions of the longest target.
        samples: the number of samples, N.
        lengths: room for the lengths of the sources, (N,).
        empty: allocates an array of a shape, and keeps it alive.
        training: whether gradients are computed.
    """
    of_sources, of_scores = samples * memory.positions, samples * positions
    row, key_row, score_row = map(padded, (memory.channels, memory.states, memory.positions))
    found = MemoryStructure(
        channels=memory.channels,
        states=memory.states,
        source=memory.positions,
        positions=positions,
        scale=memory.scale,
        lengths=lengths.ctypes.data,
        values=empty(of_sources, row).ctypes.data,
        keys=empty(of_sources, key_row).ctypes.data,
        scores=empty(of_scores, score_row).ctypes.data,
    )
    if training:
        found.d_keys = empty(of_sources, key_row).ctypes.data
        found.d_scores = empty(of_scores, score_row).ctypes.data
    return found
