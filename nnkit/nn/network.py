"""A network bound to a batch size: its layers and its loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

import numpy as np

from nnkit.nn.activations.softmax import log_softmax
from nnkit.nn.chain import bind_chain
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import Stage
from nnkit.nn.loss import Loss
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Observer, Pass

# (Y or logits, T, their gradient, weights) → mean loss
Measure = Callable[[Array, Array, Array, Array | None], float]


class Network:
    """A chain of layers bound to one batch size N, with all its buffers, and a loss.

    A canonical pair of loss and output activation, such as cross-entropy and softmax, is fused:
    `body` then ends at the logits, from which the loss is computed, and `head` is the activation.
    Otherwise `body` is the whole chain, and `head` is None.

    If the output has positions, each position is a sample of the loss; those after the end of a
    sequence do not count. Their inputs are replaced by 0 before they enter the network.

    Targets may also be class numbers, (*positions, N), which stay as small as they are.

    Attributes:
        body: the layers up to the loss.
        head: the output activation if it is fused with the loss, otherwise None.
        output: the config of the last layer's activation, None if it is none.
        dY: the gradient dE/dY, or dE/dZ for logits Z, (*output shape, N); input of the backward
            pass.
    """

    def __init__(self, stages: Sequence[Stage], binding: Binding, loss: Loss) -> None:
        layers = bind_chain(stages, binding)
        self.loss = loss
        self.output_name = stages[-1].name
        self.output = output = stages[-1].spec.applied_activation
        self.fused = output is not None and output.tag() == loss.fused
        self.body = layers.up_to_last() if self.fused else layers
        self.head = layers.layers[self.output_name] if self.fused else None
        self.dY = binding.buffer(*layers.output_form.shape)
        self.measure = loss.from_logits if self.fused else loss.__call__

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers up to the loss by full name."""
        return self.body.layers

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The network's output Y (*output shape, N) for X (*input shape, N)."""
        return self._output(self.body.forward(without_padding(X, now), now), now)

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
        """The mean loss against targets T, and the output Y, outside training.

        Arguments are those of `loss_and_gradient`.
        """
        Z = self.body.forward(without_padding(X, now), now)
        loss = self._over_positions(self.measure, Z, T, self.dY, weights, now)
        return loss, self._output(Z, now)

    def log_probabilities(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The logarithms of the probabilities (classes, *positions, N) of an output of classes."""
        Z = self.body.forward(without_padding(X, now), now)
        output = self.output
        if self.fused and output is not None and output.tag() == "softmax":
            return log_softmax(Z)
        Y = self._output(Z, now)
        if output is not None and output.log_probability:
            return Y.copy()
        with np.errstate(divide="ignore"):
            return np.log(Y)

    def _over_positions(
        self,
        measure: Measure,
        Z: Array,
        T: Array,
        dY: Array,
        weights: Array | None,
        now: Pass,
    ) -> float:
        """The mean loss of Z (outputs, *positions, N) over all positions; writes its gradient."""
        if Z.ndim == 2:
            return measure(Z, T, dY, weights)
        if weights is not None:
            weights = np.broadcast_to(weights, Z.shape[1:]).ravel()
        columns, gradients = Z.reshape(len(Z), -1), dY.reshape(len(Z), -1)
        targets = T.reshape(*T.shape[: T.ndim - Z.ndim + 1], -1)
        lengths = self.body.output_lengths(now.lengths)
        if lengths is None:
            return measure(columns, targets, gradients, weights)
        counts = ~is_padding(Z.shape[1], lengths).ravel()
        if not counts.any():
            gradients.fill(0)
            return 0.0
        own = np.empty((len(Z), np.count_nonzero(counts)), Z.dtype)
        weights = None if weights is None else weights[counts]
        loss = measure(columns[:, counts], targets[..., counts], own, weights)
        gradients.fill(0)
        gradients[:, counts] = own
        return loss

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Both are multiplied by `share`.

        Args:
            X: inputs (*input shape, N).
            T: targets (*output shape, N), or class numbers (*positions, N).
            now: the current pass; its step is part of the key of random draws such as dropout's.
            weights: sample weights, (N,); None for equal weights.
            share: the share of these samples in a larger batch.
        """
        loss = self.training_loss(X, T, now, weights, share)
        self.backward(self.dY, now)
        return loss * share

    def training_loss(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss in training and writes its gradient at the end of `body` into `dY`.

        Args:
            X: inputs (*input shape, N).
            T: targets (*output shape, N), or class numbers (*positions, N).
            now: the current pass.
            weights: sample weights, (N,); None for equal weights.
            share: the share of these samples in a larger batch; scales the gradient.
        """
        Z = self.body.forward(without_padding(X, now), now)
        loss = self._over_positions(self.measure, Z, T, self.dY, weights, now)
        if share != 1:
            self.dY *= self.dY.dtype.type(share)
        if now.observer is not None and self.head is not None:
            self._show_pair(now, Z, T, weights, share)
        return loss

    def _show_pair(
        self, now: Pass, Z: Array, T: Array, weights: Array | None, share: float
    ) -> None:
        """Passes the output and its gradient, which fused training skips, to the observer."""
        assert self.head is not None
        assert now.observer is not None
        Y = self.head.forward(Z, INFERENCE)
        dY = np.empty_like(Y)
        self._over_positions(self.loss, Y, T, dY, weights, now)
        dY *= dY.dtype.type(share)
        now.observer.input(self.output_name, Z)
        now.observer.output(self.output_name, Y)
        now.observer.gradient(self.output_name, dY)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        """Backpropagates from the end of `body`; returns dE/dX if the network was bound for it."""
        return self.body.backward(dY, now)

    def release(self) -> None:
        """Drops references to the last input, which may be large."""
        self.body.release()

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None.

        The targets T matter to networks with a decoder, which reads them.
        """
        search = NonfiniteSearch()
        X = without_padding(X, now)
        search.output("the input", X)
        # Also if the input is not finite, because other ranks may wait for this one in a layer.
        self.body.forward(X, now._replace(observer=search))
        return search.found


def without_padding(X: Array, now: Pass) -> Array:
    """X (…, T, N) with 0 after the end of each sequence."""
    if now.lengths is None:
        return X
    return np.where(is_padding(X.shape[-2], now.lengths), X.dtype.type(0), X)


class NonfiniteSearch(Observer):
    """Remembers the first layer whose output is not finite."""

    def __init__(self) -> None:
        self.found: str | None = None

    def output(self, name: str, Y: Array) -> None:
        if self.found is None and not isfinite(float(np.sum(Y, dtype=np.float64))):
            self.found = name
