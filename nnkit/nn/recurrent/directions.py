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
        self.cells, self.merge, self.takes_last = cells, merge, output == "last"
        self.form, self.batch = binding.form, binding.batch
        parts = len(cells) if merge == "concat" else 1
        length = () if self.takes_last else binding.input_shape[1:]
        self.Y = binding.buffer(parts * cells[0].units, *length)
        if binding.input_gradient:
            self.dX = binding.buffer(*binding.input_shape)

    @cached_property
    def _full(self) -> Steps:
        """The steps of a batch of sequences of full length."""
        return Steps(self.form.shape[1], self.batch)

    def forward(self, X: Array, now: Pass) -> Array:
        self.steps = self._full
        if now.lengths is not None:
            self.steps = Steps(self.form.shape[1], self.batch, now.lengths)
        packed = self.steps.pack(X)
        self.outputs = [self._shown(cell, cell.forward(packed, self.steps)) for cell in self.cells]
        merged = _merged(self.outputs, self.merge)
        if self.takes_last:
            self.Y[...] = merged
            return self.Y
        return self.steps.unpack(merged, self.Y)

    def _shown(self, cell: RecurrentCell, states: Array) -> Array:
        """The outputs of a direction that count, (units, columns) or (units, N)."""
        if not self.takes_last:
            return states
        return np.where(self._ends(cell) >= 0, states[:, self._ends(cell)], 0)

    def _ends(self, cell: RecurrentCell) -> Array:
        """The column of the last output of each sequence, (N,); −1 for an empty sequence."""
        return self.steps.first if cell.reverse else self.steps.last

    def backward(self, dY: Array, now: Pass) -> Array | None:
        packed = dY if self.takes_last else self.steps.pack(dY)
        total: Array | None = None
        for number, cell in enumerate(self.cells):
            own = _of_part(packed, self.outputs, number, self.merge)
            dX = cell.backward(self._spread(cell, own))
            total = dX if total is None or dX is None else np.add(total, dX, out=total)
        return None if total is None else self.steps.unpack(total, self.dX)

    def _spread(self, cell: RecurrentCell, dY: Array) -> Array:
        """The gradients of all outputs of a direction, (units, columns)."""
        if not self.takes_last:
            return dY
        spread = np.zeros((len(dY), self.steps.size), dY.dtype)
        is_there = self._ends(cell) >= 0
        spread[:, self._ends(cell)[is_there]] = dY[:, is_there]
        return spread

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
