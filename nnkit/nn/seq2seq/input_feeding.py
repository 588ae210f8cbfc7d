"""The part of a decoder that runs step by step, because its output is its next input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.params import Array, Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import States
from nnkit.nn.recurrent.steps import Steps
from nnkit.nn.seq2seq.attention import Attention, BoundAttention
from nnkit.nn.seq2seq.feeding_loop import NumPyLoop


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
    feeds_output: ClassVar[bool] = True
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
        _, self.length = binding.input_shape
        self.inside = [(stage, _bound_to(stage, binding)) for stage in inside]
        *others, (last, of_attention) = self.inside
        assert isinstance(last.spec, Attention)
        attention = last.spec.bind(of_attention)
        assert isinstance(attention, BoundAttention)
        self.loop, self.attention = NumPyLoop(others, attention), attention
        self.units, self.samples, self.dtype = (
            last.output_form.channels,
            binding.batch,
            binding.dtype,
        )
        self.Y = binding.buffer(self.units, self.length)
        self.input_gradient = binding.input_gradient
        if binding.training:
            self.dX = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        states = States() if now.states is None else now.states
        memory, attention = now.encoder_memory(), self.attention
        self.steps = steps = Steps(self.length, self.samples, now.lengths)
        attention.begin(now, steps.order)
        (fed,) = states.first.get(attention.name) or [self._zeros()]
        self.loop.forward(X, steps.to_columns(fed), steps, now._replace(states=states))
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
        """Stores the output of attention after the last positions."""
        last = self._zeros()
        for step, columns, samples in self.steps.ends(reverse=False):
            last[:, samples] = self.attention.Y[step, columns].T
        states.last[self.attention.name] = [last]

    def backward(self, dY: Array, now: Pass) -> Array | None:
        states = States() if now.states is None else now.states
        order = self.steps.order
        dY = dY.transpose(1, 2, 0)
        self.attention.begin_backward()
        dX = self.loop.backward(dY if order is None else dY[:, order], now._replace(states=states))
        self.attention.end_backward(now.encoder_memory())
        if not self.input_gradient:
            return None
        self._join(dX, self.dX)
        return self.dX

    def release(self) -> None:
        self.attention.release()


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
