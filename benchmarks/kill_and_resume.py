"""Compares runs that were killed at random times and resumed with an uninterrupted run, bit by bit.

python -m benchmarks.kill_and_resume
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from nnkit.config.yaml_dump import dump_yaml
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import RunDirectory, list_runs

DATA = Path(__file__).parents[1] / "data"
DIGITS, TEXT = DATA / "tables" / "digits.csv", DATA / "text" / "timemachine.txt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a run, which must not depend on interruptions.

    Attributes:
        weights: SHA-256 of the last weights.
        best_weights: SHA-256 of the best weights.
        results: the final metrics.
        metrics: all records of metrics.jsonl, without the speed.
    """

    weights: str
    best_weights: str
    results: dict[str, Any]
    metrics: list[dict[str, Any]]

    def differences(self, other: Outcome) -> list[str]:
        """Returns the names of the attributes that differ."""
        return [name for name in self.__slots__ if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True, slots=True)
class Kill:
    """One interruption of a run.

    Attributes:
        step: the step of the last checkpoint; 0 before the first.
        torn: whether the process was killed while writing a checkpoint.
    """

    step: int
    torn: bool


# An epoch of digits has 40 steps, of which the compiled kernels take several in one call. What is
# drawn at random, changes without being trained, or is kept beside the weights must survive.
CONFIGS: dict[str, dict[str, Any]] = {
    "adam": {
        "architecture": {"layers": [{"dense": 64}, {"dense": 10}]},
        "optimizer": {"kind": "adam", "lr": 0.003},
        "regularization": {"dropout": 0.25},
    },
    "lamb": {
        "architecture": {"layers": [{"dense": 64}, {"dense": 10}]},
        "optimizer": {
            "kind": "lamb",
            "lr": 0.02,
            "clip": 1.0,
            "schedule": {"kind": "cosine", "warmup": 0.1},
        },
        "regularization": {"l1": 1e-4, "max_norm": 2.0},
    },
    "batch norm": {
        "architecture": {
            "layers": [
                {"reshape": [1, 8, 8]},
                {"conv": {"filters": 8, "kernel": 3, "padding": "same"}},
                "batch_norm",
                {"max_pool": 2},
                "flatten",
                {"dense": 10},
            ]
        },
        "optimizer": {"kind": "rmsprop", "lr": 0.001, "momentum": 0.9},
        "regularization": {"dropout": 0.25, "weight_decay": 0.01},
        "averaging": {"kind": "ema", "decay": 0.99},
    },
    # Batches of texts of similar length, whose order is drawn, with a decoder.
    "translator": {
        "data": {"source": {"kind": "number_words", "count": 2500, "digits": 4}},
        "architecture": {
            "encoder": [{"embedding": 8}, {"gru": {"units": 16, "bidirectional": True}}],
            "decoder": [{"embedding": 8}, {"gru": 32}, {"attention": "dot"}, {"dense": "auto"}],
        },
        "optimizer": {"kind": "adam", "lr": 0.003, "clip": 1.0},
        "training": {"batch_tokens": 1500},
    },
    # A stream, whose state is carried from batch to batch.
    "stream": {
        "data": {
            "source": {"kind": "text", "path": str(TEXT), "first": 100_000},
            "targets": "next",
            "windows": {"length": 32, "stream": True},
        },
        "architecture": {
            "layers": [
                {"embedding": 16},
                {"lstm": {"units": 32, "output": "all", "dropout": 0.1}},
                {"dense": "auto"},
            ]
        },
        "optimizer": {"kind": "adam", "lr": 0.003, "clip": 1.0},
    },
}


def write_config(folder: Path, name: str, epochs: int) -> Path:
    """Writes one of `CONFIGS`."""
    settings = dict(CONFIGS[name])
    training = {"epochs": epochs, "checkpoint_every": 7, **settings.pop("training", {})}
    if "averaging" in settings:
        training["averaging"] = settings.pop("averaging")
    data = {
        "source": {"kind": "csv", "path": str(DIGITS), "label": "digit"},
        "preprocess": [{"scale": 16}],
    }
    config = {"data": data, **settings, "training": training}
    path = folder / "killed.yaml"
    path.write_text(dump_yaml(config))
    return path


def start(config: Path, runs: Path) -> subprocess.Popen[str]:
    """Starts `nnkit train CONFIG --resume` in a separate process."""
    command = ["-m", "nnkit", "train", str(config), "--resume", "--quiet", "--runs", str(runs)]
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(config: Path, runs: Path) -> Outcome:
    """Resumes the run and trains to the end.

    Raises:
        RuntimeError: the run failed, or left a temporary file.
    """
    with start(config, runs) as process:
        said = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said}")
    (run,) = list_runs(runs)
    if left := half_written(runs):
        raise RuntimeError(f"left behind: {left}")
    summary, metrics = run.read_summary(), run.read_metrics()
    assert summary is not None
    for record in metrics:
        del record["samples_per_second"]
    sums = summary["weights_sha256"], summary["best_weights_sha256"]
    return Outcome(*sums, summary["results"], metrics)


