"""Measures predictions of few images a call, by one and by two threads of a program.

Networks trained on MNIST predict one or 32 images a call: `python -m benchmarks.small_calls`. Two
threads of Python use the same model. Most of the time of a small call is Python's, of which one
thread runs at a time, so that two threads predict as many images as one. One thread alone lets the
compiled kernels use all processors if that is faster; two share them. The first row calls a
function of Python alone: its ratio is what the interpreter itself loses by changing threads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

import nnkit
from benchmarks.machine import machine
from nnkit.task.config_loading import config_from

NETWORKS: dict[str, list[Any]] = {
    **{
        f"784-{units}-10": ["flatten", {"dense": units}, {"dense": 10}] for units in (30, 128, 1024)
    },
    "LeNet": [
        *({"conv": {"filters": 6, "kernel": 5, "padding": "same"}}, {"max_pool": 2}),
        *({"conv": {"filters": 16, "kernel": 5}}, {"max_pool": 2}),
        *("flatten", {"dense": 120}, {"dense": 84}, {"dense": 10}),
    ],
}
PER_CALL = (1, 32)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.small_calls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each; 9")
    parser.add_argument("--seconds", type=float, default=0.25, help="length of each; 0.25")
    given = parser.parse_args(arguments)
    print(f"{machine()['cpu']}\n")
    print("| network | images a call | images/s | by two threads | ratio |")
    print("|---|---:|---:|---:|---:|")

    def measure(name: str, images: int, call: Callable[[], object]) -> None:
        pairs = [
            tuple(images * calls_per_second(call, threads, given.seconds) for threads in (1, 2))
            for _ in range(given.rounds)
        ]
        one, two = (median(speeds) for speeds in zip(*pairs, strict=True))
        ratio = median(two / one for one, two in pairs)
        print(f"| {name} | {images} | {one:,.0f} | {two:,.0f} | {ratio:.2f} |")

    measure("Python alone: `sum(range(300))`", 1, lambda: sum(range(300)))
    for name, layers in NETWORKS.items():
        model = trained(layers)
        for images in PER_CALL:
            measure(name, images, partial(model.outputs, pictures(images)))


def trained(layers: Sequence[Any]) -> nnkit.TrainedModel:
    """A network after a few training steps."""
    config = config_from(
        {
            "data": {"source": "mnist", "preprocess": ["scale"]},
            "architecture": {"layers": layers},
            "training": {"epochs": None, "steps": 5, "evaluate_on": []},
        }
    )
    with TemporaryDirectory() as folder:
        return nnkit.train(config, runs=Path(folder)).load()


def pictures(count: int) -> np.ndarray:
    """Random pictures of shape (count, 1, 28, 28)."""
    return np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28)).astype(np.uint8)


def calls_per_second(call: Callable[[], object], threads: int, seconds: float) -> float:
    """The number of calls that threads make in a second, all together."""

    def calls() -> int:
        done, end = 0, perf_counter() + seconds
        while perf_counter() < end:
            call()
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        began = perf_counter()
        counts = [each.result() for each in [pool.submit(calls) for _ in range(threads)]]
        return sum(counts) / (perf_counter() - began)


if __name__ == "__main__":
    main()
