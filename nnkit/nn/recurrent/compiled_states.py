"""The states of a compiled recurrent layer before and after the sequences of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nnkit.native.direction_states import DirectionStates, Vectors
from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState, of_direction
from nnkit.nn.recurrent.steps import Steps


class CompiledStates:
    """Sorts states between the samples of a batch and the rows of the kernels."""

    def __init__(
        self,
        directions: Sequence[DirectionStates],
        prefixes: Sequence[str],
        params: Mapping[str, Array],
    ) -> None:
        """Makes the states of a layer.

        Args:
            directions: those of each direction, in rows.
            prefixes: the prefix of each direction's parameters; empty for the first.
            params: the layer's parameters by short name.
        """
        self.directions, self.prefixes, self.params = directions, prefixes, params

    def begin(self, steps: Steps, given: LayerState | None) -> None:
        """Sets the states before the sequences: those given, the trained ones, or 0.

        Args:
            steps: the steps of the batch.
            given: the state of each sample.
        """
        self.steps = steps
        for number, (direction, prefix) in enumerate(self._directions):
            own = self._trained(prefix) if given is None else self._rows(given, number)
            direction.begin(own)

    @property
    def _directions(self) -> Iterable[tuple[DirectionStates, str]]:
        """The directions, each with its prefix."""
        return zip(self.directions, self.prefixes, strict=True)

    def _rows(self, state: LayerState, number: int) -> Vectors:
        """The vectors of one direction, (N, units), in the order of rows."""
        own = of_direction(state, number, len(self.directions))
        return [self.steps.to_columns(vector).T for vector in own]

    def _trained(self, prefix: str) -> Vectors | None:
        """The trained state before all sequences; None if it is 0."""
        names = [f"{prefix}s{i}" for i in range(self.directions[0].vectors)]
        return [self.params[name] for name in names] if names[0] in self.params else None

    def last(self) -> LayerState:
        """The state after the end of each sequence; after an empty one, that before."""
        found: list[Array] = []
        for direction, prefix in self._directions:
            columns, rows = self.steps.last_rows(reverse=bool(prefix))
            for first, after in zip(direction.first(), direction.after(rows), strict=True):
                S = first.copy()
                S[: len(columns)] = after
                found.append(self.steps.to_samples(S.T))
        return found

    def end(self, d_last: LayerState | None) -> None:
        """Sets the gradients of the states after the sequences; None for 0."""
        for number, direction in enumerate(self.directions):
            direction.end(None if d_last is None else self._rows(d_last, number))

    def d_first(self) -> LayerState:
        """The gradients of the states before the sequences, after the backward pass."""
        return [
            np.array(self.steps.to_samples(vector.T))
            for direction in self.directions
            for vector in direction.d_first()
        ]
