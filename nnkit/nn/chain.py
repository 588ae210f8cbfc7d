"""A chain of bound layers, run forward and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer, Stage
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass


class Chain:
    """A sequence of bound layers, run forward and backward.

    Attributes:
        layers: the layers by full name, such as `layers.3.layers.0` inside a block.
        output_form: the form of an output sample of this batch.
    """

    def __init__(self, layers: Mapping[str, Layer], output_form: Form) -> None:
        self.layers = layers
        self.output_form = output_form
        self._forward = tuple(layers.items())
        self._backward = self._forward[::-1]

    def up_to_last(self) -> Chain:
        """The chain without its last layer, which must not change the form."""
        *others, _ = self._forward
        return Chain(dict(others), self.output_form)

    def forward(self, X: Array, now: Pass) -> Array:
        """The last layer's output (*output shape, N) for X (*input shape, N)."""
        observer = now.observer
        for name, layer in self._forward:
            X = layer.forward(X, now)
            if observer is not None:
                observer.output(name, X)
        return X

    def backward(self, dY: Array, now: Pass) -> Array | None:
        """The gradient dE/dX for dE/dY of the last output, or None if it is not computed."""
        gradient: Array | None = dY
        observer = now.observer
        for name, layer in self._backward:
            if gradient is None:
                break  # no earlier layer is trained
            if observer is not None:
                observer.gradient(name, gradient)
            gradient = layer.backward(gradient, now)
        return gradient

    def release(self) -> None:
        """Drops the layers' references to their last inputs."""
        for _, layer in self._forward:
            layer.release()


def bind_chain(stages: Sequence[Stage], binding: Binding) -> Chain:
    """Binds each layer of a chain to its part of the chain's binding."""
    layers: dict[str, Layer] = {}
    form = binding.form
    wanted = binding.input_gradient  # whether this layer must return dE/dX
    scratch, batch_first = binding.input_is_scratch, binding.input_is_batch_first
    for stage in stages:
        spec = stage.spec
        trained, running = spec.parameters(form), spec.state(form)
        own = replace(
            binding,
            form=form,
            params={p.name: binding.params[f"{stage.name}.{p.name}"] for p in trained},
            grads={p.name: binding.grads[f"{stage.name}.{p.name}"] for p in trained},
            state={p.name: binding.state[f"{stage.name}.{p.name}"] for p in running},
            input_gradient=binding.training and wanted,
            input_is_scratch=scratch,
            input_is_batch_first=batch_first,
            name=f"{binding.name}.{stage.name}" if binding.name else stage.name,
        )
        layers[own.name] = spec.bind(own)
        form = spec.output_form(form)
        wanted = wanted or any(parameter.lr_factor for parameter in trained)
        # A layer without its own buffers returns its input or a view of it.
        scratch = spec.output_is_scratch
        batch_first = batch_first and spec.output_is_view
    return Chain(layers, form)
