"""A model: a chain of layers with its parameters, and the networks bound to batch sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from nnkit.nn.arena import Arena, Buffers
from nnkit.nn.batch_axis import batch_first, batch_last
from nnkit.nn.form import Positions
from nnkit.nn.layer_spec import Stage
from nnkit.nn.loss import Loss
from nnkit.nn.network import Network
from nnkit.nn.network_binding import NetworkKey, bind_network, bind_whole
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.parameterized_chain import ParameterizedChain
from nnkit.nn.params import Array
from nnkit.nn.predictor_pool import PredictorPool
from nnkit.nn.program_network import ProgramNetwork
from nnkit.nn.seq2seq.seq2seq_network import Seq2SeqNetwork

Batchwise = Network | MicroBatches | ProgramNetwork | Seq2SeqNetwork  # all process whole batches


class Model(ParameterizedChain):
    """Parameters, gradients and layers; `network` binds them to a batch size for training.

    Training changes the model, so only one thread may train it at a time. Outside training
    (`forward`, `lent`), any number of threads may use it at once. If the positions of its input
    vary, each method that takes a batch size also takes the batch's positions. Attributes are those
    of `ParameterizedChain`.
    """

    def __init__(self, stages: Sequence[Stage], loss: Loss, seed: int, dtype: str) -> None:
        super().__init__(stages, loss, seed, dtype)
        self._arena: Arena[NetworkKey, Batchwise] = Arena()  # networks for training
        self._pool: Pool[Arena[NetworkKey, Batchwise]] = Pool(Arena)  # networks for other uses

    def network(
        self, batch: int, positions: Positions = (), before: int = 0, after: int = 0
    ) -> Batchwise:
        """The network bound to a batch size for training, in micro-batches where that is faster.

        Networks for different batch sizes share memory: use each only until the next call.

        Args:
            batch: the number of samples, N.
            positions: the batch's positions, if they vary.
            before: the number of samples of the batch that are those of lower ranks.
            after: the number of samples of the batch that are those of higher ranks.
        """
        key = self._key(batch, True, positions, None, before, after)
        return self._network_in(self._arena, key)

    def training_bytes(
        self, batch: int, positions: Positions = (), target_positions: Positions = ()
    ) -> int:
        """The memory of the network for training, in bytes: all buffers kept between layers.

        It is bound for that, but its memory is not written to, so the system need not provide it.

        Args:
            batch: the number of samples, N.
            positions: the batch's positions, if they vary.
            target_positions: those of its targets, which matter to decoders.
        """
        arena: Arena[NetworkKey, Batchwise] = Arena()
        self._network_in(arena, self._key(batch, True, positions))
        return arena.nbytes

    @contextmanager
    def lent(
        self, batch: int, execution: Execution | None = None, positions: Positions = ()
    ) -> Iterator[Batchwise]:
        """Lends a network bound to a batch size outside training, for use within the block.

        The network returns its own buffers: copy what is needed after the block.

        Args:
            batch: the number of samples, N.
            execution: execution settings; by default the model's.
            positions: the batch's positions, if they vary.
        """
        self._find_changes()
        key = self._key(batch, False, positions, execution)
        with self._pool.lent() as arena:
            yield self._network_in(arena, key)

    def bind(
        self,
        batch: int,
        training: bool,
        positions: Positions = (),
        input_gradient: bool = False,
        execution: Execution | None = None,
    ) -> Network:
        """A network bound to a batch size, with its own memory and without micro-batches.

        Args:
            batch: the number of samples, N.
            training: whether the network will be trained.
            positions: the batch's positions, if they vary.
            input_gradient: whether the backward pass must return dE/dX.
            execution: execution settings; by default the model's.
        """
        key = self._key(batch, training, positions, execution)
        return bind_whole(self, key, Buffers(), self.grads, input_gradient)

    def bound_chain(self, batch: int, positions: Positions, buffers: Buffers) -> Network:
        """The network bound outside training in given buffers, as one piece.

        Args:
            batch: the number of samples, N.
            positions: the batch's positions.
            buffers: allocates the buffers.
        """
        return bind_whole(self, self._key(batch, False, positions), buffers, self.grads)

    def _key(
        self,
        batch: int,
        training: bool,
        positions: Positions,
        execution: Execution | None = None,
        before: int = 0,
        after: int = 0,
    ) -> NetworkKey:
        found = positions or self.input_form.positions
        return NetworkKey(batch, found, training, execution or self.execution, before, after)

    def _network_in(self, arena: Arena[NetworkKey, Batchwise], key: NetworkKey) -> Batchwise:
        return arena.get(key, lambda buffers: bind_network(self, key, buffers))

    def forward(self, X: Array, batch: int = 1000, execution: Execution | None = None) -> Array:
        """The outputs for any number of samples; several threads may call this at once.

        Args:
            X: inputs (n, *input_shape), samples first.
            batch: number of samples processed at a time, except by compiled kernels.
            execution: execution settings; by default the model's.

        Returns:
            (n, *output_shape), samples first.
        """
        execution = execution or self.execution
        if execution.program and self.can_predict:
            return self.predictors.forward(X, execution.own_threads)
        outputs = np.empty((len(X), *self.output_shape), dtype=self.dtype)
        for start in range(0, len(X), batch):
            part = np.asarray(X[start : start + batch], dtype=self.input_type)
            positions = self.input_form.positions_of(part.shape[1:])
            with self.lent(len(part), execution, positions) as network:
                outputs[start : start + len(part)] = batch_first(network.forward(batch_last(part)))
        return outputs

    @cached_property
    def can_predict(self) -> bool:
        """Whether the compiled kernels know the network, whose inputs and outputs have one size."""
        varies, by_position = self.input_form.varies, self.output_form.positions
        return self.program is not None and not (varies or by_position or self.input_form.ids)

    @property
    def predictors(self) -> PredictorPool:
        """Predictions by the compiled kernels; only if `can_predict`."""
        self._find_changes()
        return self._predictors

    @cached_property
    def _predictors(self) -> PredictorPool:
        return PredictorPool(self)

    def _find_changes(self) -> None:
        """Drops packed weights if the parameters may have changed since."""
        if self.is_frozen and self.params.flags.writeable:
            self._forget_weights(is_frozen=False)

    def _forget_weights(self, is_frozen: bool) -> None:
        """Drops the packed weights, and all networks that use them."""
        super()._forget_weights(is_frozen)
        self._pool = Pool(Arena)
        self.__dict__.pop("_predictors", None)
