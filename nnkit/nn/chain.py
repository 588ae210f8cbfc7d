"""A chain of bound layers, run forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.padding import clear_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass


@dataclass(frozen=True, slots=True)
class Link:
    """A bound layer at its place in a chain.

    Attributes:
        name: its full name, such as `layers.3.layers.0` inside a block.
        layer: the bound layer.
        spec: its config.
        form: the form of an input sample of this batch.
        output_form: the form of an output sample.
    """

    name: str
    layer: Layer
    spec: LayerSpec
    form: Form
    output_form: Form
    _output_lengths: dict[int, int] = field(default_factory=dict)

    def output_lengths(self, lengths: Array) -> Array | None:
        """The lengths of the outputs for sequences of given lengths, (N,); None for vectors."""
        if not self.output_form.positions:
            return None
        if not self.spec.mixes_positions:
            return lengths
        known = self._output_lengths
        for length in lengths.tolist():
            if length not in known:
                known[length] = self.spec.output_length(self.form, length)
        return np.array([known[length] for length in lengths.tolist()])


class Chain:
    """A sequence of bound layers, run forward and backward.

    Where sequences differ in length, numbers after the end of one have no meaning, except that
    they are finite and that their gradients are 0. A layer that mixes positions finds 0 there.

    Attributes:
        layers: the layers by full name, such as `layers.3.layers.0` inside a block.
        output_form: the form of an output sample of this batch.
    """

    def __init__(self, links: Sequence[Link], output_form: Form) -> None:
        self.layers = {link.name: link.layer for link in links}
        self.output_form = output_form
        self._links = tuple(links)

    @property
    def last(self) -> Link:
        """The last layer."""
        return self._links[-1]

    def up_to_last(self) -> Chain:
        """The chain without its last layer."""
        return Chain(self._links[:-1], self.last.form)

    def forward(self, X: Array, now: Pass) -> Array:
        """The last layer's output (*output shape, N) for X (*input shape, N).

        Args:
            X: the input; where sequences differ in length, it may be overwritten after their ends.
            now: the current pass.
        """
        observer = now.observer
        for link in self._links:
            if now.lengths is not None and link.spec.mixes_positions:
                clear_padding(X, now.lengths)
            if observer is not None:
                observer.input(link.name, X)
            X = link.layer.forward(X, now)
            now = _after(link, now)
            if observer is not None:
                observer.output(link.name, X)
        return X

    def backward(self, dY: Array, now: Pass) -> Array | None:
        """The gradient dE/dX for dE/dY of the last output, or None if it is not computed."""
        gradient: Array | None = dY
        observer = now.observer
        for link, own in reversed(self._passes(now)):
            if gradient is None:
                break  # no earlier layer is trained
            if observer is not None:
                observer.gradient(link.name, gradient)
            gradient = link.layer.backward(gradient, own)
            if own.lengths is not None and link.spec.mixes_positions and gradient is not None:
                clear_padding(gradient, own.lengths)
            if observer is not None and gradient is not None:
                observer.input_gradient(link.name, gradient)
        return gradient

    def output_lengths(self, lengths: Array | None) -> Array | None:
        """The lengths of the outputs for inputs of given lengths, (N,); None for vectors."""
        for link in self._links:
            lengths = None if lengths is None else link.output_lengths(lengths)
        return lengths

    def _passes(self, now: Pass) -> list[tuple[Link, Pass]]:
        """Each layer with its pass, which has the lengths of its inputs."""
        found = []
        for link in self._links:
            found.append((link, now))
            now = _after(link, now)
        return found

    def release(self) -> None:
        """Drops the layers' references to their last inputs."""
        for link in self._links:
            link.layer.release()


def _after(link: Link, now: Pass) -> Pass:
    """The pass after a layer, which has the lengths of its outputs."""
    if now.lengths is None:
        return now
    return now._replace(lengths=link.output_lengths(now.lengths))


def bind_chain(stages: Sequence[Stage], binding: Binding) -> Chain:
    """Binds each layer of a chain to its part of the chain's binding."""
    links: list[Link] = []
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
        output_form = spec.output_form(form)
        links.append(Link(own.name, spec.bind(own), spec, form, output_form))
        form = output_form
        wanted = wanted or any(parameter.lr_factor for parameter in trained)
        # A layer without its own buffers returns its input or a view of it.
        scratch = spec.output_is_scratch
        batch_first = batch_first and spec.output_is_view
    return Chain(links, form)
