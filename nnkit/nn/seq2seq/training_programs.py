"""An encoder and a decoder in training, as two programs of the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

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
from nnkit.nn.loss import Loss
from nnkit.nn.params import Array, Layout
from nnkit.nn.passes import Pass
from nnkit.nn.programs import layers_in_rows, program_loss
from nnkit.nn.recurrent.compiled_states import CompiledStates
from nnkit.nn.recurrent.steps import Steps
from nnkit.nn.seq2seq.decoder_start import RecurrentPlace
from nnkit.nn.seq2seq.encoder_decoder import EncoderDecoder

MOST_LOGITS = 1 << 20  # bytes of the output layer; those of more are computed in parts


class PairSize(NamedTuple):
    """The size of a batch: its samples, and the positions of the longest source and target."""

    samples: int
    positions: int
    target_positions: int


@dataclass(frozen=True, slots=True)
class TrainingLayers:
    """The layers of an encoder and a decoder that the compiled kernels train.

    Attributes:
        parts: the layers as the config has them.
        encoder: those of the encoder, as programs describe them.
        decoder: those of the decoder, without the output activation, which is part of the loss.
        loss: the loss.
    """

    parts: EncoderDecoder
    encoder: tuple[ProgramLayer, ...]
    decoder: tuple[ProgramLayer, ...]
    loss: ProgramLoss

    @classmethod
    def of(
        cls, parts: EncoderDecoder, layout: Layout, state: Layout, loss: Loss, seed: int
    ) -> TrainingLayers | None:
        """Describes the layers; None if the kernels lack one, or the loss.

        Args:
            parts: the layers.
            layout: the place of each parameter block.
            state: the place of each block of running state.
            loss: the loss.
            seed: the seed of random draws.
        """
        found = program_loss(parts.decoder, loss)
        encoder = layers_in_rows(parts.encoder, layout, state, seed)
        decoder = layers_in_rows(parts.decoder[:-1], layout, state, seed)
        if found is None or encoder is None or decoder is None or not _suits(parts, decoder):
            return None
        return cls(parts, encoder, decoder, found)

    def suits(self, size: PairSize, itemsize: int) -> bool:
        """Whether the logits of a batch fit into the cache, so that the kernels are faster."""
        symbols, *_ = self.decoder[-1].output_shape
        rows = size.samples * size.target_positions
        return rows * symbols * itemsize <= MOST_LOGITS


def _suits(parts: EncoderDecoder, decoder: Sequence[ProgramLayer]) -> bool:
    """Whether one attention at most reads the encoder, and all parameters are trained."""
    attentions = [layer for layer in decoder if layer.memory is not None]
    frozen = any(block.lr_factor == 0 for stage in parts.stages for block in stage.parameters)
    return len(attentions) <= 1 and not frozen


class ProgramBinder(NamedTuple):
    """Binds programs that train a network to the sizes of batches.

    Attributes:
        suits: whether programs are the fastest way for a size.
        bind: binds them to a size.
    """

    suits: Callable[[PairSize], bool]
    bind: Callable[[PairSize, Buffers], TrainingPrograms]


class TrainingPrograms:
    """The programs of an encoder and a decoder, bound to a size, and what is between them.

    Inputs, outputs and gradients lie in the rows of steps (`nnkit/nn/recurrent/steps.py`), those of
    the encoder where the decoder's attention reads and writes them. NumPy computes the decoder's
    first states.
    """

    def __init__(
        self,
        layers: TrainingLayers,
        library: Library,
        size: PairSize,
        binding: Binding,
        vectors: tuple[Array, Array, Array],
    ) -> None:
        """Binds the layers to buffers.

        Args:
            layers: the layers.
            library: the compiled kernels.
            size: the size of batches.
            binding: the binding of the whole network.
            vectors: all parameters, their gradients, and the running state.
        """
        self.size, self.start = size, layers.parts.start
        parts, threads = layers.parts, binding.threads
        self.encoder = RowProgram(
            library,
            [layer.at(size.positions) for layer in layers.encoder],
            None,
            vectors,
            size.samples,
            binding.buffers,
            threads,
        )
        self.decoder = RowProgram(
            library,
            [_reading(layer.at(size.target_positions), size) for layer in layers.decoder],
            layers.loss,
            vectors,
            size.samples,
            binding.buffers,
            threads,
        )
        self.decoder.reads(self.encoder)
        self.attends = any(layer.memory is not None for layer in layers.decoder)
        self.encoder_states = _states(self.encoder, self.start.encoder, binding.params)
        self.decoder_states = _states(self.decoder, self.start.decoder, binding.params)
        self.bridge = None
        if parts.bridge:
            summary = Form(self.start.encoder[-1].width)
            own = replace(binding, form=summary, input_gradient=True, input_is_batch_first=False)
            self.bridge = bind_chain(parts.bridge, own)

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
        samples = self.size.samples
        self._read(X, now)
        steps = self._begin(self.decoder, self.size.target_positions, now.target_lengths, now)
        self._start(steps, now)
        positions, columns = steps.places
        self.decoder.set_rows(_rows(symbols, positions, columns, self.decoder))
        own = None if weights is None else weights[columns]
        loss = self.decoder.loss_and_gradient(samples, T[positions, columns], own, share)
        self._read_back(now)
        return loss

    def _begin(
        self, program: RowProgram, positions: int, lengths: Array | None, now: Pass
    ) -> Steps:
        """Prepares a program for the sequences and the draws of a pass."""
        steps = Steps(positions, self.size.samples, lengths)
        program.set_steps(None if lengths is None else steps.starts, steps.order)
        program.set_draws(now.key, now.before, now.after)
        return steps

    def _read(self, X: Array, now: Pass) -> None:
        """Computes the encoder's outputs and last states."""
        steps = self._begin(self.encoder, self.size.positions, now.lengths, now)
        positions, columns = steps.places
        self.encoder.set_rows(_rows(X, positions, columns, self.encoder))
        for states in self.encoder_states.values():
            states.begin(steps, None)
        self.encoder.run(self.size.samples)

    def _start(self, steps: Steps, now: Pass) -> None:
        """Computes the decoder's first states from the encoder's last ones."""
        last = {name: states.last() for name, states in self.encoder_states.items()}
        bridged = None
        if self.bridge is not None:
            place = self.start.encoder[-1]
            bridged = self.bridge.forward(place.joined(last[place.name])[0], now)
        first = self.start.first(last, bridged)
        for name, states in self.decoder_states.items():
            states.begin(steps, first.get(name))
            states.end(None)

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
        if not self.attends and self.encoder.gradient_of_output is not None:
            self.encoder.gradient_of_output.fill(0)
        self.encoder.run_back(self.size.samples)

    def release(self) -> None:
        """Drops references to the last input."""
        self.encoder.release()
        self.decoder.release()


def _reading(layer: ProgramLayer, size: PairSize) -> ProgramLayer:
    """A layer of the decoder; one that reads the encoder knows the length of sources."""
    if layer.memory is None:
        return layer
    return replace(layer, memory=replace(layer.memory, positions=size.positions))


def _states(
    program: RowProgram, places: Sequence[RecurrentPlace], params: Mapping[str, Array]
) -> dict[str, CompiledStates]:
    """The states of the recurrent layers of a program, by name."""
    found = {}
    for place, directions in zip(places, program.states.values(), strict=True):
        start = f"{place.name}."
        own = {
            name.removeprefix(start): block
            for name, block in params.items()
            if name.startswith(start)
        }
        found[place.name] = CompiledStates(directions, ("", REVERSE)[: len(directions)], own)
    return found


def _rows(X: Array, positions: Array, columns: Array, program: RowProgram) -> Array:
    """Ids (T, N) or numbers (features, T, N) as the rows of steps."""
    dtype = program.outputs.dtype
    found = X[..., positions, columns]
    if X.ndim == 2:
        return found.astype(dtype)[:, None]
    rows = np.zeros((len(positions), padded(len(X))), dtype)
    rows[:, : len(X)] = found.T
    return rows
