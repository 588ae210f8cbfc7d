"""An encoder and a decoder as two programs of the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from nnkit.native.library import Library
from nnkit.native.program import ProgramLoss
from nnkit.native.program_layer import ProgramLayer
from nnkit.native.row_program import RowProgram
from nnkit.native.row_sizes import padded
from nnkit.nn.arena import Buffers
from nnkit.nn.chain import bind_chain
from nnkit.nn.form import Form
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import REVERSE
from nnkit.nn.params import Array, blocks_of
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.nn.recurrent.compiled_states import CompiledStates
from nnkit.nn.recurrent.steps import Steps
from nnkit.nn.seq2seq.decoder_start import RecurrentPlace
from nnkit.nn.seq2seq.packed_output import PackedOutput, shares_of
from nnkit.nn.seq2seq.seq2seq_layers import PairSize, Seq2SeqLayers


class Seq2SeqPrograms:
    """The programs of an encoder and a decoder, bound to the largest size of their batches.

    Inputs, outputs and gradients lie in the rows of steps (`nnkit/nn/recurrent/steps.py`), those of
    the encoder where the decoder's attention reads and writes them. NumPy computes the decoder's
    first states, and in training the output layer of a large vocabulary.
    """

    def __init__(
        self,
        layers: Seq2SeqLayers,
        library: Library,
        size: PairSize,
        binding: Binding,
        vectors: tuple[Array, Array, Array],
    ) -> None:
        """Binds the layers to buffers.

        Args:
            layers: the layers.
            library: the compiled kernels.
            size: the samples of batches, and the most positions.
            binding: the binding of the whole network.
            vectors: all parameters, their gradients, and the running state.
        """
        self.size, self.start, self.training = size, layers.parts.start, binding.training
        own_encoder, own_decoder = (
            list(own.training if binding.training else own.inference)
            for own in (layers.encoder, layers.decoder)
        )
        loss: ProgramLoss | None = layers.loss
        self.output_layer: PackedOutput | None = None
        if binding.training and layers.is_large(size, binding.dtype.itemsize):
            self._bind_output(layers, binding)
            own_decoder, loss = own_decoder[:-1], None

        def program(found: Sequence[ProgramLayer], loss: ProgramLoss | None) -> RowProgram:
            return RowProgram(
                library,
                found,
                loss,
                vectors,
                size.samples,
                binding.buffers,
                binding.threads,
                binding.training,
            )

        self.encoder = program([layer.at(size.positions) for layer in own_encoder], None)
        self.decoder = program([_of_decoder(layer, size) for layer in own_decoder], loss)
        self.attends = any(layer.memory is not None for layer in own_decoder)
        self.encoder_states = _states(self.encoder, self.start.encoder, binding)
        self.decoder_states = _states(self.decoder, self.start.decoder, binding)
        self.bridge = None
        if layers.parts.bridge:
            summary = Form(self.start.encoder[-1].width)
            own = replace(binding, form=summary, input_gradient=True, input_is_batch_first=False)
            self.bridge = bind_chain(layers.parts.bridge, own)

    def _bind_output(self, layers: Seq2SeqLayers, binding: Binding) -> None:
        """Prepares an output layer whose logits are computed in parts."""
        start = f"{layers.parts.decoder[-2].name}."
        self.output_layer = PackedOutput(
            blocks_of(binding.params, start), blocks_of(binding.grads, start), layers.cross_entropy
        )
        rows = self.size.samples * self.size.target_positions
        self.logits = binding.buffers.empty((rows, len(self.output_layer.W)), binding.dtype)

    def loss_and_gradient(
        self, X: Array, symbols: Array, T: Array, now: Pass, weights: Array | None, share: float
    ) -> float:
        """Returns the mean loss of a symbol and writes the parameters' gradients.

        Both are multiplied by `share`.

        Args:
            X: source sequences, ids (T, N) or real numbers (features, T, N).
            symbols: the symbol before each of the targets, (T, N).
            T: target sequences as class numbers, (T, N).
            now: the current pass, with the lengths of both.
            weights: sample weights, (N,); None for equal weights.
            share: the share of these samples in a larger batch.
        """
        classes, own = self._prepare(X, symbols, T, now, weights)
        if self.output_layer is None:
            loss = self.decoder.loss_and_gradient(self.size.samples, classes, own, share)
        else:
            loss = self._loss_in_parts(classes, own, share)
        self._read_back(now)
        return loss

    def evaluate(
        self, X: Array, symbols: Array, T: Array, now: Pass, weights: Array | None
    ) -> tuple[float, Array]:
        """The mean loss of a symbol, and the probabilities (symbols, T, N), outside training.

        Arguments are those of `loss_and_gradient`. Probabilities after the ends of targets are 0.
        """
        classes, own = self._prepare(X, symbols, T, now, weights)
        loss, rows = self.decoder.loss_and_outputs(self.size.samples, classes, own)
        Y = np.zeros((*T.shape, rows.shape[1]), rows.dtype)
        Y[self.places] = rows
        return loss, Y.transpose(2, 0, 1)

    def _prepare(
        self, X: Array, symbols: Array, T: Array, now: Pass, weights: Array | None
    ) -> tuple[Array, Array | None]:
        """Prepares the decoder for a batch; returns the classes and the weights of its rows."""
        self._read(X, now)
        steps = self._begin(self.decoder, len(T), now.target_lengths, now)
        self.decoder.read(self.encoder)
        self._start(steps, now)
        self.places = positions, columns = steps.places
        self.decoder.set_rows(_rows(symbols, steps, self.decoder))
        return T[positions, columns], None if weights is None else weights[columns]

    def _begin(
        self, program: RowProgram, positions: int, lengths: Array | None, now: Pass
    ) -> Steps:
        """Prepares a program for the sequences and the draws of a pass."""
        steps = Steps(positions, self.size.samples, lengths)
        starts = None if lengths is None else steps.starts
        program.set_sequences(positions, starts, steps.order)
        program.set_draws(now.key, now.before, now.after)
        return steps

    def _read(self, X: Array, now: Pass) -> None:
        """Computes the encoder's outputs and last states."""
        steps = self._begin(self.encoder, X.shape[-2], now.lengths, now)
        self.encoder.set_rows(_rows(X, steps, self.encoder))
        for states in self.encoder_states.values():
            states.begin(steps, None)
        self.encoder.run(self.size.samples)

    def _start(self, steps: Steps, now: Pass) -> None:
        """Computes the decoder's first states from the encoder's last ones."""
        last = {name: states.last() for name, states in self.encoder_states.items()}
        bridged = None
        if self.bridge is not None:
            place = self.start.encoder[-1]
            passing = now if self.training else INFERENCE
            bridged = self.bridge.forward(place.joined(last[place.name])[0], passing)
        first = self.start.first(last, bridged)
        for name, states in self.decoder_states.items():
            states.begin(steps, first.get(name))
            states.end(None)

    def _loss_in_parts(self, classes: Array, weights: Array | None, share: float) -> float:
        """The mean loss of the symbols of a large vocabulary; writes all gradients."""
        assert self.output_layer is not None
        H = self.decoder.run(self.size.samples)
        shares, Z = shares_of(weights, len(H)), self.logits[: len(H)]
        dH = cast("Array", self.decoder.gradient_of_output)[: len(H), : H.shape[1]]
        loss = self.output_layer.loss(H, classes, shares, share, Z, dH)
        self.decoder.run_back(self.size.samples)
        return loss * share

    def _read_back(self, now: Pass) -> None:
        """Computes the gradients of the bridge and the encoder, after those of the decoder."""
        d_first = {name: states.d_first() for name, states in self.decoder_states.items()}
        d_bridge, d_summary = self.start.d_bridge(d_first), None
        if self.bridge is not None:
            assert d_bridge is not None
            d_summary = self.bridge.backward(d_bridge, now)
        d_last = self.start.d_last(d_first, d_summary)
        for name, states in self.encoder_states.items():
            states.end(d_last.get(name))
        if not self.attends:
            cast("Array", self.encoder.gradient_of_output).fill(0)
        self.encoder.run_back(self.size.samples)

    def release(self) -> None:
        """Drops references to the last input."""
        self.encoder.release()
        self.decoder.release()


