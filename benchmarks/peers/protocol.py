"""What the driver and its workers share: the networks, the data on disk, and how they talk.

A worker is a process for one contender, in one mode, at one job. It writes a line of JSON when it
is ready; after that it reads one line for each portion of work wanted and answers with one line of
what it measured. Between portions it waits for input, and costs nothing.
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
Weights = Sequence[Array]  # W and b of each layer that has them, in order

IMAGE, CLASSES = (1, 28, 28), 10
INPUTS = prod(IMAGE)
MNIST = 60_000  # training images
PARTS = 10  # of an epoch of convolutions, which takes seconds
CHECKED = 2_000  # samples that the loss and the accuracy after training are taken over
SMALLEST = 1e-12  # of a probability in that loss


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution of square kernels with stride 1: W (filters, channels, kernel, kernel).

    `same` padding keeps height and width; `valid` has none.
    """

    filters: int
    kernel: int
    padding: Literal["same", "valid"]


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The maximum of windows side by side; what does not fill one is left out."""

    size: int


@dataclass(frozen=True, slots=True)
class Dense:
    """W (units, inputs); an image before it is flattened, channel by channel."""

    units: int


Layer = Conv | MaxPool | Dense
Layout = Literal["", "channels first", "channels last"]


@dataclass(frozen=True, slots=True)
class Row:
    """A network and how it is trained.

    Attributes:
        name: of the network.
        layers: from the image to the 10 outputs. A convolution and a dense layer have biases, and
            all but the last an activation.
        batches: samples an update; it is measured with each.
        images: to train on, a multiple of every batch, for a compiled peer can't have a short one.
        lr: the learning rate.
        squared: sigmoid units, ½ Σ(y − t)² and plain SGD (Nielsen's first network); else ReLU,
            softmax with cross-entropy, and Adam.
        highest_loss: that a network which learns can have after one epoch.
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
        """Of the work that one epoch takes: the least that a worker is asked to train."""
        return PARTS if self.convolutional else 1

    def shaped(self, X: Array) -> Array:
        """Inputs (n, 784) as the first layer takes them: (n, 1, 28, 28), or as they are."""
        return X.reshape(-1, *IMAGE) if self.convolutional else X

    def shapes(self) -> Iterator[tuple[Layer, tuple[int, ...], tuple[int, ...]]]:
        """Each layer with the shape of a sample before it and after it."""
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
        """Floating-point operations that a sample's matrix products and convolutions need.

        A multiply-add is two. Training takes as many again for the gradients of the weights, and
        for those of the inputs of all layers but the first. Biases, activations, pooling, the loss
        and the update, which are a small part, are not counted.
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
            return prod(after) * before[0] * kernel**2  # those with padding among them
        case Dense():
            return prod(before) * after[0]
    return 0


def _perceptron(name: str, hidden: int, batch: int, lr: float, **more: Any) -> Row:
    """A row of one hidden layer, which has all of MNIST but for what fills no batch."""
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
    """A folder of .npy files: one row's data and weights, the same for every contender."""

    folder: Path

    def save(self, name: str, array: Array) -> None:
        np.save(self.folder / f"{name}.npy", array)

    def load(self, name: str) -> Array:
        """An array by its name.

        `inputs` and `test_inputs` (n, 784), grey values 0 … 1; `classes` and `test_classes` (n,);
        `test_outputs` (10000, 10): the trained weights' answers.
        """
        return np.load(self.folder / f"{name}.npy")

    def first(self, name: str, count: int) -> Array:
        """The first entries of an array, without reading the rest."""
        return np.array(np.load(self.folder / f"{name}.npy", mmap_mode="r")[:count])

    def save_weights(self, name: str, weights: Weights) -> None:
        for i, block in enumerate(weights):
            self.save(f"{name}_{i}", block)

    def weights(self, name: str) -> list[Array]:
        """The `initial` or the `trained` weights."""
        count = len([*self.folder.glob(f"{name}_*.npy")])
        return [self.load(f"{name}_{i}") for i in range(count)]


def one_hot(classes: Array) -> Array:
    """Class numbers (n,) as targets (n, 10)."""
    return np.eye(CLASSES, dtype=np.float32)[classes]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is to do.

    Attributes:
        job: `training` or `inference`.
        row: the network.
        batch: samples at a time.
        mode: which of the contender's ways.
        layout: of images in memory; "" leaves it to the contender.
        material: data and weights.
    """

    job: str
    row: Row
    batch: int
    mode: str
    layout: Layout
    material: Material

    def arguments(self) -> list[str]:
        """Itself, as a worker's command line has it."""
        row, batch, folder = self.row.name, str(self.batch), str(self.material.folder)
        return [self.job, row, batch, self.mode, self.layout, folder]

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Assignment:
        job, row, batch, mode, layout, folder = arguments
        chosen: Layout = next(known for known in get_args(Layout) if known == layout)
        return cls(job, ROWS[row], int(batch), mode, chosen, Material(Path(folder)))


class Job(ABC):
    """What a worker does over and over."""

    samples: int  # in one repetition

    def __init__(self, given: Assignment) -> None:
        self.row, self.batch, self.material = given.row, given.batch, given.material

    @abstractmethod
    def reset(self) -> None:
        """Back to the start; not timed."""

    @abstractmethod
    def repeat(self, times: int) -> None:
        """The timed work; done when it returns."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """What shows that the work was done; not timed."""


class Training(Job):
    """Training; a repetition is an epoch or a part of one.

    Every portion begins at the same weights.

    Attributes:
        steps: updates in a repetition.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.samples = self.row.images // self.row.repetitions
        self.steps = self.samples // self.batch

    @abstractmethod
    def outputs(self, X: Array) -> Array:
        """What the network gives (n, 10) for inputs (n, 784), at most a batch of them."""

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
        """In batches like those of the training, so that they take no more memory than it does."""
        return np.concatenate([self.outputs(part) for part in batches(X, self.batch)])


class Inference(Job):
    """Inference with the trained weights; a repetition is all test images in batches."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.X = self.material.load("test_inputs")  # (10000, 784)
        self.samples = len(self.X)
        self.answers: Sequence[Any] = ()

    @abstractmethod
    def forward(self) -> Sequence[Any]:
        """The outputs for all test images, in order, in one array or more."""

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
    """X cut into views of `size` rows, the last as short as it comes."""
    for start in range(0, len(X), size):
        yield X[start : start + size]


def serve(
    training: Callable[[Assignment], Training],
    inference: Callable[[Assignment], Inference] | None,
    versions: Mapping[str, str],
) -> None:
    """Runs a worker: `python -m benchmarks.peers.NAME_peer JOB ROW BATCH MODE LAYOUT FOLDER`.

    Args:
        training: makes the job that is assigned.
        inference: likewise; None if this contender has none.
        versions: of what it computes with.
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
    """The most memory this process ever held at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _claim_stdout() -> TextIO:
    """Keeps standard output for answers; whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, content: Mapping[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()
