"""The part of a decoder that runs step by step, because its output is its next input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer, LayerSpec, Stage
from nnkit.nn.layers.dropout import BoundDropout
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.states import LayerState, States
from nnkit.nn.recurrent.steps import Steps, Transition
from nnkit.nn.seq2seq.attention import BoundAttention


class InputFeeding(LayerSpec):
    """Recurrent layers and an attention, whose output y(t) is appended to the input x(t + 1).

    So attention knows what it attended to before (Luong, Pham & Manning 2015, §3.3). A decoder's
    list of layers does not name it: it stands for the layers from the first recurrent one to an
    `attention` with `input_feeding`.

    Attributes:
        names: the names of the layers in the decoder.
        layers: the layers.
    """

    kind: Literal["input_feeding"] = "input_feeding"
    names: tuple[str, ...]
    layers: tuple[Any, ...]

    @property
    def layers_inside(self) -> Sequence[LayerSpec]:
        return self.layers

    @property
    def outgrows_cache(self) -> bool:
        return True

    def output_form(self, form: Form) -> Form:
        *_, last = self._inside(form)
        return last.output_form

    def _inside(self, form: Form) -> Iterator[Stage]:
        """Yields the layers as stages; the first recurrent one also reads what is fed."""
        fed = self.layers[-1].units or self.layers[-2].units
        form = Form(form.channels + fed, form.positions)
        for name, layer in zip(self.names, self.layers, strict=True):
            stage = Stage.of(name, layer, form)
            yield stage
            form = stage.output_form

    def parts(self, form: Form) -> Sequence[Stage]:
        return list(self._inside(form))

    def parameters(self, form: Form) -> Sequence[Parameter]:
        return [
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self._inside(form)
            for parameter in stage.parameters
        ]

    def multiplications(self, form: Form) -> int:
        return sum(stage.multiplications for stage in self._inside(form))

    def bind(self, binding: Binding) -> Layer:
        return BoundInputFeeding(binding, self.parts(binding.form))


class BoundInputFeeding(Layer):
    """Runs the layers of `InputFeeding` step by step, forward and backward.

    Step t works on the columns of the sequences that are longer than t, which come first.
    """

    def __init__(self, binding: Binding, inside: Sequence[Stage]) -> None:
        self.features, self.length = binding.input_shape
        *others, last = [(stage, _bound_to(stage, binding)) for stage in inside]
        attention = last[0].spec.bind(last[1])
        assert isinstance(attention, BoundAttention)
        self.attention = attention
        self.layers = [_stepwise(stage.spec, own) for stage, own in others]
        self.units, self.samples, self.dtype = attention.units, binding.batch, binding.dtype
        size = (self.features + self.units) * self.length * self.samples
        self.X = binding.buffers.empty((size,), binding.dtype)
        self.Y = binding.buffer(self.units, self.length)
        self.input_gradient = binding.input_gradient
        if binding.training:
            self.dX = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        states = States() if now.states is None else now.states
        memory, attention = now.encoder_memory(), self.attention
        self.steps = steps = Steps(self.length, self.samples, now.lengths)
        inputs = steps.blocks(self.X, self.features + self.units)
        steps.divide(X, [x[: self.features] for x in inputs])
        attention.begin(now, steps.order)
        for layer in self.layers:
            layer.begin(steps, states, now)
        (fed,) = states.first.get(attention.name) or [self._zeros()]
        fed = steps.to_columns(fed)
        for at in steps.transitions():
            x = inputs[at.step]
            x[self.features :] = fed[:, : x.shape[1]]
            for layer in self.layers:
                x = layer.step(at, x)
            fed = attention.attend(x.T[None], slice(at.step, at.step + 1))[0].T
        self._join(attention.Y, self.Y)
        self._keep_last(states)
        memory.weights = attention.A
        if steps.order is not None:
            memory.weights = np.empty_like(attention.A)
            memory.weights[:, steps.order] = attention.A
        return self.Y

    def _zeros(self) -> Array:
        """Zeros, (units, N), which are fed to the first step."""
        return np.zeros((self.units, self.samples), self.dtype)

    def _join(self, A: Array, out: Array) -> None:
        """Copies A (T, N, rows) to `out` (rows, T, N), and the columns to their samples."""
        out[..., slice(None) if self.steps.order is None else self.steps.order] = A.transpose(
            2, 0, 1
        )

    def _keep_last(self, states: States) -> None:
        """Stores the states after the last positions, of which the output is one."""
        for layer in self.layers:
            layer.keep_last(states)
        last = self._zeros()
        for step, columns, samples in self.steps.ends(reverse=False):
            last[:, samples] = self.attention.Y[step, columns].T
        states.last[self.attention.name] = [last]

    def backward(self, dY: Array, now: Pass) -> Array | None:
        states = States() if now.states is None else now.states
        steps, attention = self.steps, self.attention
        dY = dY.transpose(1, 2, 0)
        dY = np.ascontiguousarray(dY if steps.order is None else dY[:, steps.order])
        attention.begin_backward()
        for layer in self.layers:
            layer.begin_backward(states)
        d_fed = np.zeros((0, self.units), self.dtype)
        dX = np.zeros((self.length, self.samples, self.features), self.dtype)
        for at in reversed([*steps.transitions()]):
            count = steps.counts[at.step]
            dy = dY[at.step, :count]
            dy[: len(d_fed)] += d_fed
            gradient = attention.attend_back(dy[None], slice(at.step, at.step + 1))[0].T
            for layer in reversed(self.layers):
                gradient = layer.step_back(at, gradient)
            dX[at.step, :count] = gradient[: self.features].T
            d_fed = gradient[self.features :].T
        attention.end_backward(now.encoder_memory())
        for layer in self.layers:
            layer.end_backward(states)
        if not self.input_gradient:
            return None
        self._join(dX, self.dX)
        return self.dX

    def release(self) -> None:
        self.attention.release()
        for layer in self.layers:
            layer.release()


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

    def release(self) -> None:
        return


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

    def release(self) -> None:
        self.masks = None


def _bound_to(stage: Stage, binding: Binding) -> Binding:
    """The part of the binding that belongs to a layer inside; its name is that in the decoder."""
    prefix = f"{stage.name}."
    length = binding.form.positions

    def own(blocks: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name.removeprefix(prefix): block
            for name, block in blocks.items()
            if name.startswith(prefix)
        }

    return replace(
        binding,
        form=stage.input_form.at(length),
        params=own(binding.params),
        grads=own(binding.grads),
        name=f"{binding.name}.{stage.name}",
    )


def _stepwise(layer: LayerSpec, binding: Binding) -> _CellSteps | _DropoutSteps:
    if isinstance(layer, Recurrent) and not layer.bidirectional:
        return _CellSteps(layer.cell(binding, reverse=False), binding.name)
    dropout = layer.bind(binding)
    assert isinstance(dropout, BoundDropout)
    return _DropoutSteps(dropout, binding.form.channels)
