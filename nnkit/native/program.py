"""A network's program: its layers in the form that the compiled kernels read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import addressof, c_double, c_int64, c_void_p, pointer
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnkit.native.bound_layers import bound_layers, first_trained
from nnkit.native.kernel_kinds import ActivationKind, LayerKind, LossKind, TargetCoding
from nnkit.native.layer_buffers import Allocator, of_row
from nnkit.native.library import Library
from nnkit.native.packed_weights import PackedWeights
from nnkit.native.program_layer import ProgramLayer
from nnkit.native.program_update import ProgramUpdate
from nnkit.native.row_sizes import LINE, padded
from nnkit.native.structures import (
    LayerStructure,
    PaceStructure,
    PackingStructure,
    ProgramStructure,
)

Array = NDArray[Any]
MOST_THREADS = 64  # that a team has, as in `source/team.c`
OVER_IDS = (LayerKind.EMBEDDING, LayerKind.ONE_HOT)
FEW = 8  # samples that are copied faster than their address is found out


class ProgramLoss(NamedTuple):
    """The loss of a program.

    Attributes:
        kind: the loss.
        a: its first setting, as `source/losses.h` names it.
        b: its second setting.
        head: the output activation that the loss includes; the identity if it includes none.
    """

    kind: LossKind
    a: float = 0.0
    b: float = 0.0
    head: ActivationKind = ActivationKind.IDENTITY


class TrainingData(NamedTuple):
    """A training set in memory, in C-ordered arrays.

    Attributes:
        inputs: (m, inputs), of the network's type, or of uint8.
        targets: (n, outputs), of the network's type; or classes (n,), of int64.
        weights: sample weights (n,), of the network's type; None if all are equal.
        selected: the place of each sample in `inputs`, (n,), of int64; None if they are the same.
        scale: the factor on inputs of uint8.
        on: the target of a sample's class.
        off: the target of the other classes.
    """

    inputs: Array
    targets: Array
    weights: Array | None = None
    selected: Array | None = None
    scale: float = 1.0
    on: float = 1.0
    off: float = 0.0


class Program:
    """The program of a network for batches of up to N samples, and its buffers.

    Attributes:
        structure: what the kernels read.
        library: the compiled kernels.
        bits: the size of a number in bits.
        samples: the number of samples of the largest batch, N.
        positions: the positions of an output that is a sequence, T; None of other outputs. There
            are then up to T · N rows, one for each position of each sequence.
        outputs: the network's output, (N or rows, outputs).
        targets: the targets of a batch, (N, outputs).
        classes: the class of each row, if there are positions.
        weights: the weights of samples or rows.
    """

    def __init__(
        self,
        library: Library,
        layers: Sequence[ProgramLayer],
        loss: ProgramLoss,
        params: Array,
        grads: Array,
        state: Array,
        samples: int,
        buffers: Allocator,
        threads: int = 1,
        training: bool = True,
        packed: PackedWeights | None = None,
    ) -> None:
        """Binds the layers to buffers.

        Args:
            library: the compiled kernels.
            layers: the layers.
            loss: the loss.
            params: all parameters, (P,).
            grads: their gradients, (P,).
            state: the running state, updated by training passes.
            samples: the number of samples of the largest batch, N.
            buffers: allocates the buffers.
            threads: the number of threads.
            training: whether gradients are computed.
            packed: the packed weights of dense layers; None if each pass packs them.
        """
        self.library = library
        self.bits = 8 * params.dtype.itemsize
        self.samples = samples
        self.inputs, outputs = layers[0].inputs, of_row(layers[-1].output_shape)
        self.positions = layers[-1].positions
        self._ids = next((layer.groups for layer in layers if layer.kind in OVER_IDS), None)
        rows = samples * (self.positions or 1)
        dtype = params.dtype
        self._batch = buffers.empty((samples, padded(self.inputs)), dtype)
        self._batch_address = self._batch.ctypes.data
        self._input = self._batch
        self.targets = buffers.empty((rows if self.positions is None else 0, outputs), dtype)
        self.classes = buffers.empty((0 if self.positions is None else rows,), np.dtype(np.int64))
        self.losses = buffers.empty(self.classes.shape, np.dtype(np.float64))
        self.weights = buffers.empty((rows,), dtype)
        self._bound = bound_layers(layers, samples, buffers, dtype, training, packed is None)
        self._kept_alive = params, grads, state, packed
        self._steps: tuple[Array | None, Array | None, Array | None] = None, None, None
        last = self._bound[-1].output
        assert last is not None
        self.outputs = last[:, :outputs]
        self._layers = (LayerStructure * len(layers))(*(each.structure for each in self._bound))
        self._pace, self._packing = PaceStructure(), PackingStructure()
        size = max(layer.scratch_numbers for layer in layers)
        users = min(max(threads, os.cpu_count() or 1), MOST_THREADS) if size else 0
        self._scratches = buffers.empty((users, size), dtype)
        self.structure = ProgramStructure(
            layers=self._layers,
            layer_count=len(layers),
            first_trained=first_trained(layers),
            threads=threads,
            pace=pointer(self._pace),
            loss=loss.kind,
            loss_a=loss.a,
            loss_b=loss.b,
            head=loss.head,
            share=1.0,
            params=params.ctypes.data,
            grads=grads.ctypes.data,
            state=state.ctypes.data,
            target=self.targets.ctypes.data,
            capacity=samples,
            scratch=self._scratches.ctypes.data,
            scratch_size=self._scratches.shape[1],
            scratch_count=len(self._scratches),
            classes=self.classes.ctypes.data,
            losses=self.losses.ctypes.data,
            batch=self._batch_address,
            steps=next((layer.positions for layer in layers if layer.positions), 0),
            packing=pointer(self._packing),
        )
        if packed is not None:
            packed.bind(self.structure)
        self._address = addressof(self.structure)
        self._forward = library.function("forward", self.bits, None, c_void_p, c_int64)
        self._evaluate = library.function("evaluate", self.bits, c_double, c_void_p, c_int64)
        self._gradient = library.function("gradient", self.bits, c_double, c_void_p, c_int64)
        self._train = library.function(
            "train",
            self.bits,
            c_int64,
            *(c_void_p, c_void_p, c_int64, c_int64),
            *(c_void_p, c_int64, c_void_p, c_void_p),
        )

    def forward(self, X: Array) -> Array:
        """The output (k, outputs) for inputs (k, inputs); the next call overwrites it."""
        samples = len(X)
        self._take(X)
        self._forward(self._address, samples)
        return self.outputs[: self._rows(samples)]

    def evaluate(self, X: Array, T: Array, weights: Array | None) -> tuple[float, Array]:
        """The mean loss for targets and weights, and the output.

        Args:
            X: inputs (k, inputs).
            T: targets (k, outputs), or the class of each row.
            weights: the weights of samples or rows; None if all are equal.
        """
        self._take(X)
        self._take_targets(T, weights)
        self.structure.share = 1.0
        loss = self._evaluate(self._address, len(X))
        return loss, self.outputs[: self._rows(len(X))]

    def gradient(self, X: Array, T: Array, weights: Array | None, share: float = 1.0) -> float:
        """The mean loss; writes its gradient. Both are multiplied by `share`."""
        self._take(X)
        self._take_targets(T, weights)
        self.structure.share = share
        return float(self._gradient(self._address, len(X)))

    def train(
        self, order: Array, batch: int, rates: Array, losses: Array, pace: PaceStructure
    ) -> int:
        """Takes training steps; returns how many. The data and the update must be set before.

        Args:
            order: the samples of the steps, in turn, as indices of int64.
            batch: samples in a step; the last may have fewer.
            rates: the update's scalars for each step, (steps, factors, 5).
            losses: receives the mean loss of each step before its update, (steps,). A step whose
                loss is not finite is not taken, and is the last.
            pace: what is known about how fast the steps are.
        """
        self._take_batch()
        structure = self.structure
        structure.weight = self.weights.ctypes.data if structure.weights else None
        structure.share = 1.0
        return int(
            self._train(
                self._address,
                order.ctypes.data,
                len(order),
                batch,
                rates.ctypes.data,
                len(rates),
                losses.ctypes.data,
                addressof(pace),
            )
        )

    def set_data(self, data: TrainingData) -> None:
        """Sets the data that `train` takes batches from."""
        structure = self.structure
        self._data = data  # keeps the arrays alive
        structure.inputs, structure.targets = data.inputs.ctypes.data, data.targets.ctypes.data
        structure.inputs_are_bytes = data.inputs.dtype == np.uint8
        structure.input_scale = data.scale
        structure.selected = None if data.selected is None else data.selected.ctypes.data
        classes = data.targets.ndim == 1
        structure.target_kind = TargetCoding.CLASSES if classes else TargetCoding.NUMBERS
        structure.on, structure.off = data.on, data.off
        structure.weights = None if data.weights is None else data.weights.ctypes.data

    def set_update(self, update: ProgramUpdate) -> None:
        """Sets the update that `train` makes."""
        self._update = update  # keeps its arrays alive
        self.structure.update = pointer(update.structure)

    def set_draws(self, draw: int, before: int = 0, after: int = 0) -> None:
        """Sets which random draws the next gradient or the first of the next steps makes.

        Args:
            draw: their counter.
            before: the number of samples of the same draws that lower ranks compute.
            after: the number of those that higher ranks compute.
        """
        structure = self.structure
        structure.draw, structure.drawn_before, structure.drawn_after = draw, before, after

    def _check_ids(self, X: Array) -> None:
        """Checks inputs that are ids, if they are."""
        if self._ids is not None:
            _check_numbers("id", X, self._ids)

    def _take(self, X: Array) -> None:
        """Points to inputs (k, inputs), or to a copy if the kernels cannot read them in place.

        Raises:
            ValueError: there are more samples than there is room for, or they have another size.
            IndexError: there is an id that does not exist.
        """
        samples, inputs = X.shape
        if samples > self.samples or inputs != self.inputs:
            raise ValueError(
                f"{samples} samples of {inputs} numbers; expected up to {self.samples} of "
                f"{self.inputs}"
            )
        self._check_ids(X)
        itemsize = self._batch.itemsize
        in_place = (
            samples > FEW
            and X.dtype == self._batch.dtype
            and X.strides[1] == itemsize
            and X.strides[0] % itemsize == 0
            and inputs % LINE == 0  # vectors do not read beyond the last row
        )
        if in_place:
            self._input = X  # keeps it alive
            self.structure.input = X.ctypes.data
            self.structure.input_row = X.strides[0] // itemsize
        else:
            self._batch[:samples, :inputs] = X
            if inputs % LINE:
                self._batch[:samples, inputs:] = 0  # read, and multiplied by packed weights of 0
            self._take_batch()

    def _take_batch(self) -> None:
        """Points to the program's own batch."""
        self.structure.input = self._batch_address
        self.structure.input_row = self._batch.shape[1]

    def set_steps(self, starts: Array | None, order: Array | None) -> None:
        """Sets how the sequences of the next batches lie in the rows of steps.

        Args:
            starts: the first row of each step, and the number of all rows, (T + 1,), of int64; None
                if all sequences have the same length.
            order: the samples from the longest sequence to the shortest, (N,), of int64.
        """
        slots = None if order is None else np.argsort(order)
        self._steps = starts, order, slots  # kept alive
        self.structure.starts = None if starts is None else starts.ctypes.data
        self.structure.sorted = None if order is None else order.ctypes.data
        self.structure.slots = None if slots is None else slots.ctypes.data

    def _rows(self, samples: int) -> int:
        """The rows of the output for a number of samples."""
        if self.positions is None:
            return samples
        starts, *_ = self._steps
        return samples * self.positions if starts is None else int(starts[-1])

    def _take_targets(self, T: Array, weights: Array | None) -> None:
        if self.positions is not None:
            _check_numbers("class", T, self.outputs.shape[1])
        (self.targets if self.positions is None else self.classes)[: len(T)] = T
        self.structure.weight = None
        if weights is not None:
            self.weights[: len(weights)] = weights
            self.structure.weight = self.weights.ctypes.data

    def release(self) -> None:
        """Drops the reference to the last input."""
        self._input = self._batch


def _check_numbers(kind: str, numbers: Array, count: int) -> None:
    """Checks that the kernels find what all of some numbers stand for.

    Raises:
        IndexError: a number is not from 0 to count - 1.
    """
    if numbers.size == 0:
        return
    least, largest = numbers.min(), numbers.max()
    if not (least >= 0 and largest < count):
        wrong = largest if least >= 0 else least
        raise IndexError(f"{kind} {wrong} is not one of {count}, which are counted from 0")
