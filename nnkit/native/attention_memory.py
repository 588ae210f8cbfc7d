"""The outputs of an encoder that the attention of a decoder reads, in programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from nnkit.native.row_sizes import padded
from nnkit.native.structures import FeedingStructure, MemoryStructure

Array = NDArray[Any]
Empty = Callable[..., Array]  # allocates an array of a shape, and keeps it alive


@dataclass(frozen=True, slots=True)
class AttentionMemory:
    """The outputs of an encoder, as an attention in a program reads them.

    Attributes:
        channels: the numbers of an output.
        states: the numbers of a state of the decoder, and of a key.
        positions: the positions of the longest source.
        weights: the place of the weights from outputs to keys; None if outputs are keys.
        scale: the factor on outputs that are keys.
    """

    channels: int
    states: int
    positions: int = 0
    weights: int | None = None
    scale: float = 1.0

    @property
    def joined(self) -> int:
        """The numbers of [c; s]."""
        return self.channels + self.states

    def scratch_numbers(self, positions: int) -> int:
        """The numbers that each thread needs for targets of so many positions."""
        row, key_row = padded(self.channels), padded(self.states)
        return positions * (row + 2 * key_row) + self.positions * row


class Feeding(NamedTuple):
    """The places of the parameters of y = tanh(W_c [c; s] + b_c), which is fed to the next step."""

    weights: int
    biases: int


def bound_memory(
    memory: AttentionMemory,
    positions: int,
    samples: int,
    lengths: Array,
    empty: Empty,
    training: bool,
) -> MemoryStructure:
    """A memory with its buffers, as the kernels read it; its encoder is still to be set.

    Args:
        memory: the sizes.
        positions: the positions of the longest target.
        samples: the number of samples, N.
        lengths: room for the lengths of the sources, (N,).
        empty: allocates an array.
        training: whether gradients are computed.
    """
    of_sources, of_scores = samples * memory.positions, samples * positions
    row, key_row, score_row = map(padded, (memory.channels, memory.states, memory.positions))
    found = MemoryStructure(
        channels=memory.channels,
        states=memory.states,
        source=memory.positions,
        positions=positions,
        weights=-1 if memory.weights is None else memory.weights,
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


def bound_feeding(
    feeding: Feeding,
    memory: AttentionMemory,
    units: int,
    rows: int,
    empty: Empty,
    training: bool,
) -> FeedingStructure:
    """The parameters and buffers that feed an output of `units` numbers to the next step.

    Args:
        feeding: the parameters.
        memory: what is read.
        units: the numbers of the output.
        rows: the rows of all steps.
        empty: allocates an array.
        training: whether gradients are computed.
    """
    found = FeedingStructure(
        weights=feeding.weights,
        biases=feeding.biases,
        transposed=empty(memory.joined, padded(units)).ctypes.data,
        joined=empty(rows, padded(memory.joined)).ctypes.data,
    )
    if training:
        found.d_joined = empty(rows, padded(memory.joined)).ctypes.data
    return found
