"""A model: the flat vector of its parameters and the chain of layers that computes with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import ceil, isfinite, prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from nnkit.memory import aligned_empty
from nnkit.nn.activations import AnyActivation
from nnkit.nn.architecture import Stage
from nnkit.nn.layer import Binding, Layer, LayerSpec, Link, Reach, bind_chain
from nnkit.nn.layers import ActivationLayer, Reshape
from nnkit.nn.losses import Loss
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batches import Pieces
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.params import Array, Layout, Shape

NETWORKS_KEPT = 4  # for full and short batches, with a change of execution
LARGEST_PIECE = 64  # samples that go through together; smaller ones make products of small matrices
CACHE = 1 << 25  # bytes of a piece's buffers at most
STEP = 16  # samples: a piece is a multiple of it, one vector of the widest kind

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Bound(NamedTuple):
    """What a network is bound to, beside the model's parameters."""

    batch: int
    training: bool
    execution: Execution


class Model:
    """Parameters, gradients and layers; `network(n)` gives the buffers for batches of n samples.

    Training changes a model and is for one thread at a time. Outside training (`forward`, `lent`)
    a model may be used by any number of threads at once.

    Attributes:
        stages: the chain of layers; the last is the output activation.
        loss: what training lowers.
        layout: where each parameter block lies in the flat vectors.
        params: all parameters, shape (layout.size,).
        grads: all gradients, likewise; each backward pass overwrites them.
        state: what changes in training without being trained, such as running means; where each
            block of it lies says `state_layout`.
        spatial: whether it works on images or sequences, position by position.
        execution: how it computes unless a call says otherwise.
    """

    def __init__(self, stages: Sequence[Stage], loss: Loss, seed: int, dtype: str) -> None:
        self.stages = tuple(stages)
        self.loss = loss
        self.seed = seed
        self.dtype = np.dtype(dtype)
        self.layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.spec.parameters(stage.input_shape)
        )
        self.state_layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.spec.state(stage.input_shape)
        )
        self.params = self.layout.zeros(self.dtype)
        self.grads = self.layout.zeros(self.dtype)
        self.state = self.state_layout.zeros(self.dtype)
        self.initialize()
        self.spatial = any(stage.spec.is_spatial for stage in self.stages)
        self.execution = Execution()
        self._networks: OrderedDict[Bound, Network] = OrderedDict()
        self._cut: OrderedDict[Bound, Network | Pieces] = OrderedDict()
        self._pool: Pool[Bound, Network | Pieces] = Pool()

    def initialize(self) -> None:
        """Gives parameters and running state their first values."""
        self.layout.initialize(self.params, self.seed)
        self.state_layout.initialize(self.state, self.seed)

    @property
    def input_shape(self) -> Shape:
        """Of one sample."""
        return self.stages[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """Of one sample's output."""
        return self.stages[-1].output_shape

    @property
    def output_activation(self) -> AnyActivation:
        """The activation of the last stage."""
        output = self.stages[-1].spec
        assert isinstance(output, ActivationLayer)
        return output.function

    @cached_property
    def multiplications(self) -> int:
        """How many numbers are multiplied by weights, for one sample."""
        return sum(stage.spec.multiplications(stage.input_shape) for stage in self.stages)

    @property
    def cuts_batches(self) -> bool:
        """Whether training sends batches through in pieces: samples must not see each other."""
        return self.spatial and not any(stage.spec.needs_batch for stage in self.stages)

    def shares_batches(self, training: bool) -> bool:
        """Whether threads share the samples of a batch, rather than the work of each layer."""
        return self.cuts_batches or not training

    def network(self, batch: int, training: bool) -> Network:
        """The layers bound to a batch size, made once and kept."""
        key = Bound(batch, training, self.execution)
        network = self._networks.get(key)
        if network is None:
            network = _keep(self._networks, key, Network(self, batch, training))
        self._networks.move_to_end(key)
        return network

    def bound(self, batch: int, training: bool, execution: Execution, grads: Array) -> Network:
        """The layers bound to a batch size anew, which write gradients into `grads`."""
        return Network(self, batch, training, grads=grads, execution=execution)

    def in_pieces(self, batch: int) -> Network | Pieces:
        """The layers that train on a batch, in pieces where that is faster; made once and kept."""
        if not self.spatial:
            return self.network(batch, training=True)
        key = Bound(batch, True, self.execution)
        found = self._cut.get(key)
        if found is None:
            found = _keep(self._cut, key, self._cut_or_whole(key))
        self._cut.move_to_end(key)
        return found

    @contextmanager
    def lent(self, batch: int, execution: Execution | None = None) -> Iterator[Network | Pieces]:
        """The layers bound to a batch outside training, for one borrower's use within the block.

        What they return are their own buffers: copy what is needed after the block.

        Args:
            batch: the number of samples.
            execution: how they compute; by default as the model does.
        """
        key = Bound(batch, False, execution or self.execution)
        with self._pool.lent(key, lambda: self._cut_or_whole(key)) as network:
            yield network

    def _cut_or_whole(self, bound: Bound) -> Network | Pieces:
        batch, training, execution = bound
        size = self.piece(batch, training, execution)
        if size >= batch:
            return Network(self, batch, training, execution=execution)
        return Pieces(self, batch, training, size, execution)

    def piece(self, batch: int, training: bool, execution: Execution | None = None) -> int:
        """How many samples of a batch go through at a time.

        All of them where threads share the work of each layer. Vectors go through in one piece for
        each thread, images in pieces that stay in the cache.
        """
        if not self.shares_batches(training):
            return batch
        each = ceil(batch / (execution or self.execution).threads)
        if self.spatial:
            fitting = min(max(CACHE // buffer_bytes(self, 1), STEP), LARGEST_PIECE)
            each = ceil(each / ceil(each / fitting))  # equal pieces, as many as it takes
        return min(ceil(each / STEP) * STEP, batch)

    def forward(self, X: Array, batch: int = 1000, execution: Execution | None = None) -> Array:
        """The outputs for samples of any number; several threads may ask at once.

        Args:
            X: samples first, (n, *input_shape).
            batch: how many go through at a time.
            execution: how the network computes; by default as the model does.

        Returns:
            (n, *output_shape), samples first.
        """
        outputs = np.empty((len(X), *self.output_shape), dtype=self.dtype)
        for start in range(0, len(X), batch):
            part = np.asarray(X[start : start + batch], dtype=self.dtype)
            with self.lent(len(part), execution) as network:
                Y = network.forward(batch_last(part))
                outputs[start : start + len(part)] = samples_first(Y)
        return outputs


class Network:
    """A model's layers bound to one batch size N, with all their buffers.

    Where loss and output activation are a canonical pair, `body` ends at the logits and `head` is
    that activation; otherwise `body` is the whole chain and `head` is None.
    """

    def __init__(
        self,
        model: Model,
        batch: int,
        training: bool,
        input_gradient: bool = False,
        grads: Array | None = None,
        execution: Execution | None = None,
    ) -> None:
        execution = execution or model.execution
        self.loss = model.loss
        self.names = [stage.name for stage in model.stages]
        target = model.grads if grads is None else grads
        layers = _bind(model, batch, training, input_gradient, target, execution)
        self.fused = model.output_activation.tag() == model.loss.fused
        self.body = layers[:-1] if self.fused else layers
        self.head = layers[-1] if self.fused else None
        # dE/dY, or dE/d logits: where each backward pass begins, (*output shape, N)
        self.dY = aligned_empty((*model.output_shape, batch), model.dtype)
        self.measure = self.loss.measure(self.dY, self.fused, training and execution.compiled)

    def forward(self, X: Array) -> Array:
        """The network's output Y (*output shape, N) for X (*input shape, N), outside training."""
        for layer in self.body:
            X = layer.forward(X, None)
        return self.head.forward(X, None) if self.head is not None else X

    def evaluate(self, X: Array, T: Array, weights: Array | None = None) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        for layer in self.body:
            X = layer.forward(X, None)
        if self.head is None:
            return self.loss(X, T, self.dY, weights), X
        loss = self.loss.from_logits(X, T, self.dY, weights)
        return loss, self.head.forward(X, None)

    def loss_and_gradient(
        self, X: Array, T: Array, step: int, weights: Array | None = None
    ) -> float:
        """The mean loss; the gradients of all parameters are then in the model's `grads`.

        Args:
            X: inputs (*input shape, N).
            T: targets (*output shape, N).
            step: the training step, which keys random draws such as dropout's.
            weights: how much each sample counts, (N,); None for all the same.
        """
        loss = self.training_loss(X, T, step, weights)
        self.backward(self.dY)
        return loss

    def training_loss(self, X: Array, T: Array, step: int, weights: Array | None = None) -> float:
        """The mean loss in training, likewise; its gradient by the end of `body` is then in dY."""
        for layer in self.body:
            X = layer.forward(X, step)
        return self.measure(X, T, self.dY, weights)

    def backward(self, dY: Array) -> Array | None:
        """Backpropagates from the end of `body`; returns dE/dX if the network was bound for it."""
        gradient: Array | None = dY
        for layer in reversed(self.body):
            if gradient is None:
                break  # below here there is nothing to train
            gradient = layer.backward(gradient)
        return gradient

    def first_nonfinite(self, X: Array, step: int) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        if not np.isfinite(X).all():
            return "the input"
        for name, layer in zip(self.names, self.body, strict=False):
            X = layer.forward(X, step)
            if not isfinite(float(np.sum(X, dtype=np.float64))):
                return name
        return None


def _keep(cache: OrderedDict[Key, Value], key: Key, value: Value) -> Value:
    """Puts a value into a cache of a few."""
    cache[key] = value
    while len(cache) > NETWORKS_KEPT:
        cache.popitem(last=False)
    return value


def _bind(
    model: Model,
    batch: int,
    training: bool,
    input_gradient: bool,
    target: Array,
    execution: Execution,
) -> list[Layer]:
    whole = Binding(
        input_shape=model.input_shape,
        batch=batch,
        dtype=model.dtype,
        params=model.layout.views(model.params),
        grads=model.layout.views(target),
        state=model.state_layout.views(model.state),
        training=training,
        input_gradient=input_gradient,
        input_is_scratch=False,
        samples_first=True,
        compiled=execution.compiled,
        threads=1 if model.shares_batches(training) else execution.threads,
        seed=model.seed,
        name="",
    )
    links = [Link(stage.name, stage.spec, stage.input_shape) for stage in model.stages]
    return bind_chain(links, whole)


def batch_last(X: Array) -> Array:
    """(N, *shape) as a view (*shape, N): the one way in from the samples-first world outside."""
    return X.T if X.ndim == 2 else np.moveaxis(X, 0, -1)


def samples_first(Y: Array) -> Array:
    """(*shape, N) as a view (N, *shape): the one way out."""
    return Y.T if Y.ndim == 2 else np.moveaxis(Y, -1, 0)


def describe(model: Model) -> list[dict[str, Any]]:
    """The table a person expects: one row a stage.

    Each has its `name`, `kind`, `output_shape`, number of `parameters`, `mflops` (millions of
    multiplications and additions forward, for one sample), `bytes` of its output for one sample,
    and `receptive_field`: how much of the input an output sees, None for vectors and where
    `reshape` has put positions elsewhere.
    """
    positions = model.input_shape[1:]
    seen = Reach((1,) * len(positions), (1,) * len(positions))
    sees_all, is_known = not positions, True
    rows = []
    for stage in model.stages:
        sees_all = sees_all or (len(stage.input_shape) == 1 and bool(_weights(stage)))
        if isinstance(stage.spec, Reshape):
            is_known = is_known and stage.output_shape[1:] == positions
        if is_known and not sees_all:
            seen = seen.then(stage.spec.reach(stage.input_shape))
        field: Shape | None = None
        if sees_all:
            field = positions
        elif is_known:
            field = tuple(ceil(min(r, n)) for r, n in zip(seen.width, positions, strict=True))
        rows.append(
            {
                "name": stage.name,
                "kind": _kind(stage),
                "output_shape": stage.output_shape,
                "parameters": sum(p.size for p in stage.spec.parameters(stage.input_shape)),
                "mflops": 2e-6 * stage.spec.multiplications(stage.input_shape),
                "bytes": prod(stage.output_shape) * model.dtype.itemsize,
                "receptive_field": field or None,
            }
        )
    return rows


def _weights(stage: Stage) -> int:
    return stage.spec.multiplications(stage.input_shape)


def _kind(stage: Stage) -> str:
    if isinstance(stage.spec, ActivationLayer):
        return stage.spec.function.tag()
    return stage.spec.tag()


def buffer_bytes(model: Model, batch: int) -> int:
    """About how much memory one training network of that batch size takes, in bytes.

    Counts, for each stage, its output, as much again for the gradient, and scratch; and likewise
    for the layers inside a block.
    """
    values = sum(prod(s.output_shape) + prod(s.input_shape) for s in model.stages[1:])
    values += sum(_values_inside(s.spec, s.input_shape) for s in model.stages)
    return (values + prod(model.output_shape)) * batch * model.dtype.itemsize


def _values_inside(spec: LayerSpec, shape: Shape) -> int:
    return sum(
        prod(link.input_shape)
        + prod(link.spec.output_shape(link.input_shape))
        + _values_inside(link.spec, link.input_shape)
        for link in spec.parts(shape)
    )
