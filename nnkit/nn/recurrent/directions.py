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
from nnkit.nn.recurrent.states import LayerState
from nnkit.nn.recurrent.steps import Steps

Merge = Literal["concat", "sum", "mean", "product"]


class BoundRecurrent(Layer):
    """Runs cells along the sequences X (features, T, N), forward and from the end.

    The output Y is (units, T, N), or (units, N) if only the last output of each sequence counts:
    that at its end, or at its beginning where it is read from the end.
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
        features, self.length = binding.input_shape
        self.features, self.samples = features, binding.batch
        self.input_gradient = binding.input_gradient
        units, length = cells[0].units, () if output == "last" else (self.length,)
        self.outputs = [binding.buffer(units, *length) for _ in cells]
        self.X = cells[0].memory(features)
        if binding.training:
            self.dY = cells[0].memory(units)
        if binding.input_gradient:
            self.dX = cells[0].memory(features)
            self.joined_dX = binding.buffer(*binding.input_shape)

    @cached_property
    def full(self) -> Steps:
        """The steps of a batch whose sequences have the same length."""
        return Steps(self.length, self.samples)

    def forward(self, X: Array, now: Pass) -> Array:
        self.steps = self.full
        if now.lengths is not None:
            self.steps = Steps(self.length, self.samples, now.lengths)
        inputs = self.steps.blocks(self.X, self.features)
        self.steps.divide(X, inputs)
        first = None if now.states is None else now.states.first.get(self.name)
        for number, (cell, Y) in enumerate(zip(self.cells, self.outputs, strict=True)):
            states = cell.forward(inputs, self.steps, self._of_cell(first, number))
            if not self.takes_last:
                self.steps.join(states, Y)
                continue
            Y.fill(0)  # for empty sequences
            for step, columns, samples in self.steps.ends(cell.reverse):
                Y[:, samples] = states[step][:, columns]
        if now.states is not None:
            now.states.last[self.name] = [s for cell in self.cells for s in cell.last()]
        return _merged(self.outputs, self.merge)

    def _of_cell(self, state: LayerState | None, number: int) -> LayerState | None:
        """The vectors of the state that belong to one direction."""
        if state is None:
            return None
        count = len(state) // len(self.cells)
        return state[number * count : (number + 1) * count]

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dX = None
        if self.input_gradient:
            dX = self.steps.blocks(self.dX, self.features)
            self.dX.fill(0)
        blocks = self.steps.blocks(self.dY, self.cells[0].units)
        d_last = None if now.states is None else now.states.d_last.get(self.name)
        d_first: list[Array] = []
        for number, cell in enumerate(self.cells):
            own = _of_part(dY, self.outputs, number, self.merge)
            if self.takes_last:
                self.dY.fill(0)
                for step, columns, samples in self.steps.ends(cell.reverse):
                    blocks[step][:, columns] = own[:, samples]
            else:
                self.steps.divide(own, blocks)
            d_first += cell.backward(blocks, dX, self._of_cell(d_last, number))
        if now.states is not None and d_first:
            now.states.d_first[self.name] = d_first
        if dX is None:
            return None
        self.steps.join(dX, self.joined_dX)
        return self.joined_dX

    def release(self) -> None:
        for cell in self.cells:
            cell.release()


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
