"""Data files and protocol shared by the benchmark driver and its workers.

A worker is a process for one contender, in one setting, for one job. It writes a line of JSON when
it is ready; then it reads one line for each requested portion of work and writes one line with its
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
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, TextIO, get_args

import numpy as np

from benchmarks.peers.networks import CLASSES, ROWS, Array, Row

# W and b of each weighted layer, in order; W, scale, shift, mean, variance with batch normalization
Weights = Sequence[Array]
Layout = Literal["", "channels first", "channels last"]
CHECKED = 512  # samples for the loss and accuracy after training
SMALLEST = 1e-12  # lower bound of a probability in that loss


@dataclass(frozen=True, slots=True)
class Material:
    """A folder of .npy files with the data and weights of a row, the same for all contenders."""

    folder: Path

    def save(self, name: str, array: Array) -> None:
        np.save(self.folder / f"{name}.npy", array)

    def load(self, name: str) -> Array:
        """Loads an array by name.

        `inputs` and `test_inputs` (n, 784): grey values 0 … 1; `classes` and `test_classes` (n,);
        `answered_inputs` (answered, 784): test inputs of inference; `outputs` (answered, 10):
        nnkit's outputs for these with the trained weights.
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
    def repeat(self, times: int) -> None:
        """Does the timed work, and returns when it is complete."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """Returns metrics that show that the work was done; not timed."""


class Training(Job):
    """Training; a repetition is a part of an epoch, and each portion continues the one before.

    Attributes:
        steps: the number of updates per repetition.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.samples = self.row.portion
        self.steps = self.samples // self.batch

    @abstractmethod
    def outputs(self, X: Array) -> Array:
        """Computes the outputs (n, 10) for a batch of inputs (n, 784)."""

    def figures(self) -> dict[str, float]:
        count = CHECKED // self.batch * self.batch
        Y = self._all_outputs(self.material.first("inputs", count))
        T = one_hot(self.material.first("classes", count))
        if self.row.squared:
            errors = 0.5 * np.sum((Y - T) ** 2, axis=1)
        else:
            errors = -np.sum(T * np.log(np.maximum(Y, SMALLEST)), axis=1)
        test = self._all_outputs(self.material.first("test_inputs", count))
        return {
            "loss": float(np.mean(errors)),
            "accuracy": _accuracy(test, self.material.first("test_classes", count)),
        }

    def _all_outputs(self, X: Array) -> Array:
        """Computes outputs in batches, to need no more memory than training does."""
        return np.concatenate([self.outputs(part) for part in batches(X, self.batch)])


class Inference(Job):
    """Inference with the trained weights; a repetition is a number of whole batches.

    Attributes:
        X: the inputs, (samples, 784).
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.samples = self.row.answered // self.batch * self.batch
        self.X = self.material.first("answered_inputs", self.samples)
        self.answers: Sequence[Any] = ()

    @abstractmethod
    def forward(self) -> Sequence[Any]:
        """Computes the outputs for all inputs, in order, in one or more arrays."""

    def repeat(self, times: int) -> None:
        for _ in range(times):
            self.answers = self.forward()

    def figures(self) -> dict[str, float]:
        Y = np.concatenate([np.asarray(part) for part in self.answers])
        wanted = self.material.first("outputs", self.samples)
        return {
            "accuracy": _accuracy(Y, self.material.first("test_classes", self.samples)),
            "deviation": float(np.max(np.abs(Y - wanted))),
        }


def _accuracy(Y: Array, classes: Array) -> float:
    return float(np.mean(Y.argmax(axis=1) == classes))


def batches(X: Array, size: int) -> Iterator[Array]:
    """Yields views of X with `size` rows; the last may be shorter."""
    for start in range(0, len(X), size):
        yield X[start : start + size]


def serve(
    training: Callable[[Assignment], Training] | None,
    inference: Callable[[Assignment], Inference] | None,
    versions: Mapping[str, str],
) -> None:
    """Runs a worker: `python -m benchmarks.peers.NAME_peer JOB ROW BATCH MODE LAYOUT FOLDER`.

    Args:
        training: creates a training job; None if the contender does not train.
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
        request = json.loads(line)
        portion = _portion(job, request["times"])
        portion |= {"idle_cores": waited_cpu / max(waited, 1e-9)}
        _answer(answers, portion | (job.figures() if request["check"] else {}))
        idle_since, idle_cpu = perf_counter(), process_time()


def _portion(job: Job, times: int) -> dict[str, Any]:
    gc.collect()
    began, began_cpu = perf_counter(), process_time()
    job.repeat(times)
    seconds, cpu_seconds = perf_counter() - began, process_time() - began_cpu
    return {
        "seconds": seconds,
        "samples_per_second": times * job.samples / seconds,
        "busy_cores": cpu_seconds / seconds,
        "peak_bytes": peak_bytes(),
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
