"""The steps of a decoder that is fed its own output, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.layers.dropout import BoundDropout
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.states import LayerState, States
from nnkit.nn.recurrent.steps import Steps, Transition
from nnkit.nn.seq2seq.attention import BoundAttention


class NumPyLoop:
    """Takes recurrent layers, dropout and an attention along the sequences, step by step.

    Attributes:
        attention: the attention; its arrays hold the outputs of all steps.
    """

    def __init__(self, inside: Sequence[tuple[Stage, Binding]], attention: BoundAttention) -> None:
        """Binds the layers.

        Args:
            inside: the layers before the attention.
            attention: the attention.
        """
        self.attention = attention
        self.layers = [_stepwise(stage.spec, binding) for stage, binding in inside]
        _, binding = inside[0]
        self.inputs, self.length = binding.input_shape
        self.features = self.inputs - attention.units
        self.samples, self.dtype = binding.batch, binding.dtype
        self.X = binding.buffers.empty((self.inputs * self.length * self.samples,), self.dtype)

    def forward(self, X: Array, fed: Array, steps: Steps, now: Pass) -> None:
        """Computes the outputs of all steps.

        Args:
            X: the inputs, (features, T, N), without what is fed.
            fed: what is fed to the first step, (units, N), sorted as the steps.
            steps: divides the sequences.
            now: the current pass, with the states of the recurrent layers.
        """
        states = now.states
        assert states is not None
        self.steps = steps
        inputs = steps.blocks(self.X, self.inputs)
        steps.divide(X, [x[: self.features] for x in inputs])
        for layer in self.layers:
            layer.begin(steps, states, now)
        for at in steps.transitions():
            x = inputs[at.step]
            x[self.features :] = fed[:, : x.shape[1]]
            for layer in self.layers:
                x = layer.step(at, x)
            fed = self.attention.attend(x.T[None], slice(at.step, at.step + 1))[0].T
        for layer in self.layers:
            layer.keep_last(states)

    def backward(self, dY: Array, now: Pass) -> Array:
        """The gradient of the inputs, (T, N, features), and those of the layers' parameters.

        Args:
            dY: dE/dY of all steps, (T, N, units), sorted as the steps.
            now: the current pass.
        """
        states = now.states
        assert states is not None
        dY = np.ascontiguousarray(dY)
        for layer in self.layers:
            layer.begin_backward(states)
        d_fed = np.zeros((0, self.attention.units), self.dtype)
        dX = np.zeros((self.length, self.samples, self.features), self.dtype)
        for at in reversed([*self.steps.transitions()]):
            count = self.steps.counts[at.step]
            dy = dY[at.step, :count]
            dy[: len(d_fed)] += d_fed
            every = slice(at.step, at.step + 1)
            gradient = self.attention.attend_back(dy[None], every)[0].T
            for layer in reversed(self.layers):
                gradient = layer.step_back(at, gradient)
            dX[at.step, :count] = gradient[: self.features].T
            d_fed = gradient[self.features :].T
        for layer in self.layers:
            layer.end_backward(states)
        return dX


class _CellSteps:
    """A recurrent layer of one direction, taken step by step."""

    def __init__(self, cell: RecurrentCell, name: str) -> None:
        self.cell, self.name = cell, name

    def begin(self, steps: Steps, states: States, now: Pass) -> None:
        self.cell.begin(steps, now, states.first.get(self.name))

    def step(self, at: Transition, x: Array) -> Array:
        return self.cell.step(at, x)

    def keep_last(self, states: States) -> None:
        states.last[self.name] = self.cell.last()

    def begin_backward(self, states: States) -> None:
        self.cell.begin_backward(states.d_last.get(self.name))

    def step_back(self, at: Transition, dy: Array) -> Array:
        self.cell.step_back(at, dy)
        return self.cell.input_gradient(at.step)

    def end_backward(self, states: States) -> None:
        d_first: LayerState = self.cell.end_backward()
        if d_first:
            states.d_first[self.name] = d_first


class _DropoutSteps:
    """Dropout between recurrent layers, with the masks that it draws for all steps at once."""

    def __init__(self, dropout: BoundDropout, rows: int) -> None:
        self.dropout, self.rows = dropout, rows
        self.masks: list[Array] | None = None

    def begin(self, steps: Steps, states: States, now: Pass) -> None:
        self.masks = None
        if now.training:
            drawn = self.dropout.mask.draw(now)
            self.masks = steps.blocks(np.empty(drawn.size, drawn.dtype), self.rows)
            steps.divide(drawn, self.masks)

    def step(self, at: Transition, x: Array) -> Array:
        return x if self.masks is None else x * self.masks[at.step]

    def keep_last(self, states: States) -> None:
        return

    def begin_backward(self, states: States) -> None:
        return

    def step_back(self, at: Transition, dy: Array) -> Array:
        return self.step(at, dy)

    def end_backward(self, states: States) -> None:
        return


def _stepwise(layer: LayerSpec, binding: Binding) -> _CellSteps | _DropoutSteps:
    if isinstance(layer, Recurrent) and not layer.bidirectional:
        return _CellSteps(layer.cell(binding, reverse=False), binding.name)
    dropout = layer.bind(binding)
    assert isinstance(dropout, BoundDropout)
    return _DropoutSteps(dropout, binding.form.channels)
