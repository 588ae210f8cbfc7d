"""A recurrent cell bound to parameters: one direction of a recurrent layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nnkit.nn.dropout_mask import DropoutMask
from nnkit.nn.layer import Binding
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Observer, Pass
from nnkit.nn.products import Product, product
from nnkit.nn.recurrent.states import LayerState
from nnkit.nn.recurrent.steps import COLUMNS, Steps, Transition
from nnkit.nn.recurrent.weight_gradient import WeightGradient


class RecurrentCell(ABC):
    """Runs along sequences: a(t) = W s(t−1) + b + U x(t), and the state after it follows from a(t).

    Each subclass has the formulas of one step and their derivatives. What a step multiplies by the
    weights stands in one block z(t) = [s(t−1); 1; x(t)], so that a(t) = [W b U] z(t). Arrays of all
    steps are lists of blocks (rows, n), as `Steps` divides them.

    Attributes:
        params: the parameters of this direction by short name.
        grads: their gradients.
        halved: rows of a(t) that are computed as a(t)/2, because of σ(a) = ½ + ½ tanh(a/2).
        z: the factors of the weights, (units + 1 + features, n).
        sums: a(t), which a step turns into its gates in place, and finally into dE/da(t).
        gates: the blocks of `units` rows of these.
        before: for each vector of the state, its blocks before each step, (units, n).
        states: for each vector of the state, its blocks after each step; the first is the output.
        name: the name of the layer, with `.reverse` added for the direction from the end.
        symbols: the symbols of the blocks of rows in a(t), and of the vectors of the state.
    """

    symbols: ClassVar[tuple[Sequence[str], Sequence[str]]] = ("a", "s")

    def __init__(
        self, binding: Binding, units: int, gates: int, states: int, reverse: bool, halved: slice
    ) -> None:
        """Allocates memory for a batch of the longest sequences.

        Args:
            binding: the layer's binding, with the parameters of this direction.
            units: the size of each vector of the state.
            gates: the number of blocks of `units` rows in U, W and b.
            states: the number of vectors of the state.
            reverse: whether sequences are read from their ends.
            halved: rows of a(t) that are computed as a(t)/2.
        """
        self.params, self.grads = binding.params, binding.grads
        self.U, self.W, self.b = (binding.params[name] for name in ("U", "W", "b"))
        self.features, self.length = binding.input_shape
        self.samples = binding.batch
        self.units, self.rows, self.reverse = units, gates * units, reverse
        self.halved = halved
        self.trained = [binding.params.get(f"s{i}") for i in range(states)]
        self._binding = binding
        self.name = f"{binding.name}.reverse" if reverse else binding.name
        self._factors = self.memory(units + 1 + self.features)
        self._sums = self.memory(self.rows)
        self._starts = [self.memory(units) for _ in self.trained]
        self._states = [self.memory(units) for _ in self.trained]
        self._scratch_memory: dict[tuple[int, int], Array] = {}
        self._scratch: dict[tuple[Shape, int], Array] = {}
        self.steps = Steps(0, self.samples)  # until the first pass
        self._masks: list[tuple[slice, DropoutMask]] = []
        self._products: dict[tuple[int, ...], Product] = {}
        self.columns: dict[str, slice | int] = {  # of the parameters in [W b U]
            "W": slice(units),
            "b": units,
            "U": slice(units + 1, None),
        }
        empty, size = binding.buffers.empty, (self.rows, units + 1 + self.features)
        self.packed = empty(size, binding.dtype)
        if binding.training:
            self.d_packed = empty(size, binding.dtype)
            self.gradients = [binding.buffer(units) for _ in self.trained]
            self.weight_gradient = WeightGradient(self.gradients_of_products(), binding)

    def memory(self, rows: int) -> Array:
        """Memory for an array (rows, n) at all steps."""
        shape = (rows * self.length * self.samples,)
        return self._binding.buffers.empty(shape, self._binding.dtype)

    def run_memory(self, rows: int) -> Array:
        """Memory for an array (rows, n) at the steps of one run."""
        columns = min(max(COLUMNS, self.samples), self.length * self.samples)
        return self._binding.buffers.empty((rows * columns,), self._binding.dtype)

    def scratch(self, shape: Shape, number: int = 0) -> Array:
        """One of several arrays for the numbers of one step; each call may return the same."""
        found = self._scratch.get((shape, number))
        if found is None:
            rows, columns = shape
            memory = self._scratch_memory.get((rows, number))
            if memory is None:
                memory = np.empty(rows * self.samples, self._binding.dtype)
                self._scratch_memory[rows, number] = memory
            found = memory[: rows * columns].reshape(rows, columns)
            self._scratch[shape, number] = found
        return found

    def multiply(self, A: Array, B: Array, out: Array) -> Array:
        """Writes A B into `out`, in the way that is the fastest for their sizes."""
        (rows, inner), columns = A.shape, B.shape[1]
        found = self._products.get((rows, inner, columns))
        if found is None:
            found = self._products[rows, inner, columns] = product(rows, inner, columns, A.dtype)
        return found(A, B, out)

    def drop(self, inputs: float | None, state: float | None) -> None:
        """Adds dropout of x(t) and of s(t−1) at these rates, with one mask for all steps."""
        end = ".reverse" if self.reverse else ""
        for rate, rows, count, name in (
            (inputs, slice(self.units + 1, None), self.features, "inputs"),
            (state, slice(self.units), self.units, "state"),
        ):
            if rate is not None:
                mask = DropoutMask(rate, self._binding, (count,), name + end)
                self._masks.append((rows, mask))

    def _mask(self, now: Pass) -> Array | None:
        """The factor of each row of z(t) at all steps, (rows, N); None if nothing is dropped."""
        if not (self._masks and now.training):
            return None
        factors = np.ones((self.packed.shape[1], self.samples), self._binding.dtype)
        for rows, mask in self._masks:
            factors[rows] = self.steps.to_columns(mask.draw(now))
        return factors

    def forward(
        self, X: Array, steps: Steps, now: Pass, first: LayerState | None = None
    ) -> Sequence[Array]:
        """The outputs (units, n) of all steps.

        Args:
            X: the inputs (features, T, N).
            steps: divides the sequences.
            now: the current pass.
            first: the state before the sequences, (units, N); None for the layer's own.
        """
        self.begin(steps, now, first)
        for at in self.order:
            self.step(at, steps.of(X, at.step))
        return self.states[0]

    def begin(self, steps: Steps, now: Pass, first: LayerState | None = None) -> None:
        """Prepares for the steps of a batch; arguments are those of `forward`."""
        self.is_given, self.observer = first is not None, now.observer
        if steps is not self.steps:
            self.divide(steps)
        self.initial = first if first is not None else self._own_first()
        self.initial = [steps.to_columns(s) for s in self.initial]
        self.mask = self._mask(now)
        self.is_packed = len(steps.counts) > 1  # for a single step the copy would take longer
        if self.is_packed:
            self._pack()

    def divide(self, steps: Steps) -> None:
        """Divides the memory among the steps of a batch."""
        self.steps, blocks = steps, steps.blocks
        self.order = [*steps.transitions(self.reverse)]
        self._run_of = [number for number, run in enumerate(steps.runs) for _ in run]
        self.z = blocks(self._factors, self.packed.shape[1])
        self.sums = blocks(self._sums, self.rows)
        gates = self.rows // self.units
        self.gates = [[*a.reshape(gates, self.units, -1)] for a in self.sums]
        self.states = [blocks(memory, self.units) for memory in self._states]
        self.before = [blocks(memory, self.units) for memory in self._starts]
        self.stacks_before = [steps.stacks(memory, self.units) for memory in self._starts]
        if not self._masks:  # s(t−1) is needed only as it stands in z(t)
            self.before[0] = [z[: self.units] for z in self.z]
            stacks = steps.stacks(self._factors, self.packed.shape[1])
            self.stacks_before[0] = [Z[:, : self.units] for Z in stacks]
        for at in self.order:
            if at.previous is not None and self._shares(at):
                for states, before in zip(self.states, self.before, strict=True):
                    states[at.previous] = before[at.step]

    def _shares(self, at: Transition) -> bool:
        """Whether the states before a step are in the memory of those after the previous one.

        They are if all sequences go on and none starts.
        """
        counts = self.steps.counts
        return at.previous is not None and at.running == counts[at.step] == counts[at.previous]

    def _own_first(self) -> LayerState:
        """The layer's state before the sequences, (units, N): zero or trained."""
        shape = (self.units, self.samples)
        zero = np.zeros(1, self._binding.dtype)
        return [np.broadcast_to((zero if s is None else s)[:, None], shape) for s in self.trained]

    def _pack(self) -> None:
        """Copies the weights to [W b U]."""
        for name, columns in self.columns.items():
            self.packed[:, columns] = self.params[name]
        self.packed[self.halved] *= 0.5

    def step(self, at: Transition, x: Array) -> Array:
        """The output (units, n) of a step, for its input x (features, n)."""
        z = self.z[at.step]
        if not self._shares(at):
            self._carry(*at)
        if self._masks:
            z[: self.units] = self.before[0][at.step]
        z[self.units] = 1
        z[self.units + 1 :] = x
        if self.mask is not None:
            z *= self.mask[:, : z.shape[1]]
        self.project(at.step)
        self.advance(at.step)
        if self.observer is not None:
            self.observer.step(self.name, at.step, self.values(at.step))
        return self.states[0][at.step]

    def _carry(self, step: int, previous: int | None, running: int) -> None:
        """Copies the state before a step from after the previous, and the initial one."""
        for number, blocks in enumerate(self.before):
            before = blocks[step]
            if previous is not None:
                before[:, :running] = self.states[number][previous][:, :running]
            before[:, running:] = self.initial[number][:, running : before.shape[1]]

    def project(self, step: int) -> None:
        """Computes a(t), with some rows halved, from z(t)."""
        z, a, units = self.z[step], self.sums[step], self.units
        if self.is_packed:
            self.multiply(self.packed, z, a)
            return
        np.dot(self.W, z[:units], out=a)
        a += np.dot(self.U, z[units + 1 :])
        a += self.b[:, None]
        a[self.halved] *= 0.5

    def last(self) -> LayerState:
        """The state after the end of each sequence, (units, N); after an empty one, that before."""
        found = []
        for states, initial in zip(self.states, self.initial, strict=True):
            S = self.steps.to_samples(initial).copy()
            for step, columns, samples in self.steps.ends(self.reverse):
                S[:, samples] = states[step][:, columns]
            found.append(S)
        return found

    @abstractmethod
    def advance(self, step: int) -> None:
        """Computes `states` after a step from `sums` and `before`."""

    def backward(
        self, dY: Array | None, dX: Array | None, d_last: LayerState | None = None
    ) -> LayerState:
        """Writes the gradients of the parameters, and dE/dX where it is wanted.

        Args:
            dY: dE/dY of the outputs of all steps, (units, T, N); None if only the last state is
                used.
            dX: receives dE/dX, (features, T, N), to which it is added; None if it is not needed.
            d_last: dE/dS of the state after the sequences, (units, N); None for 0.

        Returns:
            dE/dS of the state before the sequences, (units, N), if that was given.
        """
        self.begin_backward(d_last)
        for at in reversed(self.order):
            dy = None if dY is None else self.steps.of(dY, at.step)
            self.step_back(at, dy)
            if dX is not None:
                self.steps.add(dX, at.step, self.input_gradient(at.step))
        return self.end_backward()

    def begin_backward(self, d_last: LayerState | None = None) -> None:
        """Prepares for the steps of a backward pass, from the last to the first.

        Args:
            d_last: dE/dS of the state after the sequences, (units, N); None for 0.
        """
        self._differentiated: int | None = None  # the run
        self.d_packed.fill(0)
        self.weight_gradient.clear()
        for gradient in self.grads.values():
            gradient.fill(0)
        for number, gradient in enumerate(self.gradients):
            gradient[...] = 0 if d_last is None else self.steps.to_columns(d_last[number])

    def step_back(self, at: Transition, dy: Array | None = None) -> None:
        """Computes the gradients of a step.

        Args:
            at: the step.
            dy: dE/dY of its output, (units, n); None for 0.
        """
        step, count = at.step, self.steps.counts[at.step]
        self._differentiate_at(step)
        gradients = [gradient[:, :count] for gradient in self.gradients]
        if dy is not None:
            gradients[0] += dy
        if self.observer is None:
            self._through(step, gradients)
        else:
            self._show_through(step, gradients, self.observer)

    def _through(self, step: int, gradients: Sequence[Array]) -> None:
        """Turns dE/ds after a step into dE/ds before it, and adds to the parameters' gradients."""
        self.retreat(step, gradients)
        ds = self.project_back(step)
        if self.mask is not None:
            ds *= self.mask[: self.units, : ds.shape[1]]
        gradients[0] += ds

    def _show_through(self, step: int, gradients: Sequence[Array], observer: Observer) -> None:
        """Does the same as `_through`, and shows the gradients and contributions of the step."""
        of_gates, of_states = self.symbols
        shown = {f"∂E/∂{of_states[0]}": gradients[0].copy()}
        for symbol, gradient in zip(of_states[1:], gradients[1:], strict=True):
            later = "t−1" if self.reverse else "t+1"
            shown[f"∂E/∂{symbol} from {later}"] = gradient.copy()
        # Sums begin anew, because a difference of sums would lose small contributions.
        sums = [self.d_packed, *self.grads.values()]
        before = [gradient.copy() for gradient in sums]
        for gradient in sums:
            gradient.fill(0)
        self._through(step, gradients)
        self.weight_gradient.finish()
        contributions = {name: d + self._packed_gradient(name) for name, d in self.grads.items()}
        for gradient, earlier in zip(sums, before, strict=True):
            gradient += earlier
        for symbol, da in zip(of_gates, np.split(self.sums[step], len(of_gates)), strict=True):
            shown["∂E/∂a" if symbol == "a" else f"∂E/∂a_{symbol}"] = da
        observer.step_back(self.name, step, shown, contributions)

    def _packed_gradient(self, name: str) -> Array | int:
        """The part of a parameter's gradient that is a block of `d_packed`."""
        columns = self.columns.get(name)
        return 0 if columns is None else self.d_packed[:, columns]

    def _differentiate_at(self, step: int) -> None:
        """Computes the derivatives of a run when the first of its steps is reached."""
        run = self._run_of[step]
        if run != self._differentiated:
            self.differentiate(run)
            self._differentiated = run

    def differentiate(self, run: int) -> None:
        """Computes derivatives that do not depend on gradients, for all steps of a run at once."""
        return

    def gate_stacks(self) -> list[Array]:
        """The gates of the steps of each run, (gates, steps, units, n)."""
        gates = self.rows // self.units
        return [
            stack.reshape(len(stack), gates, self.units, -1).swapaxes(0, 1)
            for stack in self.steps.stacks(self._sums, self.rows)
        ]

    @abstractmethod
    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        """Turns `sums` of a step into dE/da, and adds to the gradients of other parameters.

        Args:
            step: the number of the step.
            gradients: dE/ds after the step, for each vector of the state; receives dE/ds before
                it, except for what comes through a(t).
        """

    def gradients_of_products(self) -> Sequence[Array]:
        """For each product of a step, the part of `d_packed` with the gradient of its weights."""
        return [self.d_packed]

    def project_back(self, step: int) -> Array:
        """Adds to the gradients of the weights; returns what comes through a(t) of dE/ds before."""
        a = self.sums[step]
        self.weight_gradient.add((a, self.z[step]))
        return self.multiply(self.W.T, a, self.scratch((self.units, a.shape[1])))

    def input_gradient(self, step: int) -> Array:
        """The gradient dE/dx of a step's input, (features, n), after `step_back`."""
        dx: Array = np.dot(self.U.T, self.sums[step])
        if self.mask is not None:
            dx *= self.mask[self.units + 1 :, : dx.shape[1]]
        return dx

    def values(self, step: int) -> dict[str, Array]:
        """The gates and the state of a step, by symbol, (units, n)."""
        of_gates, of_states = self.symbols
        gates = np.split(self.sums[step], len(of_gates))
        found = dict(zip(of_gates, gates, strict=True))
        states = zip(of_states, self.states, strict=True)
        return found | {symbol: vectors[step] for symbol, vectors in reversed([*states])}

    def end_backward(self) -> LayerState:
        """Returns dE/dS of the state before the sequences, (units, N), if that was given."""
        self.weight_gradient.finish()
        for name, columns in self.columns.items():
            self.grads[name] += self.d_packed[:, columns]
        if self.is_given:
            return [self.steps.to_samples(gradient).copy() for gradient in self.gradients]
        for number, gradient in enumerate(self.gradients):
            if self.trained[number] is not None:
                np.add.reduce(gradient, axis=1, out=self.grads[f"s{number}"])
        return []
