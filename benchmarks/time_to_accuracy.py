"""Measures accuracy and training time of configs over several seeds.

    python -m benchmarks.time_to_accuracy                         # the configs of configs/fast
    python -m benchmarks.time_to_accuracy configs/lenet.yaml --seeds 3

Every run is a process of its own, as a user starts it: `nnkit train CONFIG --set seed=N`. Training
seconds are those of its summary.json, from before the first step to after the last, with what is
evaluated and saved in between. Seconds of the process are those from its start to its end, with
loading of libraries and data, and evaluation on the training and the test set. CPU seconds are the
processor time of all its threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.machine import machine

ROOT = Path(__file__).resolve().parents[1]
MISSED = 4  # the exit code of a run that misses a gate; its result counts, too


class Measurement(NamedTuple):
    """One run of a config.

    Attributes:
        seed: the seed.
        accuracy: the fraction of test samples that are classified correctly.
        training: seconds from the first step to the last.
        process: seconds from the start of the process to its end.
        cpu: seconds of processor time, of all threads of the process.
    """

    seed: int
    accuracy: float
    training: float
    process: float
    cpu: float


def main() -> None:
    options = arguments()
    report: dict[str, Any] = {
        "machine": machine(),
        "load_before": os.getloadavg()[0],
        "configs": {},
    }
    print(f"{report['machine']['cpu']}, load before {report['load_before']:.1f}\n")
    print("| config | test accuracy | lowest | training | process | CPU time |")
    print("|---|---:|---:|---:|---:|---:|")
    for config in options.configs:
        found = [measured(config, seed, options.set) for seed in range(options.seeds)]
        print(table_row(config.name, found), flush=True)
        report["configs"][str(config)] = [one._asdict() for one in found]
        if options.output is not None:
            options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fast = sorted((ROOT / "configs" / "fast").glob("*.yaml"))
    parser.add_argument(
        "configs", nargs="*", type=Path, metavar="CONFIG", default=fast, help="configs/fast/*.yaml"
    )
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="seeds 0 to N − 1; 10")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="a JSON file with all runs")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    return options


def measured(config: Path, seed: int, overrides: Sequence[str]) -> Measurement:
    """Trains a config with a seed in a new process.

    Raises:
        SystemExit: training failed, or there is no test accuracy.
    """
    with TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "nnkit", "train", str(config), "--runs", runs]
        command += ["--quiet", "--json", "--set", f"seed={seed}"]
        for override in overrides:
            command += ["--set", override]
        used, began = cpu_of_children(), perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        process, cpu = perf_counter() - began, cpu_of_children() - used
    if done.returncode not in (0, MISSED):
        raise SystemExit(done.returncode)
    summary = json.loads(done.stdout)
    accuracy = summary["results"].get("test", {}).get("accuracy")
    if accuracy is None:
        raise SystemExit(f"{config}: no accuracy on a test set is measured")
    return Measurement(seed, accuracy, summary["seconds"], process, cpu)


def cpu_of_children() -> float:
    """The processor time in seconds of all child processes that have ended."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table_row(name: str, found: Sequence[Measurement]) -> str:
    """Formats the measurements of a config as a row of the table."""
    accuracies = [100 * one.accuracy for one in found]
    seconds = (
        spread([getattr(one, field) for one in found], 1, "s")
        for field in ("training", "process", "cpu")
    )
    accuracy = spread(accuracies, 3, "%")
    return f"| `{name}` | {accuracy} | {min(accuracies):.2f} % | {' | '.join(seconds)} |"


def spread(values: Sequence[float], digits: int, unit: str) -> str:
    """Formats the mean, and the standard deviation if there are several values."""
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ± {stdev(values):.{digits}f} {unit}" if len(values) > 1 else f"{mean} {unit}"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
