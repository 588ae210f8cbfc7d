"""A recurrent cell bound to parameters: one direction of a recurrent layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import NO_INPUT, Binding
from nnkit.nn.params import Array, Shape
from nnkit.nn.recurrent.states import LayerState
from nnkit.nn.recurrent.steps import Steps, Transition


class RecurrentCell(ABC):
    """Runs along sequences: a(t) = U x(t) + b, and s(t) is a function of a(t) and s(t−1).

    Each subclass has the formulas of one step and their derivatives. Arrays of all steps are lists
    of blocks (rows, n), as `Steps` divides them.

    Attributes:
        params: the parameters of this direction by short name.
        grads: their gradients.
        sums: a(t), from which a step may compute its gates in place, and finally dE/da(t).
        before: for each vector of the state, its blocks before each step, (units, n).
        states: for each vector of the state, its blocks after each step; the first is the output.
        gradients: dE/ds for each of these.
        initial: for each vector of the state, its columns before the first step of a sequence,
            (units, N) or (units, 1); None for zero.
    """

    def __init__(
        self, binding: Binding, units: int, gates: int, states: int, reverse: bool
    ) -> None:
        """Allocates memory for a batch of the longest sequences.

        Args:
            binding: the layer's binding, with the parameters of this direction.
            units: the size of each vector of the state.
            gates: the number of blocks of `units` rows in U, W and b.
            states: the number of vectors of the state.
            reverse: whether sequences are read from their ends.
        """
        self.params, self.grads = binding.params, binding.grads
        self.U, self.W = binding.params["U"], binding.params["W"]
        self.b = binding.params["b"][:, None]
        self.units, self.rows, self.reverse = units, gates * units, reverse
        self._binding = binding
        self._numbers = range(states)
        trained = [binding.params.get(f"s{i}") for i in self._numbers]
        self.trained = [None if s is None else s[:, None] for s in trained]  # (units, 1)
        self.initial = self.trained
        self._sums = self.memory(self.rows)
        self._starts = [self.memory(units) for _ in self._numbers]
        self._states = [self.memory(units) for _ in self._numbers]
        self._scratch: dict[tuple[int, int], Array] = {}
        if binding.training:
            self._gradients = [self.memory(units) for _ in self._numbers]
            self.dU, self.dW = (np.empty_like(block) for block in (self.U, self.W))

    def memory(self, rows: int) -> Array:
        """Memory for an array (rows, n) at all steps."""
        (length,) = self._binding.input_shape[1:]
        shape = (rows * length * self._binding.batch,)
        return self._binding.buffers.empty(shape, self._binding.dtype)

    def scratch(self, shape: Shape, number: int = 0) -> Array:
        """One of several arrays for the numbers of one step; each call may return the same."""
        rows, columns = shape
        memory = self._scratch.get((rows, number))
        if memory is None:
            memory = np.empty(rows * self._binding.batch, self._binding.dtype)
            self._scratch[rows, number] = memory
        return memory[: rows * columns].reshape(rows, columns)

    def forward(
        self, X: Sequence[Array], steps: Steps, first: LayerState | None = None
    ) -> Sequence[Array]:
        """The outputs (units, n) of all steps.

        Args:
            X: the inputs of all steps, (features, n).
            steps: divides the sequences.
            first: the state before them, (units, N); None for the layer's own.
        """
        self.begin(steps, first)
        for at in steps.transitions(self.reverse):
            self.step(at, X[at.step])
        return self.states[0]

    def begin(self, steps: Steps, first: LayerState | None = None) -> None:
        """Prepares for the steps of a batch; arguments are those of `forward`."""
        self.steps = steps
        self.X: list[Array] = [NO_INPUT] * len(steps.counts)
        self.is_given = first is not None
        self.initial = self.trained if first is None else [steps.to_columns(s) for s in first]
        self.prepare()

    def step(self, at: Transition, x: Array) -> Array:
        """The output (units, n) of a step, for its input x (features, n)."""
        self.X[at.step] = x
        for number in self._numbers:
            self._carry(number, *at)
        a = np.dot(self.U, x, out=self.sums[at.step])
        np.add(a, self.b, out=a)
        self.advance(at.step)
        return self.states[0][at.step]

    def prepare(self) -> None:
        """Divides the memory among the steps of the current batch."""
        blocks = self.steps.blocks
        self.sums = blocks(self._sums, self.rows)
        self._at_start = [blocks(memory, self.units) for memory in self._starts]
        self.before = [list(found) for found in self._at_start]
        self.states = [blocks(memory, self.units) for memory in self._states]

    def _carry(self, number: int, step: int, previous: int | None, running: int) -> None:
        """Sets a vector of the state before a step: that after the previous, or the initial one."""
        if previous is not None and running == self.steps.counts[step]:
            self.before[number][step] = self.states[number][previous][:, :running]
            return
        before, initial = self._at_start[number][step], self.initial[number]
        if previous is not None:
            before[:, :running] = self.states[number][previous][:, :running]
        if initial is not None and initial.shape[1] > 1:
            initial = initial[:, running : before.shape[1]]
        before[:, running:] = 0 if initial is None else initial

    def last(self) -> LayerState:
        """The state after the end of each sequence, (units, N); after an empty one, that before."""
        found = []
        for states, initial in zip(self.states, self.initial, strict=True):
            S = np.empty((self.units, self._binding.batch), self._binding.dtype)
            S[...] = 0 if initial is None else initial
            S = self.steps.to_samples(S)
            for step, columns, samples in self.steps.ends(self.reverse):
                S[:, samples] = states[step][:, columns]
            found.append(S)
        return found

    @abstractmethod
    def advance(self, step: int) -> None:
        """Computes `states` after a step from `sums` and `before`."""

    def backward(
        self, dY: Sequence[Array], dX: Sequence[Array] | None, d_last: LayerState | None = None
    ) -> LayerState:
        """Writes the gradients of the parameters, and dE/dX where it is wanted.

        Args:
            dY: dE/dY of the outputs of all steps, (units, n).
            dX: receives dE/dX, (features, n), to which it is added; None if it is not needed.
            d_last: dE/dS of the state after the sequences, (units, N); None for 0.

        Returns:
            dE/dS of the state before the sequences, (units, N), if that was given.
        """
        self.begin_backward(d_last)
        for block, received in zip(self.gradients[0], dY, strict=True):
            block += received
        for at in reversed([*self.steps.transitions(self.reverse)]):
            a = self.step_back(at)
            if dX is not None:
                dX[at.step][...] += np.dot(self.U.T, a)
        return self.end_backward()

    def begin_backward(self, d_last: LayerState | None = None) -> None:
        """Prepares for the steps of a backward pass, from the last to the first.

        Args:
            d_last: dE/dS of the state after the sequences, (units, N); None for 0.
        """
        self.gradients = [self.steps.blocks(memory, self.units) for memory in self._gradients]
        for memory in self._gradients:
            memory.fill(0)
        if d_last is not None:
            self._add_to_ends(d_last)
        for gradient in self.grads.values():
            gradient.fill(0)
        self._d_first = self._gradients_of_first(d_last)

    def step_back(self, at: Transition) -> Array:
        """The gradient dE/da of the sums of a step, whose `gradients` are complete."""
        for number, d in enumerate(self.retreat(at.step)):
            if at.previous is not None:
                self.gradients[number][at.previous][:, : at.running] += d[:, : at.running]
            self._d_first[number][:, at.running : d.shape[1]] = d[:, at.running :]
        a = self.sums[at.step]
        self.grads["U"] += np.dot(a, self.X[at.step].T, out=self.dU)
        self.grads["b"] += np.add.reduce(a, axis=1)
        return a

    def end_backward(self) -> LayerState:
        """Returns dE/dS of the state before the sequences, (units, N), if that was given."""
        if self.is_given:
            return [self.steps.to_samples(d) for d in self._d_first]
        for number, d in enumerate(self._d_first):
            if self.trained[number] is not None:
                np.add.reduce(d, axis=1, out=self.grads[f"s{number}"])
        return []

    def _add_to_ends(self, d_last: LayerState) -> None:
        """Adds dE/dS of the state after the sequences to that of the last steps."""
        for gradients, d in zip(self.gradients, d_last, strict=True):
            for step, columns, samples in self.steps.ends(self.reverse):
                gradients[step][:, columns] += d[:, samples]

    def _gradients_of_first(self, d_last: LayerState | None) -> list[Array]:
        """Arrays for dE/dS before the sequences; of empty ones, it is that after them."""
        if d_last is not None:
            return [self.steps.to_columns(d).copy() for d in d_last]
        shape = (self.units, self._binding.batch)
        return [np.zeros(shape, self._binding.dtype) for _ in self._numbers]

    def add_weight_gradient(self, dZ: Array, S: Array, rows: slice = slice(None)) -> None:
        """Adds the gradient of rows of W, from that of their products with S, to dE/dW."""
        dW = self.grads["W"][rows]
        dW += np.dot(dZ, S.T, out=self.dW[rows])

    @abstractmethod
    def retreat(self, step: int) -> Sequence[Array]:
        """Turns `sums` of a step into dE/da, and adds to the gradients of other parameters.

        Args:
            step: the number of the step, whose `gradients` are complete.

        Returns:
            dE/ds before the step, for each vector of the state.
        """

    def release(self) -> None:
        """Drops the reference to the last input."""
        self.X = []


def through_sigmoid(y: Array, dY: Array, work: Array) -> None:
    """Overwrites y = σ(a) with dE/da = dE/dy · y(1 − y).

    Args:
        y: the output on entry, dE/da on return.
        dY: dE/dy.
        work: scratch of the same shape.
    """
    np.subtract(1, y, out=work)
    work *= y
    np.multiply(dY, work, out=y)
