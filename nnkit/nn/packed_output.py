"""The output layer of a large vocabulary, for the symbols of all sequences without padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from nnkit.nn.activations.softmax import Softmax
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers.dense import BoundDense, Dense
from nnkit.nn.layers.each_position import AtEachPosition
from nnkit.nn.loss import PART, Loss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.network import Network, without_padding
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array
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


class PackedOutputNetwork(Network):
    """A network whose last layer, softmax and cross-entropy are computed symbol by symbol.

    Only the positions before the ends of sequences are computed, as rows h of the last hidden
    layer: z = W h + b, the loss and dz, and dh = Wᵀ dz, for about a megabyte of logits at a time,
    which stays in the cache. Then dW = Σ dz hᵀ and db = Σ dz over all rows. Passes that are
    observed compute layer by layer, like those of any network.

    Attributes:
        dY: dE/dH of the last hidden layer, (inputs, T, N), after a pass that is not observed.
    """

    def __init__(self, stages: Sequence[Stage], binding: Binding, loss: CrossEntropy) -> None:
        super().__init__(stages, binding, loss)
        last = self.body.last
        assert isinstance(last.layer, AtEachPosition)
        assert isinstance(last.layer.layer, BoundDense)
        self.cross_entropy, self.dense = loss, last.layer.layer
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
        shares = np.ones(len(places)) if weights is None else weights[places % len(weights)]
        total = float(np.add.reduce(shares))
        shares = np.divide(shares, total) if total else shares
        return self._packed_loss(H, T.reshape(-1)[places], places, shares, share)

    def _packed_loss(
        self, H: Array, classes: Array, places: Array, shares: Array, share: float
    ) -> float:
        """The mean loss of n symbols; writes the gradients of the output layer and dE/dH.

        Args:
            H: the last hidden layer, (inputs, T, N).
            classes: the symbols, (n,).
            places: the place of each among the T · N positions, (n,).
            shares: the share of each in the mean loss, (n,).
            share: the factor of the gradients.
        """
        dense, W = self.dense, self.dense.W
        columns = H.reshape(len(H), -1)[:, places]  # (inputs, n)
        Z = self.rows[: len(places) * len(W)].reshape(-1, len(W))  # (n, symbols)
        dH = np.empty((len(places), len(H)), H.dtype)
        losses = np.empty(len(places), H.dtype)
        factors = (shares * share).astype(H.dtype)[:, None]
        size = max(1, PART // (len(W) * Z.itemsize))
        for part in (slice(at, at + size) for at in range(0, len(places), size)):
            logits = np.dot(columns[:, part].T, W.T, out=Z[part])
            if dense.b is not None:
                logits += dense.b[:, 0]
            losses[part] = self.cross_entropy.losses_of_classes(logits.T, classes[part], logits.T)
            logits *= factors[part]
            np.dot(logits, W, out=dH[part])
        np.dot(Z.T, columns.T, out=dense.dW)
        if dense.db is not None:
            np.add.reduce(Z, axis=0, out=dense.db)
        self.dH.fill(0)
        self.dH.reshape(len(H), -1)[:, places] = dH.T
        return float(np.dot(shares, losses))

    def backward(self, dY: Array, now: Pass) -> Array | None:
        return (self.hidden if self.is_packed else self.body).backward(dY, now)
