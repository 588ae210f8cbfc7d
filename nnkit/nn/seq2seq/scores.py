"""Attention scores: how well each position of a source suits the state of a decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from nnkit.nn.params import Array
from nnkit.nn.products import Product


class AttentionScore(ABC):
    """Scores e (N, Q, T) of the T positions of each source, for Q states of a decoder.

    Sources are values V (N, T, channels) of which each is turned into a key once; states S are
    (N, Q, units).
    """

    def __init__(
        self, params: Mapping[str, Array], grads: Mapping[str, Array], product: Product
    ) -> None:
        self.params, self.grads, self.product = params, grads, product

    def keys(self, V: Array) -> Array:
        """The keys K (N, T, size) of values V (N, T, channels)."""
        return V

    def begin_backward(self, K: Array) -> None:
        """Prepares for `backward` of one state after another: sets gradients to 0."""
        for gradient in self.grads.values():
            gradient.fill(0)

    def _times(self, A: Array, W: Array) -> Array:
        """A W for A (N, T, size) as one product; `@` would make one for each of the N."""
        found = np.empty((*A.shape[:2], W.shape[1]), A.dtype)
        self.product(_rows(A), np.ascontiguousarray(W), _rows(found))
        return found

    @abstractmethod
    def forward(self, S: Array, K: Array) -> Array:
        """The scores (N, Q, T) of keys K for states S."""

    @abstractmethod
    def backward(self, dE: Array, S: Array, K: Array) -> Array:
        """Returns dE/dS (N, Q, units) for the gradient dE (N, Q, T) of the scores."""

    @abstractmethod
    def end_backward(self, dE: Array, S: Array, K: Array, V: Array) -> Array | None:
        """Writes the gradients of the parameters; returns dE/dV (N, T, channels).

        Args:
            dE: the gradients of all scores, (N, Q, T).
            S: all states, (N, Q, units).
            K: the keys.
            V: the values.
        """


class DotScore(AttentionScore):
    """e = scale · s·h (Luong, Pham & Manning 2015; scaled by 1/√units: Vaswani et al. 2017)."""

    def __init__(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        product: Product,
        scale: float = 1.0,
    ) -> None:
        super().__init__(params, grads, product)
        self.scale = scale

    def keys(self, V: Array) -> Array:
        return V if self.scale == 1 else V * V.dtype.type(self.scale)

    def forward(self, S: Array, K: Array) -> Array:
        return np.matmul(S, K.swapaxes(1, 2))

    def backward(self, dE: Array, S: Array, K: Array) -> Array:
        return np.matmul(dE, K)

    def end_backward(self, dE: Array, S: Array, K: Array, V: Array) -> Array:
        dK = np.matmul(dE.swapaxes(1, 2), S)
        return dK if self.scale == 1 else np.multiply(dK, dK.dtype.type(self.scale), out=dK)


class GeneralScore(DotScore):
    """e = sᵀ W h (Luong, Pham & Manning 2015, §3.1), with the keys W h."""

    def keys(self, V: Array) -> Array:
        return self._times(V, self.params["W_a"].T)

    def end_backward(self, dE: Array, S: Array, K: Array, V: Array) -> Array:
        dK = np.matmul(dE.swapaxes(1, 2), S)
        self.product(_rows(dK).T, _rows(V), self.grads["W_a"])
        return self._times(dK, self.params["W_a"])


class AdditiveScore(AttentionScore):
    """e = vᵀ tanh(W s + U h) (Bahdanau, Cho & Bengio 2015, appendix A.1.2), with the keys U h.

    The tanh takes one state at a time, and its values are computed again in the backward pass:
    those of all states would need as much memory as states times values.
    """

    def keys(self, V: Array) -> Array:
        return self._times(V, self.params["U_a"].T)

    def forward(self, S: Array, K: Array) -> Array:
        E, v = np.empty((*S.shape[:2], K.shape[1]), S.dtype), self.params["v_a"]
        for q in range(S.shape[1]):
            E[:, q] = self._hidden(S[:, q], K) @ v
        return E

    def _hidden(self, S: Array, K: Array) -> Array:
        """The values of tanh, (N, T, size), for states S (N, units)."""
        Y = K + (S @ self.params["W_a"].T)[:, None]
        return np.tanh(Y, out=Y)

    def begin_backward(self, K: Array) -> None:
        super().begin_backward(K)
        self.dK = np.zeros_like(K)

    def backward(self, dE: Array, S: Array, K: Array) -> Array:
        dS, dK = np.empty_like(S), self.dK[: len(K)]
        for q in range(S.shape[1]):
            Y, dq = self._hidden(S[:, q], K), dE[:, q]
            self.grads["v_a"] += np.dot(np.ascontiguousarray(dq).ravel(), _rows(Y))
            np.multiply(Y, Y, out=Y)
            np.subtract(1, Y, out=Y)
            Y *= self.params["v_a"]
            Y *= dq[:, :, None]
            dK += Y
            dW_s = np.add.reduce(Y, axis=1)
            self.grads["W_a"] += dW_s.T @ S[:, q]
            dS[:, q] = dW_s @ self.params["W_a"]
        return dS

    def end_backward(self, dE: Array, S: Array, K: Array, V: Array) -> Array:
        self.product(_rows(self.dK).T, _rows(V), self.grads["U_a"])
        return self._times(self.dK, self.params["U_a"])


class LocationScore(AttentionScore):
    """e = W s, a score for each position whatever stands there (Luong et al. 2015, eq. 8).

    Positions beyond those of W are not read.
    """

    def forward(self, S: Array, K: Array) -> Array:
        W, length = self.params["W_a"], K.shape[1]
        E = np.full((*S.shape[:2], length), -np.inf, S.dtype)
        E[..., : len(W)] = S @ W[:length].T
        return E

    def backward(self, dE: Array, S: Array, K: Array) -> Array:
        W = self.params["W_a"][: K.shape[1]]
        return dE[..., : len(W)] @ W

    def end_backward(self, dE: Array, S: Array, K: Array, V: Array) -> None:
        dW = self.grads["W_a"]
        read = dE[..., : len(dW)]
        np.dot(_rows(read).T, _rows(S), out=dW[: read.shape[-1]])


def _rows(A: Array) -> Array:
    """Views or copies A (N, T, size) as (N · T, size)."""
    return A.reshape(-1, A.shape[-1])
