"""The states of recurrent layers where a pass begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from nnkit.nn.params import Array

LayerState = Sequence[Array]  # the vectors (units, N) of each direction


class States:
    """The states of a network's recurrent layers before and after the sequences of a pass.

    They belong to the pass, so that nothing outlives it in a layer. A layer's state is a sequence
    of arrays (units, N): the vectors of its first direction, then those of its second, which
    begins at the ends of the sequences. All are stored by the layer's name.

    Attributes:
        first: the states to begin with, given by the caller; a layer without an entry begins with
            zero or with its trained state.
        last: the states at the end, written by the forward pass.
        d_last: dE/dS of these, given by the caller of the backward pass; without an entry, 0.
        d_first: dE/dS of the states to begin with, written by the backward pass.
    """

    def __init__(self, first: dict[str, LayerState] | None = None) -> None:
        self.first = {} if first is None else first
        self.last: dict[str, LayerState] = {}
        self.d_last: dict[str, LayerState] = {}
        self.d_first: dict[str, LayerState] = {}

    def part(self, place: slice) -> Self:
        """The states of some of the samples."""
        part = type(self)({name: _columns(state, place) for name, state in self.first.items()})
        part.d_last = {name: _columns(state, place) for name, state in self.d_last.items()}
        return part

    def join(self, parts: Sequence[Self]) -> None:
        """Takes what the passes of the parts have written, in the order of the samples."""
        self.last = _joined([part.last for part in parts])
        self.d_first = _joined([part.d_first for part in parts])


def of_direction(state: LayerState, direction: int, directions: int) -> LayerState:
    """The vectors of a state that belong to one of a layer's directions."""
    count = len(state) // directions
    return state[direction * count : (direction + 1) * count]


def _columns(state: LayerState, place: slice) -> LayerState:
    return [vector[:, place] for vector in state]


def _joined(parts: Sequence[dict[str, LayerState]]) -> dict[str, LayerState]:
    return {
        name: [
            np.concatenate(vectors, axis=1)
            for vectors in zip(*(part[name] for part in parts), strict=True)
        ]
        for name in parts[0]
    }
