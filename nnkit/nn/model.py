"""A model: a flat vector of parameters and the chain of layers that uses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nnkit.native.library import NUMPY, kernels, library
from nnkit.native.predictor import Predictor
from nnkit.native.program import Program, ProgramLoss
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.activation import Activation
from nnkit.nn.arena import Arena, Buffers
from nnkit.nn.batch_axis import batch_first, batch_last
from nnkit.nn.form import Form, Positions, ShapeError
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage, rebuild_stages
from nnkit.nn.length_limits import LengthLimits, find_limits
from nnkit.nn.loss import Loss
from nnkit.nn.network import Network
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batch_size import samples_that_fit, size_of_parts
from nnkit.nn.parallel.micro_batches import MicroBatches, pieces_of
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.params import Array, Layout, Shape
from nnkit.nn.program_network import ProgramNetwork, samples_in_cache
from nnkit.nn.programs import Layers, program_layers, program_loss, unknown_part
from nnkit.nn.seq2seq.seq2seq_network import Seq2SeqNetwork
from nnkit.nn.sequence_programs import SequenceProgramNetwork
from nnkit.ranks import ALONE

PROGRAM_BATCH = 4096  # samples; packing the weights takes less than a hundredth of the time
FEW_SAMPLES = 64  # that any predictor has room for
PROGRAM_TYPES = (np.float32, np.float64)  # what the compiled kernels compute in

Batchwise = Network | MicroBatches | ProgramNetwork | Seq2SeqNetwork  # all process whole batches


class NetworkKey(NamedTuple):
    """The settings for which a network is bound."""

    batch: int
    positions: Positions
    training: bool
    execution: Execution
    before: int = 0
    after: int = 0

    @property
    def whole_batch(self) -> int:
        """The number of samples of all ranks together."""
        return self.before + self.batch + self.after


class Model:
    """Parameters, gradients and layers; `network` binds them to a batch size for training.

    Training changes the model, so only one thread may train it at a time. Outside training
    (`forward`, `lent`), any number of threads may use it at once. If the positions of its input
    vary, each method that takes a batch size also takes the batch's positions.

    Attributes:
        stages: the chain of layers; the last is the output activation.
        loss: the objective to minimize.
        layout: the place of each parameter block in the flat vectors.
        params: all parameters, shape (layout.size,).
        grads: the gradients of all parameters, shape (layout.size,), overwritten by each backward
            pass.
        state: values that change in training without being trained, such as running means.
        state_layout: the place of each block in `state`.
        execution: the default execution settings.
        ranks: the processes that train the model together, each with a copy.
    """

    def __init__(self, stages: Sequence[Stage], loss: Loss, seed: int, dtype: str) -> None:
        self.stages = tuple(stages)
        self.loss = loss
        self.seed = seed
        self.dtype = np.dtype(dtype)
        self.layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.parameters
        )
        self.state_layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.state
        )
        self.params = self.layout.zeros(self.dtype)
        self.grads = self.layout.zeros(self.dtype)
        self.state = self.state_layout.zeros(self.dtype)
        self.initialize()
        outgrowing = [stage.spec for stage in self.stages if stage.spec.outgrows_cache]
        self.outgrows_cache = bool(outgrowing)
        self.largest_micro_batch = min((x.largest_micro_batch for x in outgrowing), default=0)
        self.execution = Execution()
        self.ranks = ALONE
        self._arena: Arena[NetworkKey, Batchwise] = Arena()  # networks for training
        self._pool: Pool[Arena[NetworkKey, Batchwise]] = Pool(Arena)  # networks for other uses
        self._predictors: Pool[Arena[int, Predictor]] = Pool(Arena)

    def initialize(self) -> None:
        """Initializes the parameters and the running state."""
        self.layout.initialize(self.params, self.seed)
        self.state_layout.initialize(self.state, self.seed)

    @property
    def input_form(self) -> Form:
        """The form of one sample."""
        return self.stages[0].input_form

    @property
    def input_type(self) -> np.dtype[Any]:
        """The type of inputs: that of the parameters, or an integer type for ids."""
        return np.dtype(np.int32) if self.input_form.ids else self.dtype

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample."""
        return self.stages[0].input_shape

    @property
    def output_form(self) -> Form:
        """The form of one sample's output."""
        return self.stages[-1].output_form

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample's output."""
        return self.stages[-1].output_shape

    @property
    def output_activation(self) -> Activation:
        """The activation of the last stage."""
        activation = self.stages[-1].spec.applied_activation
        assert activation is not None
        return activation

    def stages_at(self, positions: Positions) -> Sequence[Stage]:
        """The stages for samples of those positions, if they vary."""
        if not self.input_form.varies:
            return self.stages
        return tuple(rebuild_stages(self.stages, self.input_form.at(positions)))

    @cached_property
    def length_limits(self) -> LengthLimits:
        """The lengths of sequences that all layers take; no limits if positions do not vary."""
        return find_limits(self._takes) if self.input_form.varies else LengthLimits()

    def _takes(self, length: int) -> bool:
        """Whether all layers take sequences of a length."""
        try:
            self.stages_at((length,))
        except ShapeError:
            return False
        return True

    @cached_property
    def multiplications(self) -> int:
        """The number of multiplications by weights for one sample."""
        return sum(stage.multiplications for stage in self.stages)

    @cached_property
    def program(self) -> tuple[Layers, ProgramLoss] | None:
        """The layers and the loss for the compiled kernels; None if these lack one of them."""
        loss = program_loss(self.stages, self.loss)
        if loss is None or library() is None or self.dtype not in PROGRAM_TYPES:
            return None
        layers = program_layers(
            self.stages, self.layout, self.state_layout, loss, self.seed, self.dtype
        )
        return None if layers is None else (layers, loss)

    @cached_property
    def unknown_to_kernels(self) -> str | None:
        """The part because of which the compiled kernels do not run the network, if any."""
        if self.program is not None or library() is None:
            return None
        return unknown_part(self.stages, self.layout, self.state_layout, self.loss, self.seed)

    @property
    def computed_by(self) -> str:
        """The name of what computes the layers in training: kernels like `avx2`, NumPy or both."""
        found = kernels()
        one_by_one = self.unknown_to_kernels is not None or self._needs_ranks(training=True)
        return f"{NUMPY} and {found}" if one_by_one and found != NUMPY else found

    @property
    def splits_batches(self) -> bool:
        """Whether training splits batches into micro-batches; samples must be independent."""
        return self.outgrows_cache and not any(stage.spec.needs_batch for stage in self.stages)

    def shares_batches(self, training: bool) -> bool:
        """Whether threads share the samples of a batch rather than the work of each layer."""
        return self.splits_batches or not training

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
        return self._bind(key, Buffers(), self.grads, input_gradient)

    def bound_chain(self, batch: int, positions: Positions, buffers: Buffers) -> Network:
        """The network bound outside training in given buffers, as one piece.

        Args:
            batch: the number of samples, N.
            positions: the batch's positions.
            buffers: allocates the buffers.
        """
        return self._bind(self._key(batch, False, positions), buffers, self.grads)

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
        return arena.get(key, lambda buffers: self._cut_or_whole(key, buffers))

    def _cut_or_whole(self, key: NetworkKey, buffers: Buffers) -> Batchwise:
        usable = key.execution.program and not self._needs_ranks(key.training)
        if usable and self.program is not None:
            return self._program_network(key, buffers)
        return self._numpy_network(key, buffers)

    def _numpy_network(self, key: NetworkKey, buffers: Buffers) -> Network | MicroBatches:
        """The network without compiled kernels, in micro-batches where that is faster."""
        whole = key.whole_batch
        size = self.micro_batch_size(whole, key.training, key.execution, key.positions)
        if size >= whole:
            return self._bind(key, buffers, self.grads)

        def bind(samples: int, grads: Array, own: Buffers) -> Network:
            return self._bind(key._replace(batch=samples), own, grads)

        pieces = pieces_of(key.batch, size, key.before, key.after)
        threads = key.execution.own_threads
        return MicroBatches(bind, pieces, threads, self.grads, key.training, buffers)

    def _needs_ranks(self, training: bool) -> bool:
        """Whether several ranks compute layers together."""
        needs_batch = any(stage.spec.needs_batch for stage in self.stages)
        return training and self.ranks.size > 1 and needs_batch

    def _program_network(self, key: NetworkKey, buffers: Buffers) -> ProgramNetwork:
        assert self.program is not None
        known, loss = self.program
        layers = known.training if key.training else known.inference
        if self.input_form.varies:
            (length,) = key.positions
            assert length is not None
            layers = tuple(layer.at(length) for layer in layers)
        samples = key.batch
        if not key.training:
            samples = min(samples, samples_in_cache(layers, self.dtype.itemsize))
        program = self._program(
            layers, loss, samples, buffers, key.training, key.execution.own_threads
        )
        found = program, key.batch, buffers, lambda: self._bind(key, Buffers(), self.grads)
        if program.structure.steps == 0:
            return ProgramNetwork(*found)
        return SequenceProgramNetwork(*found, lambda: self._numpy_network(key, Buffers()))

    def _program(
        self,
        layers: Sequence[ProgramLayer],
        loss: ProgramLoss,
        samples: int,
        buffers: Buffers,
        training: bool,
        threads: int = 1,
    ) -> Program:
        loaded = library()
        assert loaded is not None
        vectors = self.params, self.grads, self.state
        return Program(loaded, layers, loss, *vectors, samples, buffers, threads, training)

    def _bind(
        self, key: NetworkKey, buffers: Buffers, grads: Array, input_gradient: bool = False
    ) -> Network:
        form = self.input_form.at(key.positions)
        whole = self._whole_binding(form, key.batch, buffers, grads, key.training)
        whole = replace(whole, input_gradient=input_gradient)
        return Network(self.stages, whole, self.loss)

    def _whole_binding(
        self, form: Form, batch: int, buffers: Buffers, grads: Array, training: bool
    ) -> Binding:
        """The binding of a chain of layers, for inputs of that form."""
        return Binding(
            form=form,
            batch=batch,
            buffers=buffers,
            dtype=self.dtype,
            params=self.layout.views(self.params),
            grads=self.layout.views(grads),
            state=self.state_layout.views(self.state),
            training=training,
            input_gradient=False,
            input_is_scratch=False,
            input_is_batch_first=True,
            ranks=self.ranks,
            seed=self.seed,
            name="",
        )

    def micro_batch_size(
        self,
        batch: int,
        training: bool,
        execution: Execution | None = None,
        positions: Positions = (),
    ) -> int:
        """The number of samples of a batch that are processed at a time.

        This is the whole batch if threads share the work of each layer. Otherwise each thread
        processes vectors in one piece, and images in micro-batches that fit into the cache.
        """
        if not self.shares_batches(training):
            return batch
        settings = execution or self.execution
        # In training the size is the same for any number of ranks, like the random draws.
        threads = settings.threads if training else settings.own_threads
        most = None
        if self.outgrows_cache:
            fitting = samples_that_fit(self.stages_at(positions), self.dtype.itemsize)
            most = min(fitting, self.largest_micro_batch)
        fewest = max(s.spec.smallest_micro_batch(s.input_form) for s in self.stages)
        return size_of_parts(batch, threads, most, fewest)

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
            return self._forward_by_program(X, execution.own_threads)
        outputs = np.empty((len(X), *self.output_shape), dtype=self.dtype)
        for start in range(0, len(X), batch):
            part = np.asarray(X[start : start + batch], dtype=self.input_type)
            positions = self.input_form.positions_of(part.shape[1:])
            with self.lent(len(part), execution, positions) as network:
                outputs[start : start + len(part)] = batch_first(network.forward(batch_last(part)))
        return outputs

    def _forward_by_program(self, X: Array, threads: int) -> Array:
        """Computes outputs with the compiled kernels; converts inputs in parts if need be."""
        if X.dtype == self.dtype and X.flags.c_contiguous:
            return self.predict(X, threads)[0]
        outputs = np.empty((len(X), *self.output_shape), dtype=self.dtype)
        for start in range(0, len(X), PROGRAM_BATCH):
            part = np.ascontiguousarray(X[start : start + PROGRAM_BATCH], dtype=self.input_type)
            outputs[start : start + len(part)] = self.predict(part, threads)[0]
        return outputs

    @cached_property
    def can_predict(self) -> bool:
        """Whether `predict` knows the network, whose inputs and outputs must have a fixed size."""
        varies, by_position = self.input_form.varies, self.output_form.positions
        return self.program is not None and not (varies or by_position or self.input_form.ids)

    def predict(
        self, X: Array, threads: int, factor: float = 1.0, checks: bool = False
    ) -> tuple[Array, bool]:
        """Computes outputs with the compiled kernels, if these know the network.

        Several threads of Python may call this at once.

        Args:
            X: inputs (n, *input_shape), C-ordered, of the model's type or of uint8.
            threads: the most threads to use.
            factor: a factor on the inputs.
            checks: whether to find out if all inputs and outputs are finite.

        Returns:
            The outputs (n, *output_shape), and False if something was found that is not finite.
        """
        capacity = self._least_capacity
        if len(X) > capacity:
            capacity = min(1 << (len(X) - 1).bit_length(), self._most_predicted)
        arena = self._predictors.take()
        try:
            predictor = arena.get(capacity, lambda buffers: self._predictor(capacity, buffers))
            return predictor.outputs(X, threads, factor, checks)
        finally:
            self._predictors.give_back(arena)

    @cached_property
    def _least_capacity(self) -> int:
        """The number of samples that any predictor can process at a time."""
        return min(FEW_SAMPLES, self._most_predicted)

    @cached_property
    def _most_predicted(self) -> int:
        """The number of samples that a predictor processes at a time."""
        assert self.program is not None
        layers = self.program[0].inference
        return min(samples_in_cache(layers, self.dtype.itemsize), PROGRAM_BATCH)

    def _predictor(self, capacity: int, buffers: Buffers) -> Predictor:
        assert self.program is not None
        layers, loss = self.program
        return Predictor(self._program(layers.inference, loss, capacity, buffers, training=False))
