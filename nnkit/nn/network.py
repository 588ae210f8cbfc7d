"""A network bound to a batch: its layers, and the loss at their end."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from nnkit.nn.chain import bind_chain
from nnkit.nn.layer import Binding, Stage
from nnkit.nn.losses import Loss
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Observer, Pass


class Network:
    """A chain of layers bound to one batch size N, with all its buffers, and a loss.

    A loss and an output activation that are a canonical pair, such as cross-entropy and softmax,
    are computed together in training: `body` then ends at the logits, and `head` is the activation.
    Otherwise `body` is the whole chain, and `head` is None.

    Attributes:
        body: the layers up to the loss.
        head: the output activation, where the loss is computed from the logits.
        dY: dE/dY, or dE/d logits, where each backward pass begins, (*output shape, N).
    """

    def __init__(self, stages: Sequence[Stage], binding: Binding, loss: Loss) -> None:
        layers = bind_chain(stages, binding)
        self.loss = loss
        self.output_name = stages[-1].name
        output = stages[-1].spec.applied_activation
        self.fused = output is not None and output.tag() == loss.fused
        self.body = layers.up_to_last() if self.fused else layers
        self.head = layers.layers[self.output_name] if self.fused else None
        self.dY = binding.buffer(*layers.output_form.shape)
        self.measure = loss.measure(self.dY, self.fused, binding.training and binding.compiled)

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The network's output Y (*output shape, N) for X (*input shape, N)."""
        return self._output(self.body.forward(X, now), now)

    def _output(self, Z: Array, now: Pass) -> Array:
        """The network's output for the output Z of `body`, also shown to the observer."""
        if self.head is None:
            return Z
        Y = self.head.forward(Z, now)
        if now.observer is not None:
            now.observer.output(self.output_name, Y)
        return Y

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        Z = self.body.forward(X, now)
        measure = self.loss if self.head is None else self.loss.from_logits
        loss = measure(Z, T, self.dY, weights)
        return loss, self._output(Z, now)

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None
    ) -> float:
        """The mean loss; the gradients of all parameters are then in the model's `grads`.

        Args:
            X: inputs (*input shape, N).
            T: targets (*output shape, N).
            now: the pass, whose step keys random draws such as dropout's.
            weights: how much each sample counts, (N,); None for all the same.
        """
        loss = self.training_loss(X, T, now, weights)
        self.backward(self.dY, now)
        return loss

    def training_loss(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """The mean loss in training; its gradient by the end of `body` is then in `dY`.

        Args:
            X: inputs (*input shape, N).
            T: targets (*output shape, N).
            now: the pass.
            weights: how much each sample counts, (N,); None for all the same.
            share: share of these samples in a larger batch; scales the gradient.
        """
        Z = self.body.forward(X, now)
        loss = self.measure(Z, T, self.dY, weights)
        if share != 1:
            self.dY *= self.dY.dtype.type(share)
        if now.observer is not None and self.head is not None:
            self._show_pair(now.observer, Z, T, weights, share)
        return loss

    def _show_pair(
        self, observer: Observer, Z: Array, T: Array, weights: Array | None, share: float
    ) -> None:
        """Show the observer the output and its gradient, which fused training skips."""
        assert self.head is not None
        Y = self.head.forward(Z, INFERENCE)
        dY = np.empty_like(Y)
        self.loss(Y, T, dY, weights)
        dY *= dY.dtype.type(share)
        observer.output(self.output_name, Y)
        observer.gradient(self.output_name, dY)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        """Backpropagates from the end of `body`; returns dE/dX if the network was bound for it."""
        return self.body.backward(dY, now)

    def first_nonfinite(self, X: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        if not np.isfinite(X).all():
            return "the input"
        search = _NonfiniteSearch()
        self.body.forward(X, now._replace(observer=search))
        return search.found


class _NonfiniteSearch(Observer):
    """Remembers the first layer whose output is not finite."""

    def __init__(self) -> None:
        self.found: str | None = None

    def output(self, name: str, Y: Array) -> None:
        if self.found is None and not isfinite(float(np.sum(Y, dtype=np.float64))):
            self.found = name
