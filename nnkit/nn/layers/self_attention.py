"""Multi-head self-attention: each position of a sequence gathers from the others."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.linear import Identity
from nnkit.nn.dropout_mask import AttentionDropout, DropoutRate
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import Xavier, Zeros
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import BiasedLayer
from nnkit.nn.padding import is_padding
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Observer, Pass
from nnkit.nn.receptive_field import ReceptiveField
from nnkit.nn.recurrent.gate_initializer import OfEachGate

PARTS = 3  # the queries, keys and values of all heads


class SelfAttention(BiasedLayer):
    """Multi-head scaled dot-product attention over a sequence (Vaswani et al. 2017, eq. 1, §3.2.2).

    The rows of W x + b are the queries q, keys k and values v of all heads. Each head computes
    Σ_u A[t, u] v(u), with A[t, :] = softmax_u(q(t)·k(u)/√d) over the positions u of the sequence
    and d = units/heads. The concatenated heads are multiplied by O, and c is added. In a residual
    block of a Transformer, `activation: identity` leaves out the activation after the sum.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("multi_head_attention", "multihead_attention", "mha")
    kind: Literal["self_attention"] = "self_attention"
    shorthand: ClassVar[str | None] = "heads"
    heads: Count = Field(1, description="The number of heads.")
    units: Count | None = Field(
        None, description="The size of the output, and of all heads; by default that of the input."
    )
    causal: bool = Field(
        False, description="Whether a position attends only to itself and those before it."
    )
    bias: bool = Field(True, description="Whether to add b and c.")
    dropout: DropoutRate | None = Field(None, description="Dropout of the weights A.")

    @property
    def inner_activation(self) -> AnyActivation:
        return Identity()

    @property
    def outgrows_cache(self) -> bool:
        return True

    @property
    def continues_streams(self) -> bool:
        return False

    def size(self, form: Form) -> int:
        """The size of the output at each position."""
        return self.units or form.channels

    def output_form(self, form: Form) -> Form:
        if len(form.positions) != 1:
            raise ShapeError(
                f"'{self.tag()}' takes sequences (features, length), but each sample here has "
                f"shape {form}"
            )
        units = self.size(form)
        if units % self.heads:
            raise ShapeError(f"{units} units cannot be divided among {self.heads} heads", "heads")
        return Form(units, form.positions)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        inputs, units = form.channels, self.size(form)
        weights, bias = self.initializer or Xavier(), self.bias_initializer or Zeros()

        def block(name: str, shape: Shape, parts: int, fan_in: int) -> Parameter:
            initial = OfEachGate(gates=(weights if len(shape) > 1 else bias,) * parts)
            decay = self.decay and len(shape) > 1
            return Parameter(name, shape, fan_in, units, initial, decay, self.lr_factor)

        found = [
            block("W", (PARTS * units, inputs), PARTS, inputs),
            block("O", (units, units), 1, units),
        ]
        if self.bias:
            found += [block("b", (PARTS * units,), PARTS, 1), block("c", (units,), 1, 1)]
        return found

    def receptive_field(self, form: Form) -> ReceptiveField:
        return ReceptiveField((inf,), (1,))

    def multiplications(self, form: Form) -> int:
        (length,) = form.positions
        positions, units = length or 1, self.size(form)
        return positions * (super().multiplications(form) + 2 * positions * units)

    def values_inside(self, form: Form) -> int:
        (length,) = form.positions
        return 2 * self.heads * (length or 1) ** 2  # the weights A and their gradient

    def bind(self, binding: Binding) -> Layer:
        return BoundSelfAttention(self, binding)


