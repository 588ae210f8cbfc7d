"""A model of an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from nnkit.native.library import library
from nnkit.native.program import ProgramLoss
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form, Positions
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage, rebuild_stages
from nnkit.nn.loss import Loss
from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.params import Array
from nnkit.nn.programs import Layers
from nnkit.nn.seq2seq.bound_encoder import BoundEncoder
from nnkit.nn.seq2seq.encoder_decoder import EncoderDecoder
from nnkit.nn.seq2seq.packed_output import network_over_symbols
from nnkit.nn.seq2seq.seq2seq_layers import PairSize, Seq2SeqLayers
from nnkit.nn.seq2seq.seq2seq_network import ONE_BY_ONE, Seq2SeqNetwork, Size
from nnkit.nn.seq2seq.seq2seq_programs import BindPrograms, Seq2SeqPrograms
from nnkit.nn.seq2seq.teacher_forcing import TeacherForcing
from nnkit.nn.step_state import StepState


class Seq2SeqModel(Model):
    """A model that turns sequences into sequences; an encoder reads them, a decoder writes them.

    Its networks take batches of any lengths, so their positions need not be given.

    Attributes:
        parts: the layers of the encoder and the decoder.
        start_symbol: the number of the symbol that stands before the first of each target.
        forcing: the probability in training that the decoder is given the target's symbols; None
            for always.
    """

    def __init__(
        self,
        parts: EncoderDecoder,
        loss: Loss,
        start_symbol: int,
        seed: int,
        dtype: str,
        forcing: TeacherForcing | None = None,
    ) -> None:
        super().__init__(parts.stages, loss, seed, dtype)
        self.parts, self.start_symbol, self.forcing = parts, start_symbol, forcing
        self._make_networks()

    def _make_networks(self) -> None:
        self._trained = self.new_network(training=True)
        self._networks = Pool(lambda: self.new_network(training=False))

    def __getstate__(self) -> dict[str, Any]:
        """The attributes of a copy, but for its networks, which compute with its own parameters."""
        return {k: v for k, v in vars(self).items() if k not in ("_trained", "_networks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_networks()

    @property
    def target_form(self) -> Form:
        """The form of one target sequence, as the decoder reads it."""
        return self.parts.decoder[0].input_form

    @property
    def program(self) -> tuple[Layers, ProgramLoss] | None:
        """None: the compiled kernels do not know decoders."""
        return None

    @property
    def unknown_to_kernels(self) -> str | None:
        known = library() is None or self._seq2seq_layers is not None
        return None if known else "a layer of the encoder or the decoder"

    @property
    def _seq2seq_layers(self) -> Seq2SeqLayers | None:
        """The layers that the compiled kernels run; None if they lack one, or the loss."""
        return Seq2SeqLayers.of(self.parts, self.layout, self.state_layout, self.loss, self.seed)

    def stages_at(self, positions: Positions) -> Sequence[Stage]:
        """The stages for sources and targets of that length."""
        encoder = rebuild_stages(self.parts.encoder, self.input_form.at(positions))
        decoder = rebuild_stages(self.parts.decoder, self.target_form.at(positions))
        return (*encoder, *self.parts.bridge, *decoder)

    def new_network(self, training: bool) -> Seq2SeqNetwork:
        """A network with its own memory."""

        def encoder(size: Size, buffers: Buffers) -> BoundEncoder:
            return BoundEncoder(self.parts, self._binding(self.input_form, size, buffers, training))

        def decoder(size: Size, buffers: Buffers) -> Network:
            return self._decoder(size, buffers, training)

        def step(size: Size, buffers: Buffers) -> Network:
            return self._decoder(size, buffers, training=False)

        programs = self._bind_programs(training)
        return Seq2SeqNetwork(
            encoder, decoder, step, self.start_symbol, self.forcing, self.seed, programs
        )

    def _bind_programs(self, training: bool) -> BindPrograms | None:
        """Binds the compiled kernels to a size; None if they do not know the network."""
        loaded, layers = library(), self._seq2seq_layers
        if loaded is None or layers is None:
            return None

        def bind(size: PairSize, buffers: Buffers) -> Seq2SeqPrograms:
            of_source = Size(size.samples, size.positions)
            binding = self._binding(self.input_form, of_source, buffers, training)
            vectors = self.params, self.grads, self.state
            return Seq2SeqPrograms(layers, loaded, size, binding, vectors)

        return bind

    def _decoder(self, size: Size, buffers: Buffers, training: bool) -> Network:
        binding = self._binding(self.target_form, size, buffers, training)
        # Gradients pass to the encoder through layers before which nothing is trained.
        own = replace(binding, input_gradient=training)
        return network_over_symbols(self.parts.decoder, own, self.loss)

    def _binding(self, form: Form, size: Size, buffers: Buffers, training: bool) -> Binding:
        at_size = form.at((size.positions,))
        whole = self.binding(at_size, size.samples, buffers, self.grads, training)
        return replace(whole, threads=self.execution.own_threads)

    def network(
        self, batch: int, positions: Positions = (), before: int = 0, after: int = 0
    ) -> Seq2SeqNetwork:
        """The network for training; its buffers hold until the next call.

        Arguments are those of `Model.network`.
        """
        return self._trained

    def training_bytes(
        self, batch: int, positions: Positions = (), target_positions: Positions = ()
    ) -> int:
        """The memory of encoder and decoder for training, in bytes.

        Arguments are those of `Model.training_bytes`.
        """
        (longest,), (longest_target,) = positions, target_positions
        assert longest is not None
        assert longest_target is not None
        return self.new_network(training=True).reserve(batch, longest, longest_target)

    @contextmanager
    def lent(
        self, batch: int = 0, execution: Execution | None = None, positions: Positions = ()
    ) -> Iterator[Seq2SeqNetwork]:
        """Lends a network outside training, for use within the block.

        Arguments are those of `Model.lent`.
        """
        with self._networks.lent() as network:
            yield network

    def begin(self, X: Array, lengths: Array | None = None) -> StepState:
        """The state of a decoder that has read source sequences and written nothing.

        Args:
            X: the sources, ids (T, N) or real numbers (features, T, N).
            lengths: the length of each, (N,); None if all have the same.
        """
        with self._networks.lent() as network:
            return network.begin(np.asarray(X, self.input_type), lengths)

    def step(self, state: StepState, symbols: Array) -> tuple[Array, Array | None, StepState]:
        """The probabilities of the next symbol of K sequences; see `Seq2SeqNetwork.step`."""
        with self._networks.lent() as network:
            return network.step(state, symbols)

    def attention(self, source: Array, symbols: Sequence[int]) -> Array | None:
        """The attention to a source with which the decoder computes given symbols.

        Args:
            source: the ids of the source, (T,).
            symbols: the target's symbols, (n,).

        Returns:
            The weights (n, T), each row of sum 1; None if the decoder has no attention.
        """
        state = self.begin(source[:, None], np.array([len(source)]))
        rows = np.empty((len(symbols), len(source)), self.dtype)
        for row, symbol in zip(rows, (self.start_symbol, *symbols), strict=False):
            _, weights, state = self.step(state, np.array([symbol]))
            if weights is None:
                return None
            row[:] = weights[:, 0]
        return rows

    def forward(self, X: Array, batch: int = 1000, execution: Execution | None = None) -> Array:
        """Refused: outputs depend on the symbols before them.

        Raises:
            TypeError: always; use `begin` and `step`.
        """
        raise TypeError(ONE_BY_ONE)