def kill(config: Path, runs: Path, seconds: float, in_write: bool) -> Kill | None:
    """Trains for a given time, then kills the process.

    Args:
        config: the config file.
        runs: the folder that contains the run.
        seconds: the time until the kill.
        in_write: whether to wait until a checkpoint is being written.

    Returns:
        The interruption, or None if the run finished first.

    Raises:
        CheckpointError: a checkpoint is damaged after the kill.
        RuntimeError: the run failed by itself.
    """
    before = set(half_written(runs))
    with start(config, runs) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            while in_write and process.poll() is None and not set(half_written(runs)) - before:
                pass
            process.kill()
        said = process.communicate()[1]
    if process.returncode == 0:
        return None
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError(f"exit code {process.returncode}: {said}")
    step = 0
    for run in list_runs(runs):
        step = _whole_checkpoints(run)
    return Kill(step, bool(set(half_written(runs)) - before))


def half_written(runs: Path) -> list[Path]:
    """Returns temporary checkpoint files, being written or left by a killed process."""
    return list(runs.glob("*/checkpoints/.*"))


def _whole_checkpoints(run: RunDirectory) -> int:
    """Reads every checkpoint and returns the step of the last one."""
    if run.best.is_file():
        read_checkpoint(run.best)
    return int(read_checkpoint(run.last).header["progress"]["step"]) if run.begun else 0


def killed_and_resumed(
    config: Path, runs: Path, kills: int, begins: float, seconds: float, draw: Random
) -> tuple[Outcome, list[Kill]]:
    """Kills and resumes a run several times, then finishes it.

    Args:
        config: the config file.
        runs: the folder for the run.
        kills: the maximum number of interruptions; the run may finish earlier.
        begins: the time after which a process saves its first checkpoint, in seconds.
        seconds: the duration of an uninterrupted run.
        draw: random generator for the times, and for killing during a write.
    """
    done: list[Kill] = []
    for _ in range(kills):
        # half of the training, so that most runs are killed several times
        moment = draw.uniform(0.9 * begins, (begins + seconds) / 2)
        killed = kill(config, runs, moment, in_write=draw.random() < 0.5)
        if killed is None:
            break
        done.append(killed)
    return finish(config, runs), done


def compare(name: str, times: int, kills: int, epochs: int, draw: Random) -> tuple[int, list[Kill]]:
    """Prints one row per run of a config.

    Args:
        name: the config, one of `CONFIGS`.
        times: number of runs.
        kills: maximum interruptions of each run.
        epochs: epochs of each run.
        draw: random generator for the times of interruption.

    Returns:
        The number of runs that differ from the uninterrupted one, and all interruptions.
    """
    every: list[Kill] = []
    done = different = 0
    with TemporaryDirectory() as place:
        folder = Path(place)
        config = write_config(folder, name, epochs)
        began = perf_counter()
        expected = finish(config, folder / "whole")
        seconds = perf_counter() - began
        began = perf_counter()
        kill(config, folder / "begun", 0, in_write=True)
        begins = perf_counter() - began
        print(f"{name}, uninterrupted: {seconds:.1f} s, {expected.metrics[-1]['step']} steps")
        print(f"{'run':>8}  {'result':9}  killed after step (* during a write)")
        while done < times:
            began = perf_counter()
            with TemporaryDirectory(dir=folder) as runs:
                outcome, found = killed_and_resumed(
                    config, Path(runs), kills, begins, seconds, draw
                )
            if not found:  # the machine is less busy than during the uninterrupted run
                seconds = min(seconds, perf_counter() - began)
                continue
            wrong = expected.differences(outcome)
            steps = ", ".join(f"{k.step}{'*' * k.torn}" for k in found)
            done += 1
            print(f"{done:8}  {', '.join(wrong) or 'identical':9}  {steps}", flush=True)
            every += found
            different += bool(wrong)
    return different, every


def main() -> int:
    """Prints one row per run; returns 1 if any result differs from the uninterrupted run's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=10, help="number of runs of each config")
    parser.add_argument("--kills", type=int, default=6, help="maximum interruptions of each run")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of each run")
    parser.add_argument("--seed", type=int, default=0, help="seed of the times of interruption")
    parser.add_argument("--configs", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    options = parser.parse_args()
    draw, every, different = Random(options.seed), [], 0
    for name in options.configs:
        wrong, kills = compare(name, options.times, options.kills, options.epochs, draw)
        different += wrong
        every += kills
    torn = sum(k.torn for k in every)
    runs = options.times * len(options.configs)
    print(f"{runs} runs, {len(every)} kills, {torn} of them during a write: ", end="")
    print(f"{different} with different results")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
