"""The states of a direction of a recurrent layer, given before the sequences and taken after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from nnkit.native.kernel_kinds import CellKind
from nnkit.native.row_sizes import padded
from nnkit.native.structures import MOST_STATE_VECTORS, RecurrenceStructure

Array = NDArray[Any]
Vectors = Sequence[Array]  # that make up a state


class DirectionStates:
    """Gives one direction the states before its sequences, and takes those after them.

    Samples are in the order of the rows of a step.

    Attributes:
        units: the size of each vector of a state.
        vectors: the number of vectors that make up a state.
    """

    def __init__(
        self,
        direction: RecurrenceStructure,
        samples: int,
        empty: Callable[..., Array],
        arrays: Mapping[int, Array],
        training: bool,
    ) -> None:
        """Lets each sequence of a direction begin with a state of its own.

        Args:
            direction: the direction.
            samples: the number of sequences, N.
            empty: allocates an array of a shape, and keeps it alive.
            arrays: the direction's arrays by address.
            training: whether gradients are computed.
        """
        self.units, self._width = direction.units, padded(direction.units)
        self.vectors = MOST_STATE_VECTORS if direction.cell == CellKind.LSTM else 1
        self._starts = empty(samples, MOST_STATE_VECTORS * self._width)
        self._starts.fill(0)
        direction.start, direction.start_row = self._starts.ctypes.data, self._starts.shape[1]
        own = direction.states, direction.cells
        self._states = [arrays[address] for address in own[: self.vectors]]
        of_gradients = direction.state_gradients, direction.cell_gradients
        self._gradients = [arrays[address] for address in of_gradients[: self.vectors] if training]

    def begin(self, first: Vectors | None) -> None:
        """Sets the states before the sequences, each vector (N, units) or (units,); None for 0."""
        if first is None:
            self._starts.fill(0)
            return
        for number, vector in enumerate(first):
            at = number * self._width
            self._starts[:, at : at + self.units] = vector

    def first(self) -> Vectors:
        """The states before the sequences, each vector (N, units)."""
        ats = range(0, self.vectors * self._width, self._width)
        return [self._starts[:, at : at + self.units] for at in ats]

    def after(self, rows: Array) -> Vectors:
        """The states after some of the rows of all steps, each vector (len(rows), units)."""
        return [states[rows, : self.units] for states in self._states]

    def end(self, d_last: Vectors | None) -> None:
        """Sets the gradients of the states after the sequences, as in `begin`."""
        for number, gradient in enumerate(self._gradients):
            gradient.fill(0)
            if d_last is not None:
                gradient[:, : self.units] = d_last[number]

    def d_first(self) -> Vectors:
        """The gradients of the states before the sequences, after the backward pass, (N, units)."""
        return [gradient[:, : self.units] for gradient in self._gradients]
