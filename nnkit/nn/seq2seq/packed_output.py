"""The output layer of a large vocabulary, for the symbols of all sequences without padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from nnkit.nn.activations.softmax import Softmax
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers.dense import Dense
from nnkit.nn.loss import PART, Loss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.network import Network, without_padding
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array, blocks_of
from nnkit.nn.passes import Pass


def network_over_symbols(stages: Sequence[Stage], binding: Binding, loss: Loss) -> Network:
    """A network that ends in the probabilities of the symbol at each position.

    In training it is a `PackedOutputNetwork`, if the logits of all positions do not fit in the
    cache.
    """
    *_, last, output = (stage.spec for stage in stages)
    symbols = stages[-1].output_form.channels
    positions = prod(n or 1 for n in binding.form.positions)
    size = symbols * positions * binding.batch * binding.dtype.itemsize
    suits = isinstance(last, Dense) and isinstance(output.applied_activation, Softmax)
    if binding.training and suits and isinstance(loss, CrossEntropy) and size > PART:
        return PackedOutputNetwork(stages, binding, loss)
    return Network(stages, binding, loss)


class PackedOutput:
    """The output layer, softmax and cross-entropy of n symbols, from rows of the last hidden layer.

    z = W h + b, the loss and dz, and dh = Wᵀ dz, for about a megabyte of logits at a time, which
    stays in the cache. Then dW = Σ dz hᵀ and db = Σ dz over all rows.
    """

    def __init__(
        self, params: Mapping[str, Array], grads: Mapping[str, Array], loss: CrossEntropy
    ) -> None:
        """Takes the parameters of the output layer and their gradients, by short name."""
        self.W, self.b, self.dW, self.db = params["W"], params.get("b"), grads["W"], grads.get("b")
        self.cross_entropy = loss

    def loss(
        self, H: Array, classes: Array, shares: Array, share: float, Z: Array, dH: Array
    ) -> float:
        """The mean loss of n symbols; writes the gradients of the output layer and dE/dH.

        Args:
            H: rows of the last hidden layer, (n, inputs).
            classes: the symbols, (n,).
            shares: the share of each in the mean loss, (n,).
            share: the factor of the gradients.
            Z: room for the logits of all symbols, (n, symbols).
            dH: receives the gradients of the rows, (n, inputs).
        """
        losses = np.empty(len(H), H.dtype)
        factors = (shares * share).astype(H.dtype)[:, None]
        size = max(1, PART // (len(self.W) * Z.itemsize))
        for part in (slice(at, at + size) for at in range(0, len(H), size)):
            logits = np.dot(H[part], self.W.T, out=Z[part])
            if self.b is not None:
                logits += self.b
            losses[part] = self.cross_entropy.losses_of_classes(logits.T, classes[part], logits.T)
            logits *= factors[part]
            np.matmul(logits, self.W, out=dH[part])
        np.dot(Z.T, H, out=self.dW)
        if self.db is not None:
            np.add.reduce(Z, axis=0, out=self.db)
        return float(np.dot(shares, losses))


def shares_of(weights: Array | None, count: int) -> Array:
    """The share of each of so many symbols in their mean loss, for weights (count,)."""
    shares = np.ones(count) if weights is None else weights
    total = float(np.add.reduce(shares))
    return np.divide(shares, total) if total else shares


class PackedOutputNetwork(Network):
    """A network whose last layer, softmax and cross-entropy are computed symbol by symbol.

    Only the positions before the ends of sequences are computed (`PackedOutput`). Passes that are
    observed compute layer by layer, like those of any network.

    Attributes:
        dY: dE/dH of the last hidden layer, (inputs, T, N), after a pass that is not observed.
    """

    def __init__(self, stages: Sequence[Stage], binding: Binding, loss: CrossEntropy) -> None:
        super().__init__(stages, binding, loss)
        last = self.body.last
        start = f"{last.name}."
        self.output_layer = PackedOutput(
            blocks_of(binding.params, start), blocks_of(binding.grads, start), loss
        )
        self.hidden = self.body.up_to_last()
        self.dLogits, self.dH = self.dY, binding.buffer(*last.form.shape)
        self.rows = self.dLogits.reshape(-1)  # memory for the logits of all symbols, in rows

    def training_loss(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        self.is_packed = now.observer is None
        if not self.is_packed:
            self.dY = self.dLogits
            return super().training_loss(X, T, now, weights, share)
        self.dY = self.dH
        H = self.hidden.forward(without_padding(X, now), now)
        places = np.arange(T.size)
        lengths = self.hidden.output_lengths(now.lengths)
        if lengths is not None:
            places = np.flatnonzero(~is_padding(len(T), lengths))
        own = None if weights is None else weights[places % len(weights)]
        columns = H.reshape(len(H), -1)[:, places]  # (inputs, n)
        symbols = len(self.output_layer.W)
        Z = self.rows[: len(places) * symbols].reshape(-1, symbols)  # (n, symbols)
        dH, classes = np.empty((len(places), len(H)), H.dtype), T.reshape(-1)[places]
        shares = shares_of(own, len(places))
        loss = self.output_layer.loss(columns.T, classes, shares, share, Z, dH)
        self.dH.fill(0)
        self.dH.reshape(len(H), -1)[:, places] = dH.T
        return loss

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return (self.hidden if self.is_packed else self.body).backward(dY, now)
