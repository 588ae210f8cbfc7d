"""Recurrent layers whose cells the compiled kernels run along the sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from nnkit.native.kernel_kinds import MergeKind
from nnkit.native.library import Library
from nnkit.native.recurrence import Recurrence
from nnkit.native.recurrent_sweep import ParameterMemory, RecurrentSweep
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import LayerState, of_direction
from nnkit.nn.recurrent.steps import Steps

WEIGHTS = ("U", "W", "b", "d")  # of a direction, by short name


class CompiledRecurrent(Layer):
    """Computes what `BoundRecurrent` does, with an output (units, T, N) at each position.

    Passes that are observed run in NumPy, whose layers can tell what happens inside.
    """

    def __init__(
        self,
        library: Library,
        cells: Sequence[tuple[str, Recurrence]],
        merge: MergeKind,
        memory: ParameterMemory,
        bind_in_numpy: Callable[[], Layer],
        binding: Binding,
    ) -> None:
        """Binds the layer.

        Args:
            library: the compiled kernels.
            cells: the directions, each with the prefix of the names of its parameters.
            merge: how the outputs of two directions become one.
            memory: where the parameters lie.
            bind_in_numpy: binds the same layer in NumPy.
            binding: the layer's binding.
        """
        self.name, self.bind_in_numpy = binding.name, bind_in_numpy
        features, self.length = binding.input_shape
        self.samples = binding.batch
        self.prefixes = [prefix for prefix, _ in cells]
        self.params, self.grads = binding.params, binding.grads
        self.sweep = RecurrentSweep(
            library,
            [replace(cell, places=memory.of_direction(prefix, WEIGHTS)) for prefix, cell in cells],
            merge,
            memory,
            (features, self.length, self.samples),
            binding.buffers,
            binding.dtype,
            binding.training,
            binding.threads,
        )
        by_position = binding.buffer_by_position
        self.Y = by_position(self.sweep.width, self.length)
        self.dX = by_position(features, self.length) if binding.input_gradient else None
        self.is_observed = False

    @cached_property
    def in_numpy(self) -> Layer:
        """The same layer in NumPy."""
        return self.bind_in_numpy()

    @cached_property
    def full(self) -> Steps:
        """The steps of a batch whose sequences have the same length."""
        return Steps(self.length, self.samples)

    def forward(self, X: Array, now: Pass) -> Array:
        self.is_observed = now.observer is not None
        if self.is_observed:
            return self.in_numpy.forward(X, now)
        steps = self.full if now.lengths is None else Steps(self.length, self.samples, now.lengths)
        steps.to_rows(X, self.sweep.inputs)
        self.run(steps, now)
        steps.to_positions(self.sweep.outputs, self.Y)
        return self.Y

    def run(self, steps: Steps, now: Pass) -> None:
        """Computes the sweep's outputs from its inputs, and the last states."""
        self.steps = steps
        self.sweep.set_steps(None if steps.order is None else steps.starts, steps.order)
        given = None if now.states is None else now.states.first.get(self.name)
        self.is_given = given is not None
        self.first = [self._trained(prefix) for prefix in self.prefixes]
        if given is not None:
            self.first = self._by_direction(given)
        self.sweep.forward(self.first)
        if now.states is not None:
            now.states.last[self.name] = self._last()

    def _by_direction(self, state: LayerState) -> list[LayerState | None]:
        """The state of each direction, sorted as the steps."""
        count = len(self.prefixes)
        return [
            [self.steps.to_columns(vector) for vector in of_direction(state, number, count)]
            for number in range(count)
        ]

    def _trained(self, prefix: str) -> LayerState | None:
        """The state before all sequences; None if it is 0."""
        names = [f"{prefix}s{i}" for i in range(self.sweep.vectors)]
        if names[0] not in self.params:
            return None
        shape = (self.sweep.units, self.samples)
        return [np.broadcast_to(self.params[name][:, None], shape) for name in names]

    def _last(self) -> LayerState:
        """The state after the end of each sequence; after an empty one, that before."""
        found = []
        for number, prefix in enumerate(self.prefixes):
            columns, rows = self.steps.last_rows(reverse=bool(prefix))
            for i, vectors in enumerate(self.sweep.states(number, rows)):
                S = np.zeros((self.sweep.units, self.samples), vectors.dtype)
                first = self.first[number]
                if len(columns) < self.samples and first is not None:
                    S[...] = first[i]
                S[:, columns] = vectors.T
                found.append(self.steps.to_samples(S))
        return found

    def backward(self, dY: Array, now: Pass) -> Array | None:
        if self.is_observed:
            return self.in_numpy.backward(dY, now)
        self.steps.to_rows(dY, self.sweep.d_outputs)
        self.run_back(now)
        if self.dX is not None:
            self.steps.to_positions(self.sweep.d_inputs, self.dX)
        return self.dX

    def run_back(self, now: Pass) -> None:
        """Computes the gradients of the parameters, the inputs of the sweep and the states."""
        given = None if now.states is None else now.states.d_last.get(self.name)
        none: list[LayerState | None] = [None] * len(self.prefixes)
        self.sweep.backward(none if given is None else self._by_direction(given))
        d_first = [self.sweep.d_first(number) for number in range(len(self.prefixes))]
        self._write_trained(d_first)
        if self.is_given and now.states is not None:
            now.states.d_first[self.name] = [
                self.steps.to_samples(vector).copy() for state in d_first for vector in state
            ]

    def _write_trained(self, d_first: Sequence[LayerState]) -> None:
        """Writes the gradients of the trained states, which are 0 where they were not used."""
        for prefix, state in zip(self.prefixes, d_first, strict=True):
            for i, gradient in enumerate(state):
                trained = self.grads.get(f"{prefix}s{i}")
                if trained is not None:
                    trained[:] = 0 if self.is_given else np.add.reduce(gradient, axis=1)
