"""Networks, data files and protocol shared by the benchmark driver and its workers.

A worker is a process for one contender, in one mode, for one job. It writes a line of JSON when it
is ready; then it reads one line for each requested portion of work and writes one line with its
measurements. Between portions it waits for input, without using the processor.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import resource
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, TextIO, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Sequence[Array]  # W and b of each weighted layer, in order

IMAGE, CLASSES = (1, 28, 28), 10
INPUTS = prod(IMAGE)
MNIST = 60_000  # training images
PARTS = 10  # portions of an epoch of a convolutional network, which takes seconds
CHECKED = 2_000  # samples for the loss and accuracy after training
SMALLEST = 1e-12  # lower bound of a probability in that loss


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with square kernels and stride 1: W (filters, channels, kernel, kernel).

    `same` padding keeps height and width; `valid` means no padding.
    """

    filters: int
    kernel: int
    padding: Literal["same", "valid"]


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max pooling over non-overlapping windows; incomplete windows are dropped."""

    size: int


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer: W (units, inputs); images are flattened first, channel by channel."""

    units: int


Layer = Conv | MaxPool | Dense
Layout = Literal["", "channels first", "channels last"]


@dataclass(frozen=True, slots=True)
class Row:
    """A network and its training settings.

    Attributes:
        name: the name of the network.
        layers: the layers from the image to the 10 outputs. Convolutions and dense layers have
            biases, and all but the last have an activation.
        batches: the batch sizes to measure.
        images: the number of training images, a multiple of every batch size, because compiled
            functions of the peers take batches of one size only.
        lr: the learning rate.
        squared: sigmoid units, ½ Σ(y − t)² and plain SGD (Nielsen's first network); else ReLU,
            softmax with cross-entropy, and Adam.
        highest_loss: the loss that training must reach within one epoch.
    """

    name: str
    layers: tuple[Layer, ...]
    batches: tuple[int, ...]
    images: int
    lr: float
    highest_loss: float
    squared: bool = False

    @property
    def convolutional(self) -> bool:
        return any(isinstance(layer, Conv) for layer in self.layers)

    @property
    def repetitions(self) -> int:
        """The number of repetitions in an epoch; a repetition is the smallest portion of work."""
        return PARTS if self.convolutional else 1

    def shaped(self, X: Array) -> Array:
        """Reshapes inputs (n, 784) for the first layer: (n, 1, 28, 28) if convolutional."""
        return X.reshape(-1, *IMAGE) if self.convolutional else X

    def shapes(self) -> Iterator[tuple[Layer, tuple[int, ...], tuple[int, ...]]]:
        """Yields each layer with its input and output shape, without the sample axis."""
        shape: tuple[int, ...] = IMAGE
        for layer in self.layers:
            before = shape
            match layer:
                case Conv(filters, kernel, padding):
                    lost = 0 if padding == "same" else kernel - 1
                    shape = (filters, *(size - lost for size in before[1:]))
                case MaxPool(size):
                    shape = (before[0], *(length // size for length in before[1:]))
                case Dense(units):
                    shape = (units,)
            yield layer, before, shape

    def operations(self, job: str) -> int:
        """Counts the floating-point operations of matrix products and convolutions per sample.

        A multiply-add counts as two. Training adds the same number for the weight gradients, and
        again for the input gradients of all layers but the first. Biases, activations, pooling,
        the loss and the update are a small part and not counted.
        """
        forward = [
            2 * _multiplications(layer, before, after) for layer, before, after in self.shapes()
        ]
        if job == "inference":
            return sum(forward)
        return 3 * sum(forward) - next(count for count in forward if count)


def _multiplications(layer: Layer, before: Sequence[int], after: Sequence[int]) -> int:
    match layer:
        case Conv(_, kernel):
            return prod(after) * before[0] * kernel**2  # including padding
        case Dense():
            return prod(before) * after[0]
    return 0


def _perceptron(name: str, hidden: int, batch: int, lr: float, **more: Any) -> Row:
    """Returns a row with one hidden layer, trained on all complete batches of MNIST."""
    images = MNIST - MNIST % batch
    return Row(name, (Dense(hidden), Dense(CLASSES)), (batch,), images, lr, **more)


ROWS = {
    row.name: row
    for row in (
        _perceptron("784-30-10", 30, 10, 3.0, squared=True, highest_loss=0.15),
        _perceptron("784-128-10", 128, 32, 1e-3, highest_loss=0.4),
        _perceptron("784-1024-10", 1024, 128, 1e-3, highest_loss=0.4),
        Row(
            "lenet",
            (
                *(Conv(6, 5, "same"), MaxPool(2), Conv(16, 5, "valid"), MaxPool(2)),
                *(Dense(120), Dense(84), Dense(CLASSES)),
            ),
            batches=(64, 256, 16),
            images=25_600,
            lr=1e-3,
            highest_loss=0.4,
        ),
        Row(
            "conv32-conv64-128",
            (
                *(Conv(32, 3, "valid"), MaxPool(2), Conv(64, 3, "valid"), MaxPool(2)),
                *(Dense(128), Dense(CLASSES)),
            ),
            batches=(64,),
            images=12_800,
            lr=1e-3,
            highest_loss=0.4,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Material:
    """A folder of .npy files with the data and weights of a row, the same for all contenders."""

    folder: Path

    def save(self, name: str, array: Array) -> None:
        np.save(self.folder / f"{name}.npy", array)

    def load(self, name: str) -> Array:
        """Loads an array by name.

        `inputs` and `test_inputs` (n, 784): grey values 0 … 1; `classes` and `test_classes` (n,);
        `test_outputs` (10000, 10): nnkit's outputs with the trained weights.
        """
        return np.load(self.folder / f"{name}.npy")

    def first(self, name: str, count: int) -> Array:
        """Loads the first entries of an array, without reading the rest."""
        return np.array(np.load(self.folder / f"{name}.npy", mmap_mode="r")[:count])

    def save_weights(self, name: str, weights: Weights) -> None:
        for i, block in enumerate(weights):
            self.save(f"{name}_{i}", block)

    def weights(self, name: str) -> list[Array]:
        """Loads the `initial` or the `trained` weights."""
        count = len([*self.folder.glob(f"{name}_*.npy")])
        return [self.load(f"{name}_{i}") for i in range(count)]


def one_hot(classes: Array) -> Array:
    """Encodes class numbers (n,) as one-hot targets (n, 10)."""
    return np.eye(CLASSES, dtype=np.float32)[classes]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The job of a worker.

    Attributes:
        job: `training` or `inference`.
        row: the network.
        batch: the batch size.
        mode: the contender's mode.
        layout: the memory layout of images; "" for the contender's default.
        material: data and weights.
    """

    job: str
    row: Row
    batch: int
    mode: str
    layout: Layout
    material: Material

    def arguments(self) -> list[str]:
        """Returns the command-line arguments of the worker."""
        row, batch, folder = self.row.name, str(self.batch), str(self.material.folder)
        return [self.job, row, batch, self.mode, self.layout, folder]

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Assignment:
        job, row, batch, mode, layout, folder = arguments
        chosen: Layout = next(known for known in get_args(Layout) if known == layout)
        return cls(job, ROWS[row], int(batch), mode, chosen, Material(Path(folder)))


class Job(ABC):
    """The repeated work of a worker."""

    samples: int  # per repetition

    def __init__(self, given: Assignment) -> None:
        self.row, self.batch, self.material = given.row, given.batch, given.material

    @abstractmethod
    def reset(self) -> None:
        """Restores the initial state; not timed."""

    @abstractmethod
    def repeat(self, times: int) -> None:
        """Does the timed work, and returns when it is complete."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """Returns metrics that show that the work was done; not timed."""


class Training(Job):
    """Training; a repetition is an epoch or a part of one.

    Every portion starts from the same weights.

    Attributes:
        steps: the number of updates per repetition.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.samples = self.row.images // self.row.repetitions
        self.steps = self.samples // self.batch

    @abstractmethod
    def outputs(self, X: Array) -> Array:
        """Computes the outputs (n, 10) for inputs (n, 784), at most one batch."""

    def figures(self) -> dict[str, float]:
        Y = self._all_outputs(self.material.first("inputs", CHECKED))
        T = one_hot(self.material.first("classes", CHECKED))
        if self.row.squared:
            errors = 0.5 * np.sum((Y - T) ** 2, axis=1)
        else:
            errors = -np.sum(T * np.log(np.maximum(Y, SMALLEST)), axis=1)
        test = self._all_outputs(self.material.first("test_inputs", CHECKED))
        return {
            "loss": float(np.mean(errors)),
            "accuracy": _accuracy(test, self.material.first("test_classes", CHECKED)),
        }

    def _all_outputs(self, X: Array) -> Array:
        """Computes outputs in batches, to need no more memory than training does."""
        return np.concatenate([self.outputs(part) for part in batches(X, self.batch)])


class Inference(Job):
    """Inference with the trained weights; a repetition covers all test images, in batches."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.X = self.material.load("test_inputs")  # (10000, 784)
        self.samples = len(self.X)
        self.answers: Sequence[Any] = ()

    @abstractmethod
    def forward(self) -> Sequence[Any]:
        """Computes the outputs for all test images, in order, in one or more arrays."""

    def reset(self) -> None:
        self.answers = ()

    def repeat(self, times: int) -> None:
        for _ in range(times):
            self.answers = self.forward()

    def figures(self) -> dict[str, float]:
        Y = np.concatenate([np.asarray(part) for part in self.answers])
        return {
            "accuracy": _accuracy(Y, self.material.load("test_classes")),
            "deviation": float(np.max(np.abs(Y - self.material.load("test_outputs")))),
        }


def _accuracy(Y: Array, classes: Array) -> float:
    return float(np.mean(Y.argmax(axis=1) == classes))


def batches(X: Array, size: int) -> Iterator[Array]:
    """Yields views of X with `size` rows; the last may be shorter."""
    for start in range(0, len(X), size):
        yield X[start : start + size]


def serve(
    training: Callable[[Assignment], Training],
    inference: Callable[[Assignment], Inference] | None,
    versions: Mapping[str, str],
) -> None:
    """Runs a worker: `python -m benchmarks.peers.NAME_peer JOB ROW BATCH MODE LAYOUT FOLDER`.

    Args:
        training: creates a training job.
        inference: creates an inference job; None if the contender is not measured at inference.
        versions: the versions of the libraries used.
    """
    answers = _claim_stdout()
    given = Assignment.read(sys.argv[1:])
    make = training if given.job == "training" else inference
    assert make is not None
    job: Job = make(given)
    _answer(answers, {"versions": {"Python": platform.python_version(), **versions}})
    idle_since, idle_cpu = perf_counter(), process_time()
    for line in sys.stdin:
        waited, waited_cpu = perf_counter() - idle_since, process_time() - idle_cpu
        portion = _portion(job, json.loads(line)["times"])
        _answer(answers, {**portion, "idle_cores": waited_cpu / max(waited, 1e-9)})
        idle_since, idle_cpu = perf_counter(), process_time()


def _portion(job: Job, times: int) -> dict[str, Any]:
    job.reset()
    gc.collect()
    began, began_cpu = perf_counter(), process_time()
    job.repeat(times)
    seconds, cpu_seconds = perf_counter() - began, process_time() - began_cpu
    return {
        "seconds": seconds,
        "samples_per_second": times * job.samples / seconds,
        "busy_cores": cpu_seconds / seconds,
        "peak_bytes": peak_bytes(),
        **job.figures(),
    }


def peak_bytes() -> int:
    """Returns the peak memory use of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _claim_stdout() -> TextIO:
    """Reserves standard output for results; everything else printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, content: Mapping[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()
