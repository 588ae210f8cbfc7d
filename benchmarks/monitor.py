"""Compares validation loss and validation accuracy as the metric that picks a classifier's epoch.

python -m benchmarks.monitor

trains six configs with five seeds each, evaluates every epoch on the validation and the test set,
and compares the test accuracy of the epochs that either metric picks. Where accuracies tie, the
lower loss decides.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import nnkit
from nnkit.runs.directory import RunDirectory
from nnkit.task.starters import starter_for
from nnkit.task.starters.table_options import TableOptions

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "data" / "tables"
STARTERS = {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis", "digits": "digit"}
SHIPPED = ("softmax", "mnist-mlp")
# All epochs are needed, and those of both sets.
COMMON = (
    "regularization.early_stopping=null",
    "training.evaluate_on=[validation, test]",
    "training.monitor=last",
    "expect={}",
)
Record = Mapping[str, Any]
PICKS: dict[str, Callable[[Record], tuple[float, ...]]] = {
    "loss": lambda record: (record["validation.loss"],),
    "accuracy": lambda record: (-record["validation.accuracy"], record["validation.loss"]),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5, help="runs of each config; 5")
    given = arguments.parse_args()
    print("| config | by validation loss | by validation accuracy | difference |")
    print("|---|---:|---:|---:|")
    everything: list[float] = []
    with TemporaryDirectory() as name:
        for title, path in configs(Path(name)).items():
            found = [picked(trained(path, seed, Path(name))) for seed in range(given.seeds)]
            gains = [100 * (one["accuracy"] - one["loss"]) for one in found]
            everything += gains
            means = [f"{100 * fmean(one[pick] for one in found):.2f} %" for pick in PICKS]
            print(f"| {title} | {means[0]} | {means[1]} | {difference(gains)} |", flush=True)
    print(f"| all | | | {difference(everything)} |")


def configs(folder: Path) -> dict[str, Path]:
    """Writes the starter configs; returns the files of all configs by title."""
    found = {}
    for table, label in STARTERS.items():
        path = folder / f"{table}.yaml"
        starter = starter_for(TABLES / f"{table}.csv", TableOptions(labels=(label,)), folder)
        text = starter.text.replace(
            "validation: 0,", "validation: 0.1,"
        )  # there must be such a set
        path.write_text(text, encoding="utf-8")
        found[f"starter for {table}"] = path
    return found | {f"{stem}.yaml": ROOT / "configs" / f"{stem}.yaml" for stem in SHIPPED}


def trained(path: Path, seed: int, folder: Path) -> Sequence[Record]:
    """Trains a config with a seed; returns the records of its evaluations."""
    config = nnkit.load_config(path, [f"seed={seed}", *COMMON])
    return RunDirectory(nnkit.train(config, runs=folder / "runs").directory).read_metrics()


def picked(records: Sequence[Record]) -> dict[str, float]:
    """The test accuracy of the epoch that each metric picks."""
    return {name: min(records, key=key)["test.accuracy"] for name, key in PICKS.items()}


def difference(gains: Sequence[float]) -> str:
    """The mean difference in percentage points, with its standard error."""
    error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    return f"{fmean(gains):+.2f} ± {error:.2f} pp"


if __name__ == "__main__":
    main()
