"""Training on data larger than memory: peak memory, and speed compared with data in memory.

python -m benchmarks.larger_than_memory --size 6

makes shards of random data of so many gigabytes in a temporary folder, then trains the same network
on all of them streamed, and on a slice held in memory, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np

from nnkit.nn.numerics import numerics
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from nnkit.training.events import Evaluation
from nnkit.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[1]
GB = 10**9
FEATURES, CLASSES = 1024, 10
SAMPLE = 4 * FEATURES  # bytes
ROWS = 16_384  # samples in a shard: 67 MB
SLICE = 102_400  # samples in memory: 419 MB
BATCH = 128
PORTION = 200  # steps that are timed together


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=float, default=6.0, help="gigabytes of data; 6")
    arguments.add_argument("--steps", type=int, default=800, help="steps of each training; 800")
    arguments.add_argument("--rounds", type=int, default=3, help="trainings of each kind; 3")
    arguments.add_argument("--hidden", type=int, default=128, help="units of the network; 128")
    arguments.add_argument("--window", type=int, default=4096, help="samples; 4096")
    arguments.add_argument("--format", choices=("npy", "parquet"), default="npy")
    arguments.add_argument(
        "--cold", action="store_true", help="train from disk, not from the system's cache of files"
    )
    arguments.add_argument("--folder", type=Path, help="where the data is made; a temporary one")
    arguments.add_argument("--config", help="for internal use: the config that a process trains")
    given = arguments.parse_args()
    if given.config is not None:
        settings = json.loads(given.config)
        cold = Path(settings["data"]["source"]["path"]) if given.cold else None
        print(json.dumps(trained(config_from(settings), cold)))
        return
    with TemporaryDirectory(dir=given.folder) as name:
        compare(Path(name), given)


def compare(folder: Path, given: argparse.Namespace) -> None:
    """Makes the data, trains in turn on both kinds of it, and prints the result."""
    began = perf_counter()
    samples = write_shards(folder / "shards", round(given.size * GB / SAMPLE), given.format)
    write_slice(folder)
    size = sum(file.stat().st_size for file in (folder / "shards").iterdir())
    print(
        f"{samples:,} samples, {size / GB:.2f} GB of {given.format} shards, "
        f"made in {perf_counter() - began:.0f} s"
    )
    sources = {
        "streamed": {
            "kind": "shards",
            "path": str(folder / "shards"),
            "window": given.window,
        },
        "in memory": {
            "kind": "npy",
            "inputs": str(folder / "inputs.npy"),
            "targets": str(folder / "targets.npy"),
        },
    }
    speeds: dict[str, list[float]] = {name: [] for name in sources}
    for number in range(given.rounds):
        for name, source in sources.items():
            cold = given.cold and name == "streamed"
            found = in_a_process(config_of(source, given.steps, given.hidden), cold=cold)
            speeds[name] += found["speeds"]
            print(
                f"round {number + 1}, {name}: {median(found['speeds']):,.0f} samples/s, peak "
                f"memory {found['peak'] / GB:.3f} GB, {found['load_seconds']:.0f} s to load, check "
                f"and standardize, loss {found['loss']:.4f}, {found['processor']:.2f} µs of "
                "processor time a sample",
                flush=True,
            )
    ratio = median(speeds["streamed"]) / median(speeds["in memory"])
    print(f"speed streamed / in memory: {ratio:.3f}")


def config_of(source: dict[str, Any], steps: int, hidden: int) -> dict[str, Any]:
    """The config of a network of one hidden layer, which standardizes its inputs."""
    return {
        "data": {
            "source": source,
            "split": {"validation": 0, "test": 0},
            "preprocess": ["standardize"],
        },
        "architecture": {"layers": [{"dense": hidden}, {"dense": CLASSES}]},
        "training": {"steps": steps, "batch_size": BATCH, "evaluate_every": PORTION, "threads": 1},
    }


def in_a_process(config: dict[str, Any], *, cold: bool) -> dict[str, Any]:
    """Runs `trained` in a new process."""
    command = [sys.executable, "-m", "benchmarks.larger_than_memory"]
    done = subprocess.run(
        [*command, "--config", json.dumps(config), *(["--cold"] if cold else [])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def trained(config: Config, cold: Path | None = None) -> dict[str, Any]:
    """Trains a config; returns the speeds of its portions in samples/s, its peak memory and so on.

    Args:
        config: the config.
        cold: a folder that training is to read from disk, although loading has read it.
    """
    began = perf_counter()
    with TemporaryDirectory() as runs:
        trainer = Trainer(load_task(config), Path(runs))
        loaded = perf_counter() - began
        if cold is not None:
            for file in cold.iterdir():
                forget(file)
        began = process_time()
        with numerics(trainer.model):
            events = [e for e in trainer.loop.run() if isinstance(e, Evaluation)]
    spent = process_time() - began
    # The first portion includes the first use of everything.
    return {
        "speeds": [event.samples_per_second for event in events[1:]],
        "loss": events[-1].train_loss,
        "load_seconds": loaded,
        "peak": peak_memory(),
        "processor": 1e6 * spent / trainer.loop.progress.samples,
    }


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes.

    Linux counts the process from which this one was started in `getrusage`, but not here.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def write_shards(folder: Path, samples: int, form: str) -> int:
    """Writes at least so many samples as shards; returns their number."""
    folder.mkdir()
    count = -(-samples // ROWS)
    for number in range(count):
        X, classes = random_samples(number, ROWS)
        name = folder / f"{number:05d}"
        if form == "npy":
            np.save(f"{name}.inputs.npy", X)
            np.save(f"{name}.targets.npy", classes)
        else:
            write_parquet(name.with_suffix(".parquet"), X, classes)
    for file in folder.iterdir():
        forget(file)
    return count * ROWS


def write_parquet(path: Path, X: np.ndarray[Any, Any], classes: np.ndarray[Any, Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    inputs = pa.FixedSizeListArray.from_arrays(X.reshape(-1), FEATURES)
    table = pa.table({"inputs": inputs, "label": classes})
    parquet.write_table(table, path, row_group_size=1024, use_dictionary=False)


def write_slice(folder: Path) -> None:
    """Writes the samples that are held in memory, from the same distribution."""
    parts = list(slices())
    np.save(folder / "inputs.npy", np.concatenate([X for X, _ in parts]))
    np.save(folder / "targets.npy", np.concatenate([classes for _, classes in parts]))


def slices() -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    for number, first in enumerate(range(0, SLICE, ROWS)):
        yield random_samples(number, min(ROWS, SLICE - first))


def random_samples(seed: int, samples: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Noise around a centre for each class: inputs (n, features), and class numbers (n,)."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(2**32).normal(size=(CLASSES, FEATURES)).astype(np.float32)
    classes = rng.integers(0, CLASSES, samples)
    X = rng.standard_normal((samples, FEATURES), dtype=np.float32)
    X += 0.05 * centres[classes]
    return X, classes.astype(np.uint8)


def forget(file: Path) -> None:
    """Writes a file to the disk and drops it from the page cache, so that it is read from disk."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
