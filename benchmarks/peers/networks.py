"""The networks that every library builds: their layers, and the settings of their training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]

IMAGE, CLASSES = (1, 28, 28), 10
INPUTS = prod(IMAGE)
PARTS = 10  # repetitions in an epoch of a dense network
GROUP = 8  # steps; the number in a repetition is a multiple, so that peers can unroll loops


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with square kernels and stride 1: W (filters, channels, kernel, kernel).

    `same` padding keeps height and width; `valid` means no padding. An activation follows; before
    it, batch normalization takes the place of the biases if there is any.
    """

    filters: int
    kernel: int
    padding: Literal["same", "valid"]
    batch_norm: bool = False


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max pooling over non-overlapping windows; incomplete windows are dropped."""

    size: int


@dataclass(frozen=True, slots=True)
class Dropout:
    """Dropout, in training only."""

    rate: float


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer: W (units, inputs); images are flattened first, channel by channel."""

    units: int


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A recurrent layer over the rows of an image, from top to bottom; its last state goes on.

    A GRU resets after the product, as in PyTorch. Weights are U (gates · units, inputs) and
    W (gates · units, units), biases b (gates · units,) and, of a GRU, d (units,); the gates are in
    the order i, f, o, g of an LSTM, and r, z, n of a GRU.
    """

    kind: Literal["rnn", "lstm", "gru"]
    units: int

    @property
    def gates(self) -> int:
        return {"rnn": 1, "lstm": 4, "gru": 3}[self.kind]


Layer = Conv | MaxPool | Dropout | Dense | Recurrent
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A network and its training settings.

    Attributes:
        name: the name of the network.
        layers: the layers from the image to the 10 outputs. Convolutions and dense layers have
            biases, and all but the last have an activation.
        batches: the batch sizes of training.
        images: the number of training images, a multiple of `portion`.
        portion: the number of images in a repetition of training, the smallest amount of work that
            is timed; a multiple of every batch size, because compiled functions of the peers take
            batches of one size only.
        answered: the number of test images in a repetition of inference.
        lr: the learning rate.
        warm_up: the number of repetitions of training before the measurement, at least three.
        highest_loss: the loss that training must have reached after them.
        squared: sigmoid units, ½ Σ(y − t)² and plain SGD (Nielsen's first network); else ReLU,
            softmax with cross-entropy, and Adam.
        zeros: whether the images to predict have black pixels, which nnkit leaves out of dense
            layers; else noise takes their place. A row with them is measured in inference only.
    """

    name: str
    layers: tuple[Layer, ...]
    batches: tuple[int, ...]
    images: int
    portion: int
    answered: int
    lr: float
    warm_up: int
    highest_loss: float
    squared: bool = False
    zeros: bool = False

    @property
    def convolutional(self) -> bool:
        return any(isinstance(layer, Conv) for layer in self.layers)

    @property
    def recurrent(self) -> bool:
        return any(isinstance(layer, Recurrent) for layer in self.layers)

    @property
    def repetitions(self) -> int:
        """The number of repetitions in an epoch of training."""
        return self.images // self.portion

    def shaped(self, X: Array) -> Array:
        """Reshapes inputs (n, 784) for the first layer: (n, 1, 28, 28) if convolutional."""
        return X.reshape(-1, *IMAGE) if self.convolutional else X

    def shapes(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Yields each layer with its input and output shape, without the sample axis."""
        shape: Shape = IMAGE
        for layer in self.layers:
            before = shape
            match layer:
                case Conv(filters, kernel, padding):
                    lost = 0 if padding == "same" else kernel - 1
                    shape = (filters, *(size - lost for size in before[1:]))
                case MaxPool(size):
                    shape = (before[0], *(length // size for length in before[1:]))
                case Dense(units) | Recurrent(_, units):
                    shape = (units,)
            yield layer, before, shape

    def operations(self, job: str) -> int:
        """Counts the floating-point operations of matrix products and convolutions per sample.

        A multiply-add counts as two. Training adds the same number for the weight gradients, and
        again for the input gradients of all layers but the first. Biases, activations, pooling,
        normalization, the loss and the update are a small part and not counted.
        """
        forward = [
            2 * _multiplications(layer, before, after) for layer, before, after in self.shapes()
        ]
        if job == "inference":
            return sum(forward)
        first = next(count for count in forward if count)
        if isinstance(self.layers[0], Recurrent):  # its states have gradients
            first = first * IMAGE[-1] // (IMAGE[-1] + self.layers[0].units)
        return 3 * sum(forward) - first


def _multiplications(layer: Layer, before: Sequence[int], after: Sequence[int]) -> int:
    match layer:
        case Conv(_, kernel):
            return prod(after) * before[0] * kernel**2  # including padding
        case Dense():
            return prod(before) * after[0]
        case Recurrent(_, units):
            steps, inputs = before[-2:]
            return steps * layer.gates * units * (inputs + units)
    return 0


def _perceptron(name: str, hidden: int, batch: int, lr: float, **more: Any) -> Iterator[Row]:
    """Yields two rows with one hidden layer, trained on most of MNIST, without and with zeros."""
    portion = 60_000 // PARTS // (GROUP * batch) * GROUP * batch
    images = PARTS * portion
    layers = (Dense(hidden), Dense(CLASSES))
    for end, zeros in (("", False), ("-zeros", True)):
        sizes = (batch,), images, portion, 10_000
        yield Row(name + end, layers, *sizes, lr, warm_up=5, zeros=zeros, **more)


def _lenet(name: str, padding: Literal["same", "valid"], **more: Any) -> Row:
    layers = (
        *(Conv(6, 5, padding), MaxPool(2), Conv(16, 5, "valid"), MaxPool(2)),
        *(Dense(120), Dense(84), Dense(CLASSES)),
    )
    return Row(name, layers, portion=2_560, answered=10_000, highest_loss=0.5, **more)


def _rows(kind: Literal["rnn", "lstm", "gru"], lr: float = 4e-3) -> Row:
    """Returns a row with a recurrent layer over the rows of images."""
    layers = (Recurrent(kind, 128), Dense(CLASSES))
    name, batches = f"{kind}-28x28", (128, 32)
    return Row(name, layers, batches, 12_800, 1_280, 1_000, lr, warm_up=30, highest_loss=0.5)


def _pair(filters: int) -> tuple[Layer, ...]:
    return (*[Conv(filters, 3, "same", batch_norm=True)] * 2, MaxPool(2))


ROWS = {
    row.name: row
    for row in (
        *_perceptron("784-30-10", 30, 10, 3.0, squared=True, highest_loss=0.15),
        *_perceptron("784-128-10", 128, 32, 1e-3, highest_loss=0.4),
        *_perceptron("784-1024-10", 1024, 128, 1e-3, highest_loss=0.4),
        _lenet("lenet", "same", batches=(64, 16), images=25_600, lr=1e-3, warm_up=5),
        _lenet("lenet-valid", "valid", batches=(64,), images=51_200, lr=3e-4, warm_up=10),
        Row(
            "conv32-conv64-128",
            (
                *(Conv(32, 3, "valid"), MaxPool(2), Conv(64, 3, "valid"), MaxPool(2)),
                *(Dense(128), Dense(CLASSES)),
            ),
            batches=(64,),
            images=12_800,
            portion=1_280,
            answered=1_000,
            lr=1e-3,
            warm_up=5,
            highest_loss=0.4,
        ),
        Row(
            "best",
            (
                *(*_pair(32), Dropout(0.25), *_pair(64), Dropout(0.25)),
                *(*_pair(128), Dropout(0.4), Dense(CLASSES)),
            ),
            batches=(64,),
            images=5_120,
            portion=320,
            answered=1_000,
            lr=2e-3,
            warm_up=16,
            highest_loss=0.6,
        ),
        _rows("lstm"),
        _rows("gru"),
        _rows("rnn", lr=1e-3),  # without gates, training at the others' rate is unstable
    )
}
