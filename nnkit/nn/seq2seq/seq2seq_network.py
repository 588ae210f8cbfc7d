"""Encoder and decoder together: training on pairs of sequences, and decoding step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from nnkit.nn.arena import Arena, Buffers
from nnkit.nn.layer import Layer
from nnkit.nn.network import Network, NonfiniteSearch, without_padding
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.nn.recurrent.states import LayerState, States
from nnkit.nn.seq2seq.bound_encoder import BoundEncoder
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory
from nnkit.nn.seq2seq.seq2seq_layers import PairSize
from nnkit.nn.seq2seq.seq2seq_programs import BindPrograms, Seq2SeqPrograms
from nnkit.nn.seq2seq.teacher_forcing import TeacherForcing
from nnkit.nn.step_state import StepState

Source = tuple[
    EncoderMemory, dict[str, LayerState]
]  # what an encoder read, and the decoder's first state
ONE_BY_ONE = "a decoder computes one symbol after another: use begin() and step()"


class Size(NamedTuple):
    """The size of a batch: the number of samples, and the positions of the longest."""

    samples: int
    positions: int


class _OpenPass(NamedTuple):
    """A forward pass whose backward pass may follow."""

    encoder: BoundEncoder
    decoder: Network
    of_decoder: Pass


class Seq2SeqNetwork:
    """An encoder and a decoder, bound to the sizes of batches as they come.

    The decoder is given the target sequence delayed by one position, beginning with the start
    symbol, and computes the probabilities of the symbol at each position (teacher forcing). In
    training, some of these symbols may be the decoder's own.

    Attributes:
        start_symbol: the number of the symbol before the first.
        forcing: the probability of the target's symbols; None for always.
        seed: the seed of the draws.
        dY: the gradient of the loss at the end of the decoder's layers, after `training_loss`.
    """

    def __init__(
        self,
        bind_encoder: Callable[[Size, Buffers], BoundEncoder],
        bind_decoder: Callable[[Size, Buffers], Network],
        bind_step: Callable[[Size, Buffers], Network],
        start_symbol: int,
        forcing: TeacherForcing | None,
        seed: int,
        bind_programs: BindPrograms | None = None,
    ) -> None:
        """Makes a network without buffers.

        Args:
            bind_encoder: binds the encoder to a size.
            bind_decoder: binds the decoder to a size.
            bind_step: binds the decoder to a size outside training.
            start_symbol: the number of the symbol before the first.
            forcing: the probability of the target's symbols in training; None for always.
            seed: the seed of its draws.
            bind_programs: binds the compiled kernels that run the whole network; None if they do
                not know it.
        """
        self._bind_programs = bind_programs
        self._programs: Arena[PairSize, Seq2SeqPrograms] = Arena()
        self._bind_encoder, self._bind_decoder = bind_encoder, bind_decoder
        self._bind_step = bind_step
        self.start_symbol, self.forcing, self.seed = start_symbol, forcing, seed
        self._encoders: Arena[Size, BoundEncoder] = Arena()
        self._decoders: Arena[Size, Network] = Arena()
        self._steps: Arena[Size, Network] = Arena()
        self._open: _OpenPass | None = None

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers of the pass that `training_loss` has begun, by full name."""
        if self._open is None:
            return {}
        return {**self._open.encoder.layers, **self._open.decoder.layers}

    def reserve(self, samples: int, positions: int, target_positions: int) -> int:
        """Allocates the buffers for batches of a size; returns their bytes.

        Args:
            samples: the number of samples, N.
            positions: the positions of the longest source.
            target_positions: those of the longest target.
        """
        size = PairSize.for_batch(samples, positions, target_positions)
        if self._bind_programs is not None:
            self._programs.get(size, partial(self._bind_programs, size))
            return self._programs.nbytes
        self._encoder(Size(samples, positions))
        self.decoder(samples, target_positions)
        return self._encoders.nbytes + self._decoders.nbytes

    def encoder(self, X: Array) -> BoundEncoder:
        """The encoder bound to the size of source sequences X (…, T, N)."""
        return self._encoder(Size(X.shape[-1], X.shape[-2]))

    def _encoder(self, size: Size) -> BoundEncoder:
        return self._encoders.get(size, lambda buffers: self._bind_encoder(size, buffers))

    def decoder(self, samples: int, positions: int) -> Network:
        """The decoder bound to a size."""
        size = Size(samples, positions)
        return self._decoders.get(size, lambda buffers: self._bind_decoder(size, buffers))

    def delayed(self, T: Array) -> Array:
        """The symbols before each of the target sequences T (T, N)."""
        return np.concatenate([np.full_like(T[:1], self.start_symbol), T[:-1]])

    def _read(self, X: Array, now: Pass) -> Source:
        """Returns the outputs of the encoder for sources X, and the decoder's first state."""
        return self.encoder(X).forward(without_padding(X, now), now)

    def _given(self, T: Array, now: Pass, read: Callable[[], Source]) -> Array:
        """The symbols before those of the targets T (T, N) in training, in part the decoder's.

        Args:
            T: the targets.
            now: the current pass.
            read: gives what the encoder has read, if the decoder writes any symbol itself.
        """
        symbols = self.delayed(T)
        if self.forcing is None:
            return symbols
        own = ~self.forcing.draw(T, now, self.seed)[1:]
        positions = np.flatnonzero(own.any(axis=1))
        if not len(positions):
            return symbols
        memory, first = read()
        state = StepState(first, memory)
        for t in range(positions[-1] + 1):
            logs, _, state = self.step(state, symbols[t])
            np.copyto(symbols[t + 1], np.argmax(logs, axis=0), where=own[t], casting="same_kind")
        return symbols

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss of a symbol and writes the parameters' gradients.

        Both are multiplied by `share`.

        Args:
            X: source sequences, ids (T, N) or real numbers (features, T, N).
            T: target sequences as class numbers, (T, N).
            now: the current pass, with the lengths of both.
            weights: sample weights, (N,); None for equal weights.
            share: the share of these samples in a larger batch.
        """
        programs = self._programs_for(X, T, now)
        if programs is not None:
            symbols = self._given(T, now, lambda: self._read(X, now))
            return programs.loss_and_gradient(X, symbols, T, now, weights, share)
        loss = self.training_loss(X, T, now, weights, share)
        self.backward(self.dY, now)
        return loss * share

    def _programs_for(self, X: Array, T: Array, now: Pass) -> Seq2SeqPrograms | None:
        """The compiled kernels for a batch; None if they do not know the network or the pass."""
        if self._bind_programs is None or now.observer is not None:
            return None
        size = PairSize.for_batch(X.shape[-1], X.shape[-2], len(T))
        return self._programs.get(size, partial(self._bind_programs, size))

    def training_loss(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss in training and writes its gradient into `dY`.

        Arguments are those of `loss_and_gradient`; the gradient is multiplied by `share`.
        """
        memory, first = read = self._read(X, now)
        of_decoder = _of_decoder(now, memory, States(first))
        decoder = self.decoder(T.shape[1], T.shape[0])
        self._open = _OpenPass(self.encoder(X), decoder, of_decoder)
        symbols = self._given(T, now, lambda: read)
        loss = decoder.training_loss(symbols, T, of_decoder, weights, share)
        self.dY = decoder.dY
        return loss

    def backward(self, dY: Array, now: Pass) -> None:
        """Writes the gradients of the parameters, after `training_loss`."""
        assert self._open is not None, "backward without forward"
        encoder, decoder, of_decoder = self._open
        memory, states = of_decoder.encoder_memory(), of_decoder.states
        assert states is not None
        memory.begin_backward()
        decoder.backward(dY, of_decoder)
        encoder.backward(memory, states.d_first, now)

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """Refused: outputs depend on the symbols before them.

        Raises:
            TypeError: always; use `begin` and `step`.
        """
        raise TypeError(ONE_BY_ONE)

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss, and the probabilities (symbols, T, N), given the symbols before each.

        Arguments are those of `loss_and_gradient`.
        """
        programs = self._programs_for(X, T, now)
        if programs is not None:
            return programs.evaluate(X, self.delayed(T), T, now, weights)
        memory, first = self._read(X, now)
        decoder = self.decoder(T.shape[1], T.shape[0])
        return decoder.evaluate(
            self.delayed(T), T, weights, _of_decoder(now, memory, States(first))
        )

    def begin(self, X: Array, lengths: Array | None) -> StepState:
        """The state of a decoder that has read the sources X (…, T, N), of these lengths (N,)."""
        now = INFERENCE._replace(lengths=lengths)
        memory, first = self._read(X, now)
        # Copies, because the output of the bridge is a buffer of this network.
        own = {name: [vector.copy() for vector in state] for name, state in first.items()}
        return StepState(own, memory)

    def step(self, state: StepState, symbols: Array) -> tuple[Array, Array | None, StepState]:
        """The probabilities of the next symbol of K sequences.

        Args:
            state: the state after the symbols before.
            symbols: the last symbol of each sequence, (K,).

        Returns:
            The logarithms of the probabilities, (symbols, K), the weights of attention, (T, K), or
            None if there is none, and the state after these symbols.
        """
        assert state.memory is not None
        size, states = Size(len(symbols), 1), States(state.states)
        decoder = self._steps.get(size, lambda buffers: self._bind_step(size, buffers))
        now = _of_decoder(INFERENCE, state.memory, states)
        logs = decoder.log_probabilities(symbols[None], now)[:, 0]
        weights = state.memory.weights
        read = None if weights is None else weights[0].T
        return logs, read, StepState(states.last, state.memory)

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        search = NonfiniteSearch()
        search.output("the input", X)
        observed = now._replace(observer=search)
        memory, first = self._read(X, observed)
        decoder = self.decoder(T.shape[1], T.shape[0])
        decoder.forward(self.delayed(T), _of_decoder(observed, memory, States(first)))
        return search.found

    def release(self) -> None:
        """Drops references to the last input."""
        if self._open is not None:
            self._open.encoder.release()
            self._open.decoder.release()
            self._open = None


def _of_decoder(now: Pass, memory: EncoderMemory, states: States) -> Pass:
    """The decoder's part of a pass."""
    return now._replace(
        lengths=now.target_lengths, target_lengths=None, memory=memory, states=states
    )