# Binds programs to a size of batches; None where there are none for a network.
BindPrograms = Callable[[PairSize, Buffers], Seq2SeqPrograms]


def _of_decoder(layer: ProgramLayer, size: PairSize) -> ProgramLayer:
    """A layer of the decoder; one that reads the encoder knows the length of sources."""
    layer = layer.at(size.target_positions)
    if layer.memory is None:
        return layer
    return replace(layer, memory=replace(layer.memory, positions=size.positions))


def _states(
    program: RowProgram, places: Sequence[RecurrentPlace], binding: Binding
) -> dict[str, CompiledStates]:
    """The states of the recurrent layers of a program, by name."""
    return {
        place.name: CompiledStates(
            directions,
            ("", REVERSE)[: len(directions)],
            blocks_of(binding.params, f"{place.name}."),
        )
        for place, directions in zip(places, program.states.values(), strict=True)
    }


def _rows(X: Array, steps: Steps, program: RowProgram) -> Array:
    """Ids (T, N) or numbers (features, T, N) as the rows of steps."""
    dtype, (positions, columns) = program.outputs.dtype, steps.places
    found = X[..., positions, columns]
    if X.ndim == 2:
        return found.astype(dtype)[:, None]
    rows = np.zeros((len(positions), padded(len(X))), dtype)
    rows[:, : len(X)] = found.T
    return rows
