"""Attention of a decoder to the outputs of an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from nnkit.config.spec import Count
from nnkit.native.attention_memory import AttentionMemory
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.sigmoids import Tanh
from nnkit.nn.dropout_mask import AttentionDropout, DropoutRate
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import Xavier, Zeros
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layers.weighted import BiasedLayer
from nnkit.nn.params import Array, Parameter, Shape
from nnkit.nn.passes import Observer, Pass
from nnkit.nn.products import product_of_rows
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory
from nnkit.nn.seq2seq.scores import (
    AdditiveScore,
    AttentionScore,
    DotScore,
    GeneralScore,
    LocationScore,
)

WORTH_TRANSPOSING = 128  # rows of [c; s], which take longer than a copy of the weights


class Attention(BiasedLayer):
    """In a decoder, y = tanh(W_c [c; s] + b_c), with c = Σ_j a_j h_j of the encoder's outputs h_j.

    The weights a = softmax(e) depend on the scores e_j of these outputs for the decoder's state s
    (Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015, eq. 5 to 7):

    - dot: s·h_j
    - scaled: s·h_j / √units (Vaswani et al. 2017)
    - general: sᵀ W_a h_j
    - additive: v_aᵀ tanh(W_a s + U_a h_j)
    - location: the row j of W_a s, whatever h_j is
    """

    kind: Literal["attention"] = "attention"
    shorthand: ClassVar[str | None] = "score"
    score: Literal["dot", "scaled", "general", "additive", "location"] = Field(
        "general", description="The scores e_j."
    )
    units: Count | None = Field(None, description="The size of y; default: that of s.")
    hidden: Count | None = Field(
        None, description="The size of the tanh of the additive score; default: that of s."
    )
    positions: Count | None = Field(
        None, description="The positions that the location score reads; later ones get no weight."
    )
    input_feeding: bool = Field(
        False,
        description="Whether y is also an input of the next step, of the first recurrent layer "
        "of the decoder (Luong et al. 2015, §3.3).",
    )
    dropout: DropoutRate | None = Field(None, description="Dropout of the weights a.")
    _channels: int | None = PrivateAttr(None)  # of the encoder's outputs

    @model_validator(mode="after")
    def _settings_suit_the_score(self) -> Self:
        if self.hidden is not None and self.score != "additive":
            raise ValueError("hidden has no effect without 'score: additive'")
        if (self.positions is not None) != (self.score == "location"):
            raise ValueError("positions is for 'score: location', which needs it")
        return self

    def reading(self, channels: int) -> Attention:
        """The layer in a decoder whose encoder has so many output channels."""
        layer = self.model_copy()
        layer._channels = channels
        return layer

    def of_size(self, units: int) -> Attention:
        """The layer with outputs of that size."""
        return self.model_copy(update={"units": units})

    @property
    def inner_activation(self) -> AnyActivation:
        return Tanh()

    def output_form(self, form: Form) -> Form:
        if self._channels is None or len(form.positions) != 1:
            raise ShapeError("'attention' stands in a decoder, after a recurrent layer")
        if self.score in {"dot", "scaled"} and form.channels != self._channels:
            raise ShapeError(
                f"the score '{self.score}' multiplies states of {form.channels} numbers by encoder "
                f"outputs of {self._channels}; make them equal, or use 'general'",
                "score",
            )
        return Form(self.units or form.channels, form.positions)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        channels, states = self._channels or 0, form.channels
        units, hidden = self.units or states, self.hidden or states
        found = [self._block("W_c", (units, channels + states)), self._bias("b_c", units)]
        if self.score == "general":
            found.append(self._block("W_a", (states, channels)))
        if self.score == "additive":
            shapes: dict[str, Shape] = {
                "W_a": (hidden, states),
                "U_a": (hidden, channels),
                "v_a": (hidden,),
            }
            found += [self._block(name, shape) for name, shape in shapes.items()]
        if self.positions is not None:
            found.append(self._block("W_a", (self.positions, states)))
        return found

    def _block(self, name: str, shape: Shape) -> Parameter:
        rows = shape[0] if len(shape) > 1 else 1
        initial = self.initializer or Xavier()
        return Parameter(name, shape, shape[-1], rows, initial, self.decay, self.lr_factor)

    def _bias(self, name: str, units: int) -> Parameter:
        initial = self.bias_initializer or Zeros()
        return Parameter(name, (units,), 1, units, initial, False, self.lr_factor)

    def in_program(self, form: Form) -> ProgramLayer | None:
        shape = form.sequence_shape
        suits = self.score in {"dot", "scaled", "general"} and self.dropout is None
        if shape is None or self._channels is None or not suits:
            return None
        states, positions = shape
        return ProgramLayer(
            LayerKind.ATTENTION,
            shape,
            (self._channels + states, positions),
            memory=AttentionMemory(self._channels, states, scale=self._scale(states)),
        )

    def _scale(self, states: int) -> float:
        """The factor on scores."""
        return 1 / sqrt(states) if self.score == "scaled" else 1.0

    def bind(self, binding: Binding) -> BoundAttention:
        return BoundAttention(self.bound_score(binding), binding, self.dropout)

    def bound_score(self, binding: Binding) -> AttentionScore:
        """Binds the score to its parameters."""
        params, grads = binding.params, binding.grads
        product = product_of_rows(binding.dtype, binding.threads)
        if self.score == "general":
            return GeneralScore(params, grads, product)
        if self.score == "additive":
            return AdditiveScore(params, grads, product)
        if self.score == "location":
            return LocationScore(params, grads, product)
        return DotScore(params, grads, product, self._scale(binding.form.channels))


class BoundAttention(Layer):
    """The formulas of `Attention`, for all positions at once or one after another.

    Arrays of positions are (T, N, size), so that those of one position are together. In the order
    of the positions, sequences that end are the last columns: position t takes the first n.
    """

    kept: ClassVar[tuple[str, ...]] = ("V", "K", "A", "dE", "masked", "mask")

    def __init__(
        self, score: AttentionScore, binding: Binding, dropout: float | None = None
    ) -> None:
        self.score, self.name = score, binding.name
        self.W, self.b = binding.params["W_c"], binding.params["b_c"]
        self.units = len(self.W)
        self.states, self.length = binding.input_shape
        self.channels = self.W.shape[1] - self.states
        self.training, self._binding = binding.training, binding
        self.dropout = None if dropout is None else AttentionDropout(dropout, binding)
        self.joined = self.positions(self.W.shape[1])  # [c; s]
        self.Y = self.positions(self.units)
        self.output = binding.buffer_by_position(self.units, self.length)
        if binding.training:
            self.dZ, self.dC = self.positions(self.units), self.positions(self.channels)
            self.dX = binding.buffer_by_position(*binding.input_shape)

    def positions(self, size: int) -> Array:
        """Memory for so many numbers at each position, (T, N, size)."""
        shape = (self.length, self._binding.batch, size)
        return self._binding.buffers.empty(shape, self._binding.dtype)

    def zeros(self, shape: Shape) -> Array:
        """An array of zeros of the layer's type."""
        return np.zeros(shape, self._binding.dtype)

    def forward(self, X: Array, now: Pass) -> Array:
        self.begin(now)
        Y = self.attend(np.ascontiguousarray(X.transpose(1, 2, 0)), slice(0, self.length))
        now.encoder_memory().weights = self.A
        np.copyto(self.output, Y.transpose(2, 0, 1))
        return self.output

    def backward(self, dY: Array, now: Pass) -> Array:
        self.begin_backward()
        every = slice(0, self.length)
        dS = self.attend_back(np.ascontiguousarray(dY.transpose(1, 2, 0)), every)
        self.end_backward(now.encoder_memory())
        np.copyto(self.dX, dS.transpose(2, 0, 1))
        return self.dX

    def begin(self, now: Pass, order: Array | None = None) -> None:
        """Prepares for the positions of a batch.

        Args:
            now: the current pass, with the outputs of the encoder.
            order: the samples in the order of the columns, (N,); None for their own.
        """
        self.order = slice(None) if order is None else order
        memory, self.observer = now.encoder_memory(), now.observer
        self.V, padding = memory.values, memory.is_padding
        self.padding = padding if padding is None or order is None else padding[order]
        self.K = memory.keys.get(self.name)
        if self.K is None:
            self.K = self.score.keys(self.V)
            if not self.training:
                memory.keys[self.name] = self.K
        if order is not None:
            self.V, self.K = self.V[order], self.K[order]
        self.masked = None
        if self.padding is not None and self.padding.any():
            self.masked = np.where(self.padding, -np.inf, 0).astype(self.V.dtype)[:, None]
        shape = (self.length, len(self.V), self.V.shape[1])
        self.A = self.zeros(shape)
        self.mask = None
        if self.dropout is not None and now.training:
            drawn = self.dropout.draw(now, 1, self.length, self.V.shape[1])
            self.mask = drawn[self.order, 0]  # (N, q, T)
        if order is not None:  # what stands after the ends counts in the sums over all positions
            self.joined[...] = 0
            self.Y[...] = 0

    def attend(self, S: Array, at: slice) -> Array:
        """The outputs (q, n, units) of the first n columns at q positions.

        Args:
            S: states of the decoder, (q, n, states).
            at: the positions.
        """
        assert self.K is not None
        n = S.shape[1]
        joined = self.joined[at, :n]
        joined[..., self.channels :] = S
        scores = self.score.forward(S.swapaxes(0, 1), self.K[:n])  # (n, q, T)
        if self.masked is not None:
            scores += self.masked[:n]
        E = scores if self.observer is None else scores.copy()
        A = _softmax(scores)
        self.A[at, :n] = A.swapaxes(0, 1)
        kept = A if self.mask is None else A * self.mask[:n, at]
        joined[..., : self.channels] = np.matmul(kept, self.V[:n]).swapaxes(0, 1)
        Y = self._combined(joined.reshape(-1, joined.shape[-1]))
        Y += self.b
        found = self.Y[at, :n]
        np.tanh(Y.reshape(found.shape), out=found)
        if self.observer is not None:
            contexts = joined[..., : self.channels]
            shown = {"e": E, "a": A, "c": contexts.swapaxes(0, 1), "y": found.swapaxes(0, 1)}
            self._show(self.observer, at, shown)
        return found

    def _combined(self, joined: Array) -> Array:
        """W [c; s] for rows of [c; s]."""
        if len(joined) < WORTH_TRANSPOSING:
            return np.dot(joined, self.W.T)
        Y = np.empty((len(joined), self.units), joined.dtype)
        return self.score.product(joined, np.ascontiguousarray(self.W.T), Y)

    def _show(self, observer: Observer, at: slice, values: Mapping[str, Array]) -> None:
        """Shows the values (n, q, rows) of q positions as steps."""
        for number, position in enumerate(range(at.start, at.stop)):
            own = {symbol: array[:, number].T for symbol, array in values.items()}
            observer.step(self.name, position, own)

    def begin_backward(self) -> None:
        """Prepares for `attend_back` of one position or all."""
        assert self.K is not None
        self.dE = self.zeros(self.A.shape)
        self.dZ[...] = 0
        self.dC[...] = 0
        self.score.begin_backward(self.K)

    def attend_back(self, dY: Array, at: slice) -> Array:
        """The gradient (q, n, states) of the states at q positions, for that of the outputs.

        Args:
            dY: dE/dY, (q, n, units).
            at: the positions.
        """
        assert self.K is not None
        n = dY.shape[1]
        Y, dZ, dC = self.Y[at, :n], self.dZ[at, :n], self.dC[at, :n]
        np.multiply(Y, Y, out=dZ)
        np.subtract(1, dZ, out=dZ)
        dZ *= dY
        d_joined = np.empty((*dZ.shape[:2], self.W.shape[1]), dZ.dtype)
        rows = d_joined.reshape(-1, self.W.shape[1])
        self.score.product(dZ.reshape(-1, self.units), self.W, rows)
        dC[...] = d_joined[..., : self.channels]
        A = self.A[at, :n].swapaxes(0, 1)
        dE = np.matmul(dC.swapaxes(0, 1), self.V[:n].swapaxes(1, 2))  # (n, q, T)
        if self.mask is not None:
            dE *= self.mask[:n, at]
        dE -= np.einsum("nqt,nqt->nq", A, dE)[..., None]
        dE *= A
        self.dE[at, :n] = dE.swapaxes(0, 1)
        S = self.joined[at, :n, self.channels :].swapaxes(0, 1)
        dS = d_joined[..., self.channels :]
        dS += self.score.backward(dE, S, self.K[:n]).swapaxes(0, 1)
        return dS

    def end_backward(self, memory: EncoderMemory) -> None:
        """Writes the gradients of the parameters, and adds those of the encoder's outputs."""
        assert self.K is not None
        grads = self._binding.grads
        dZ = self.dZ.reshape(-1, self.units)
        self.score.product(dZ.T, self.joined.reshape(len(dZ), -1), grads["W_c"])
        np.add.reduce(dZ, axis=0, out=grads["b_c"])
        A, dC, dE = (array.swapaxes(0, 1) for array in (self.A, self.dC, self.dE))  # (N, T, …)
        S = self.joined[..., self.channels :].swapaxes(0, 1)
        kept = A if self.mask is None else A * self.mask
        dV = np.matmul(kept.swapaxes(1, 2), dC)
        through_keys = self.score.end_backward(dE, S, self.K, self.V)
        if through_keys is not None:
            dV += through_keys
        memory.d_values[self.order] += dV


def _softmax(E: Array) -> Array:
    """The softmax of E over its last axis, in place; 0 where all of it is −∞."""
    E -= np.maximum.reduce(E, axis=-1, keepdims=True, initial=np.finfo(E.dtype).min)
    np.exp(E, out=E)
    total = np.add.reduce(E, axis=-1, keepdims=True)
    E /= np.maximum(total, np.finfo(E.dtype).tiny)
    return E
