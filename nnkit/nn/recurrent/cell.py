"""A recurrent cell bound to parameters: one direction of a recurrent layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import NO_INPUT, Binding
from nnkit.nn.params import Array
from nnkit.nn.recurrent.steps import StepColumns, Steps


class RecurrentCell(ABC):
    """Runs along sequences: a(t) = U x(t) + b, and s(t) = f(a(t), W, s(t−1)).

    The products of all inputs, U x, are one matrix product, as are the gradients of all weights.
    Each subclass has the formulas of a single step. Arrays of all steps are packed: (rows,
    columns), with one column for each position of each sequence, as `Steps` places them.

    Attributes:
        W: the weights of the state, (gates · units, units).
        units: the size of the state.
        sums: a(t), then whatever the step makes of it, then dE/da(t); (gates · units, columns).
        before: each vector of the state before a step, (units, columns).
        states: each vector of the state after a step, (units, columns); the first is the output.
        gradients: dE/ds for each of these.
    """

    def __init__(
        self, binding: Binding, units: int, gates: int, states: int, reverse: bool
    ) -> None:
        """Allocates buffers for the longest sequences of a batch.

        Args:
            binding: the layer's binding, with the parameters of this direction.
            units: the size of the state.
            gates: the number of blocks of `units` rows in U, W and b.
            states: the number of vectors in the state.
            reverse: whether sequences are read from their ends.
        """
        self.params, self.grads = binding.params, binding.grads
        self.U, self.W, self.b = (binding.params[name] for name in ("U", "W", "b"))
        self.units, self.reverse = units, reverse
        self.input_gradient, self.dtype = binding.input_gradient, binding.dtype
        (self.length,) = binding.input_shape[1:]
        self.samples, self.buffers = binding.batch, binding.buffers
        rows = self.U.shape[0]
        self._sums = self.buffer(rows)
        self._before = [self.buffer(units) for _ in range(states)]
        self._states = [self.buffer(units) for _ in range(states)]
        self._gradients = [self.buffer(units) for _ in range(states if binding.training else 0)]
        self._scratch = [binding.buffer(max(rows, 1)) for _ in range(2)]
        self.initial = [binding.params.get(f"s{i}") for i in range(states)]

    def buffer(self, rows: int) -> Array:
        """Memory for an array (rows, columns) of all steps, flat."""
        return self.buffers.empty((rows * self.length * self.samples,), self.dtype)

    def packed(self, memory: Array, rows: int) -> Array:
        """The array (rows, columns) of the current batch in the memory of a buffer."""
        return memory[: rows * self.steps.size].reshape(rows, self.steps.size)

    def scratch(self, rows: int, columns: int, number: int = 0) -> Array:
        """One of two arrays for the numbers of a single step."""
        return self._scratch[number].reshape(-1)[: rows * columns].reshape(rows, columns)

    def forward(self, X: Array, steps: Steps) -> Array:
        """The outputs of all steps, (units, columns), for packed inputs X (features, columns)."""
        self.steps, self.X = steps, X
        self.sums = self.packed(self._sums, len(self.U))
        self.before = [self.packed(memory, self.units) for memory in self._before]
        self.states = [self.packed(memory, self.units) for memory in self._states]
        np.dot(self.U, X, out=self.sums)
        self.sums += self.b[:, None]
        for step in steps.walk(self.reverse):
            self._carry(step)
            self.advance(step.columns)
        return self.states[0]

    def _carry(self, step: StepColumns) -> None:
        """Sets the state before a step: that after the step before, or the initial state."""
        for before, state, initial in zip(self.before, self.states, self.initial, strict=True):
            own = before[:, step.columns]
            own[:, : step.running] = state[:, step.before]
            own[:, step.running :] = 0 if initial is None else initial[:, None]

    @abstractmethod
    def advance(self, at: slice) -> None:
        """Computes the state after a step, `states`, from `sums` and `before`.

        Args:
            at: the step's columns.
        """

    def backward(self, dY: Array) -> Array | None:
        """Writes the parameters' gradients; returns dE/dX (features, columns) where it is needed.

        Args:
            dY: dE/dY of the outputs of all steps, (units, columns).
        """
        self.gradients = [self.packed(memory, self.units) for memory in self._gradients]
        self.gradients[0][...] = dY
        for gradient in self.gradients[1:]:
            gradient.fill(0)
        d_initial = [self.grads.get(f"s{i}") for i in range(len(self.initial))]
        for array in d_initial:
            if array is not None:
                array.fill(0)
        for step in reversed(self.steps.walk(self.reverse)):
            received = self.retreat(step.columns)
            for gradient, d, initial in zip(self.gradients, received, d_initial, strict=True):
                gradient[:, step.before] += d[:, : step.running]
                if initial is not None:
                    initial += np.add.reduce(d[:, step.running :], axis=1)
        self.collect()
        return np.dot(self.U.T, self.sums) if self.input_gradient else None

    @abstractmethod
    def retreat(self, at: slice) -> Sequence[Array]:
        """Turns `sums` of a step into dE/da; returns dE/ds before the step, for each vector.

        Args:
            at: the step's columns; their `gradients` are complete.
        """

    def collect(self) -> None:
        """Computes the gradients of the weights and biases from those of all sums."""
        np.dot(self.sums, self.X.T, out=self.grads["U"])
        np.dot(self.sums, self.before[0].T, out=self.grads["W"])
        np.add.reduce(self.sums, axis=1, out=self.grads["b"])

    def release(self) -> None:
        """Drops the reference to the last input."""
        self.X = NO_INPUT