class BoundSelfAttention(Layer):
    """The formulas of `SelfAttention`, and with dH = Oᵀ dY those of its gradients.

    dV = Aᵀ dH; dS = A ⊙ (dA − Σ_u A ⊙ dA) for dA = dH Vᵀ; dQ = dS K/√d and dK = dSᵀ Q/√d. Queries,
    keys and values are (N, heads, T, d), so that the products of all heads are one call. With the
    mask M of dropout, A ⊙ M takes the place of A in the output and in dV, and dA = M ⊙ dH Vᵀ.
    """

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, spec: SelfAttention, binding: Binding) -> None:
        channels, length = binding.input_shape
        units, samples = spec.size(binding.form), binding.batch
        self.name = binding.name
        self.shape = (samples, spec.heads, length, units // spec.heads)
        self.scale = binding.dtype.type(1 / sqrt(units // spec.heads))
        self.params, self.grads = binding.params, binding.grads
        self.future = None
        if spec.causal:
            self.future = np.triu(np.full((length, length), -np.inf, binding.dtype), 1)
        self.input_gradient = binding.input_gradient
        empty, dtype = binding.buffers.empty, binding.dtype
        self.projected = empty((PARTS * units, length * samples), dtype)
        self.Q, self.K, self.V = empty((PARTS, *self.shape), dtype)
        self.A = empty((*self.shape[:2], length, length), dtype)
        self.H = empty((units, length * samples), dtype)
        self.Y = binding.buffer(units, length)
        self.dropout = None if spec.dropout is None else AttentionDropout(spec.dropout, binding)
        self.M: Array | None = None
        if binding.training:
            self.dA = empty(self.A.shape, dtype)
        if binding.input_gradient:
            self.dX = binding.buffer(channels, length)

    def forward(self, X: Array, now: Pass) -> Array:
        columns = X.reshape(len(X), -1)
        if now.training:
            self.X = columns
        np.dot(self.params["W"], columns, out=self.projected)
        if "b" in self.params:
            self.projected += self.params["b"][:, None]
        for part, into in zip(
            np.split(self.projected, PARTS), (self.Q, self.K, self.V), strict=True
        ):
            into[...] = self._by_head(part)
        self.Q *= self.scale
        np.matmul(self.Q, self.K.swapaxes(2, 3), out=self.A)
        self._softmax(now)
        self.M = None
        if self.dropout is not None and now.training:
            _, heads, length, _ = self.shape
            self.M = self.dropout.draw(now, heads, length, length)
        self._by_head(self.H)[...] = np.matmul(self._kept_weights(), self.V)
        if now.observer is not None:
            self._show(now.observer)
        Y = self.Y.reshape(len(self.Y), -1)
        np.dot(self.params["O"], self.H, out=Y)
        if "c" in self.params:
            Y += self.params["c"][:, None]
        return self.Y

    def _kept_weights(self) -> Array:
        """A ⊙ M, the weights after dropout."""
        return self.A if self.M is None else self.A * self.M

    def _by_head(self, rows: Array) -> Array:
        """Views rows (units, T · N) as (N, heads, T, d)."""
        samples, heads, length, size = self.shape
        return rows.reshape(heads, size, length, samples).transpose(3, 0, 2, 1)

    def _show(self, observer: Observer) -> None:
        """Shows the weights of each head as steps."""
        for position in range(self.A.shape[2]):
            heads = self.A[:, :, position].transpose(1, 2, 0)  # (heads, T, N)
            weights = {f"head {head}: A": A for head, A in enumerate(heads, 1)}
            observer.step(self.name, position, weights)

    def _softmax(self, now: Pass) -> None:
        """Turns the scores in A into weights; all are 0 where there is no position to attend to."""
        A = self.A
        if self.future is not None:
            A += self.future
        if now.lengths is not None:
            past = is_padding(A.shape[-1], now.lengths).T[:, None, None]
            np.copyto(A, -np.inf, where=past)
        top = A.max(axis=-1, keepdims=True)
        A -= np.where(np.isneginf(top), 0, top)
        np.exp(A, out=A)
        total = A.sum(axis=-1, keepdims=True)
        A /= np.where(total == 0, 1, total)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        dZ = dY.reshape(len(dY), -1)
        np.dot(dZ, self.H.T, out=self.grads["O"])
        if "c" in self.grads:
            np.sum(dZ, axis=1, out=self.grads["c"])
        dH = np.ascontiguousarray(self._by_head(np.dot(self.params["O"].T, dZ)))
        dQ, dK, dV = (self._by_head(part) for part in np.split(self.projected, PARTS))
        dV[...] = np.matmul(self._kept_weights().swapaxes(2, 3), dH)
        dS = np.matmul(dH, self.V.swapaxes(2, 3), out=self.dA)
        if self.M is not None:
            dS *= self.M
        dS -= np.einsum("nhtu,nhtu->nht", self.A, dS)[..., None]
        dS *= self.A
        dQ[...] = np.matmul(dS, self.K) * self.scale
        dK[...] = np.matmul(dS.swapaxes(2, 3), self.Q)  # which has been scaled
        np.dot(self.projected, self.X.T, out=self.grads["W"])
        if "b" in self.grads:
            np.sum(self.projected, axis=1, out=self.grads["b"])
        if not self.input_gradient:
            return None
        np.dot(self.params["W"].T, self.projected, out=self.dX.reshape(len(self.dX), -1))
        return self.dX
