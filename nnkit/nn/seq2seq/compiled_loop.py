"""The steps of a decoder that is fed its own output, by the compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.memory import aligned_empty
from nnkit.native.row_sizes import padded
from nnkit.native.structures import AttentionStructure
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.compiled import CompiledRecurrent
from nnkit.nn.recurrent.steps import Steps
from nnkit.nn.seq2seq.attention import Attention, BoundAttention
from nnkit.nn.seq2seq.scores import DotScore

ROWS = 8  # that a thread works on at a time, as PRODUCT_ROWS in `source/tiles.h`


class PaddedAttention(BoundAttention):
    """An attention whose rows are padded as the kernels read them."""

    def positions(self, size: int) -> Array:
        return super().positions(padded(size))[..., :size]

    def zeros(self, shape: Shape) -> Array:
        *others, size = shape
        return super().zeros((*others, padded(size)))[..., :size]


def compiled_loop(
    inside: Sequence[tuple[Stage, Binding]], attention: Attention, binding: Binding
) -> CompiledLoop | None:
    """Binds the layers to the compiled kernels; None if these do not know them, or are slower.

    Args:
        inside: the layers before the attention.
        attention: the attention.
        binding: its binding.
    """
    ((stage, own), *others) = inside
    if others or not isinstance(stage.spec, Recurrent) or binding.input_shape[1] == 1:
        return None
    if attention.dropout is not None:
        return None
    cell, score = stage.spec.compiled(own), attention.bound_score(binding)
    if cell is None or not isinstance(score, DotScore):
        return None
    return CompiledLoop(cell, PaddedAttention(score, binding), binding)


class CompiledLoop:
    """Takes a recurrent layer and an attention along the sequences; see `NumPyLoop`.

    Attributes:
        attention: the attention; its arrays hold the outputs of all steps.
    """

    def __init__(self, cell: CompiledRecurrent, attention: PaddedAttention, binding: Binding):
        self.cell, self.attention = cell, attention
        self.features = cell.sweep.features - attention.units
        self.length, self.samples = binding.input_shape[1], binding.batch
        width, units = attention.channels + attention.states, attention.units
        empty, dtype = binding.buffers.empty, binding.dtype
        self.W = empty((units, padded(width)), dtype)
        self.W_transposed = empty((width, padded(units)), dtype)
        self.b = empty((padded(units),), dtype)
        for block in (self.W, self.W_transposed, self.b):
            block.fill(0)
        self.dY, self.d_joined = (
            attention.positions(units),
            empty((ROWS * binding.threads, padded(width)), dtype),
        )

    def forward(self, X: Array, fed: Array, steps: Steps, now: Pass) -> None:
        """Computes the outputs of all steps; arguments are those of `NumPyLoop.forward`."""
        sweep, attention = self.cell.sweep, self.attention
        steps.to_rows(X, sweep.inputs)
        count = steps.counts[0]
        sweep.inputs[:count, self.features : self.features + attention.units] = fed[:, :count].T
        self.W[:, : attention.W.shape[1]] = attention.W
        self.W_transposed[:, : attention.units] = attention.W.T
        self.b[: attention.units] = attention.b
        sweep.attend(self._structure())
        self.cell.run(steps, now)

    def _structure(self) -> AttentionStructure:
        """The attention to the encoder's outputs of this batch, as the kernels read it."""
        attention = self.attention
        assert attention.K is not None
        self.K, self.V = _padded_rows(attention.K), _padded_rows(attention.V)  # kept alive
        self.lengths = attention.source_lengths()
        return AttentionStructure(
            samples=self.samples,
            source=attention.V.shape[1],
            channels=attention.channels,
            units=attention.units,
            fed=self.features,
            lengths=self.lengths.ctypes.data,
            keys=self.K.ctypes.data,
            values=self.V.ctypes.data,
            weights=self.W.ctypes.data,
            transposed=self.W_transposed.ctypes.data,
            biases=self.b.ctypes.data,
            joined=attention.joined.ctypes.data,
            scores=attention.A.ctypes.data,
            output=attention.Y.ctypes.data,
        )

    def backward(self, dY: Array, now: Pass) -> Array:
        """The gradients; arguments and result are those of `NumPyLoop.backward`."""
        attention, structure = self.attention, self._structure()
        self.dY[...] = dY
        structure.gradient = self.dY.ctypes.data
        structure.d_sums = attention.dZ.ctypes.data
        structure.d_scores = attention.dE.ctypes.data
        structure.d_context = attention.dC.ctypes.data
        structure.d_joined = self.d_joined.ctypes.data
        self.cell.sweep.attend(structure)
        self.cell.run_back(now)
        dX = np.zeros((self.length, self.samples, self.features), self.dY.dtype)
        steps = self.cell.steps
        positions, columns = steps.rows
        dX[positions, columns] = self.cell.sweep.d_inputs[: len(columns), : self.features]
        return dX


def _padded_rows(A: Array) -> Array:
    """A (N, T, numbers) with rows as the kernels read them, followed by 0."""
    *others, numbers = A.shape
    if numbers == padded(numbers):
        return np.ascontiguousarray(A)
    found = aligned_empty((*others, padded(numbers)), A.dtype)
    found[..., :numbers], found[..., numbers:] = A, 0
    return found
