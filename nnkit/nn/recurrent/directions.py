"""A bound recurrent layer: one or two directions over a batch of sequences, and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.states import LayerState, of_direction
from nnkit.nn.recurrent.steps import Steps

Merge = Literal["concat", "sum", "mean", "product"]


class BoundRecurrent(Layer):
    """Runs cells along the sequences X (features, T, N), forward and from the end.

    The output Y is (units, T, N), or (units, N) if only the last output of each sequence counts:
    that at its end, or at its beginning where it is read from the end. The last output of an empty
    sequence is the state before it.
    """

    def __init__(
        self,
        cells: Sequence[RecurrentCell],
        merge: Merge,
        output: Literal["last", "all"],
        binding: Binding,
    ) -> None:
        self.name = binding.name
        self.cells, self.merge, self.takes_last = cells, merge, output == "last"
        _, self.length = binding.input_shape
        self.samples = binding.batch
        if not self.takes_last:
            self.outputs = [binding.buffer(cells[0].units, self.length) for _ in cells]
        self.dX = binding.buffer(*binding.input_shape) if binding.input_gradient else None

    @cached_property
    def full(self) -> Steps:
        """The steps of a batch whose sequences have the same length."""
        return Steps(self.length, self.samples)

    def forward(self, X: Array, now: Pass) -> Array:
        steps = self.full
        if now.lengths is not None:
            steps = Steps(self.length, self.samples, now.lengths)
        first = None if now.states is None else now.states.first.get(self.name)
        for number, cell in enumerate(self.cells):
            states = cell.forward(X, steps, now, self._of_cell(first, number))
            if not self.takes_last:
                steps.join(states, self.outputs[number])
        last = [cell.last() for cell in self.cells] if self.takes_last or now.states else []
        if now.states is not None:
            now.states.last[self.name] = [s for state in last for s in state]
        if self.takes_last:
            self.outputs = [state[0] for state in last]
        return _merged(self.outputs, self.merge)

    def _of_cell(self, state: LayerState | None, number: int) -> LayerState | None:
        """The vectors of the state that belong to one direction."""
        return None if state is None else of_direction(state, number, len(self.cells))

    def backward(self, dY: Array, now: Pass) -> Array | None:
        if self.dX is not None:
            self.dX.fill(0)
        given = None if now.states is None else now.states.d_last.get(self.name)
        d_first: list[Array] = []
        for number, cell in enumerate(self.cells):
            of_output: Array | None = _of_part(dY, self.outputs, number, self.merge)
            d_last = self._of_cell(given, number)
            if self.takes_last:
                d_last, of_output = _with_output(d_last, of_output, cell), None
            d_first += cell.backward(of_output, self.dX, d_last)
        if now.states is not None and d_first:
            now.states.d_first[self.name] = d_first
        return self.dX


def _with_output(
    d_last: LayerState | None, of_output: Array | None, cell: RecurrentCell
) -> LayerState:
    """The gradient of the last state, of which the output is the first vector."""
    if d_last is None:
        d_last = [np.zeros_like(gradient) for gradient in cell.gradients]
    first, *others = d_last
    return [first + of_output, *others]


def _merged(outputs: Sequence[Array], merge: Merge) -> Array:
    """The outputs of the directions as one."""
    if len(outputs) == 1:
        return outputs[0]
    if merge == "concat":
        return np.concatenate(outputs)
    first, second = outputs
    if merge == "product":
        return first * second
    return first + second if merge == "sum" else (first + second) / 2


def _of_part(dY: Array, outputs: Sequence[Array], number: int, merge: Merge) -> Array:
    """The gradient of the output of one direction, from that of the merged output."""
    if len(outputs) == 1 or merge == "sum":
        return dY
    if merge == "concat":
        return np.split(dY, 2)[number]
    return dY / 2 if merge == "mean" else dY * outputs[1 - number]
