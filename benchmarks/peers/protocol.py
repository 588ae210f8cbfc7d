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
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Sequence[Array]  # W (units, inputs) and b (units,) of the hidden and the output layer

INPUTS, CLASSES = 784, 10
CHECKED = 10_000  # training samples that the loss after training is taken over
SMALLEST = 1e-12  # of a probability in that loss


@dataclass(frozen=True, slots=True)
class Row:
    """A network and how it is trained.

    Attributes:
        name: inputs, hidden units and outputs.
        hidden: how many hidden units.
        batch: samples an update.
        lr: the learning rate.
        squared: sigmoid units, ½ Σ(y − t)² and plain SGD (Nielsen's first network); else ReLU,
            softmax with cross-entropy, and Adam.
        highest_loss: that a network which learns can have after one epoch.
    """

    name: str
    hidden: int
    batch: int
    lr: float
    squared: bool
    highest_loss: float


ROWS = {
    row.name: row
    for row in (
        Row("784-30-10", 30, 10, 3.0, squared=True, highest_loss=0.15),
        Row("784-128-10", 128, 32, 1e-3, squared=False, highest_loss=0.4),
        Row("784-1024-10", 1024, 128, 1e-3, squared=False, highest_loss=0.4),
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
        return [self.load(f"{name}_{i}") for i in range(4)]


def one_hot(classes: Array) -> Array:
    """Class numbers (n,) as targets (n, 10)."""
    return np.eye(CLASSES, dtype=np.float32)[classes]


class Job(ABC):
    """What a worker does over and over."""

    samples: int  # in one repetition

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
    """Training; a repetition is an epoch, and every portion begins at the same weights."""

    def __init__(self, row: Row, material: Material) -> None:
        self.row, self.material = row, material
        self.samples = len(material.load("classes"))

    @abstractmethod
    def outputs(self, X: Array) -> Array:
        """What the network gives (n, 10) for inputs (n, 784)."""

    def figures(self) -> dict[str, float]:
        Y = self.outputs(self.material.first("inputs", CHECKED))
        T = one_hot(self.material.first("classes", CHECKED))
        if self.row.squared:
            errors = 0.5 * np.sum((Y - T) ** 2, axis=1)
        else:
            errors = -np.sum(T * np.log(np.maximum(Y, SMALLEST)), axis=1)
        test = self.outputs(self.material.load("test_inputs"))
        return {
            "loss": float(np.mean(errors)),
            "accuracy": _accuracy(test, self.material.load("test_classes")),
        }


class Inference(Job):
    """Inference with the trained weights; a repetition is all test images in batches."""

    def __init__(self, material: Material, batch: int) -> None:
        self.material, self.batch = material, batch
        self.X = material.load("test_inputs")  # (10000, 784)
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
    training: Callable[[Row, Material, str], Training],
    inference: Callable[[Row, Material, str, int], Inference] | None,
    versions: Mapping[str, str],
) -> None:
    """Runs a worker: `python -m benchmarks.peers.NAME_peer JOB ROW BATCH MODE FOLDER`.

    Args:
        training: makes the job for a row, its data and a mode.
        inference: likewise, and for a batch size; None if this contender has none.
        versions: of what it computes with.
    """
    answers = _claim_stdout()
    kind, name, batch, mode, folder = sys.argv[1:]
    row, material = ROWS[name], Material(Path(folder))
    if kind == "training":
        job: Job = training(row, material, mode)
    else:
        assert inference is not None
        job = inference(row, material, mode, int(batch))
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
