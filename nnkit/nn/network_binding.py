"""Binds chains of layers to a batch size: as a program, in micro-batches, or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nnkit.native.library import library
from nnkit.native.program import Program, ProgramLoss
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Positions
from nnkit.nn.network import Network
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batch_size import micro_batch_size
from nnkit.nn.parallel.micro_batches import MicroBatches, pieces_of
from nnkit.nn.parameterized_chain import ParameterizedChain
from nnkit.nn.params import Array
from nnkit.nn.program_network import ProgramNetwork, samples_in_cache
from nnkit.nn.programs import Layers
from nnkit.nn.sequence_programs import SequenceProgramNetwork


class NetworkKey(NamedTuple):
    """The settings for which a network is bound.

    Attributes:
        batch: the number of samples, N.
        positions: the positions of its inputs.
        training: whether the network will be trained.
        execution: the execution settings.
        before: the number of samples of the batch that are those of lower ranks.
        after: the number of samples of the batch that are those of higher ranks.
    """

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


def bind_network(
    chain: ParameterizedChain, key: NetworkKey, buffers: Buffers
) -> Network | MicroBatches | ProgramNetwork:
    """The network of a chain, by the compiled kernels if these know it.

    Args:
        chain: the layers and their parameters.
        key: the settings.
        buffers: allocates the buffers.
    """
    usable = key.execution.program and not (key.training and chain.needs_ranks)
    if usable and chain.program is not None:
        return _bind_program_network(chain, chain.program, key, buffers)
    return _bind_numpy_network(chain, key, buffers)


def bind_whole(
    chain: ParameterizedChain,
    key: NetworkKey,
    buffers: Buffers,
    grads: Array,
    input_gradient: bool = False,
) -> Network:
    """The network of a chain in NumPy, without micro-batches.

    Args:
        chain: the layers and their parameters.
        key: the settings.
        buffers: allocates the buffers.
        grads: where gradients are written, shape (layout.size,).
        input_gradient: whether the backward pass must return dE/dX.
    """
    form = chain.input_form.at(key.positions)
    binding = chain.binding(form, key.batch, buffers, grads, key.training)
    return Network(chain.stages, replace(binding, input_gradient=input_gradient), chain.loss)


def bind_program(
    chain: ParameterizedChain,
    layers: Sequence[ProgramLayer],
    loss: ProgramLoss,
    samples: int,
    buffers: Buffers,
    training: bool,
    threads: int = 1,
) -> Program:
    """A program of the compiled kernels that uses the vectors of a chain.

    Args:
        chain: the layers and their parameters.
        layers: its layers as the kernels know them.
        loss: its loss as they know it.
        samples: the most samples of a call.
        buffers: allocates the buffers.
        training: whether it will be trained.
        threads: the most threads to use.
    """
    kernels = library()
    assert kernels is not None
    vectors = chain.params, chain.grads, chain.state
    packed = None if training else chain.packed_weights
    return Program(kernels, layers, loss, *vectors, samples, buffers, threads, training, packed)


def _bind_numpy_network(
    chain: ParameterizedChain, key: NetworkKey, buffers: Buffers
) -> Network | MicroBatches:
    """The network without compiled kernels, in micro-batches where that is faster."""
    whole = key.whole_batch
    size = micro_batch_size(chain, whole, key.training, key.execution, key.positions)
    if size >= whole:
        return bind_whole(chain, key, buffers, chain.grads)

    def bind(samples: int, grads: Array, own: Buffers) -> Network:
        return bind_whole(chain, key._replace(batch=samples), own, grads)

    pieces = pieces_of(key.batch, size, key.before, key.after)
    threads = key.execution.own_threads
    return MicroBatches(bind, pieces, threads, chain.grads, key.training, buffers)


def _bind_program_network(
    chain: ParameterizedChain, known: tuple[Layers, ProgramLoss], key: NetworkKey, buffers: Buffers
) -> ProgramNetwork:
    """The network by the compiled kernels, which know these layers and this loss."""
    of_program, loss = known
    layers = of_program.training if key.training else of_program.inference
    if chain.input_form.varies:
        (length,) = key.positions
        assert length is not None
        layers = tuple(layer.at(length) for layer in layers)
    samples = key.batch
    if not key.training:
        samples = min(samples, samples_in_cache(layers, chain.dtype.itemsize))
    threads = key.execution.own_threads
    program = bind_program(chain, layers, loss, samples, buffers, key.training, threads)

    def on_numpy() -> Network:
        return bind_whole(chain, key, Buffers(), chain.grads)

    if program.structure.steps == 0:
        return ProgramNetwork(program, key.batch, buffers, on_numpy)
    return SequenceProgramNetwork(
        program, key.batch, buffers, on_numpy, lambda: _bind_numpy_network(chain, key, Buffers())
    )
