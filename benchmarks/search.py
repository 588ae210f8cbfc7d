"""Measures searches on 8 × 8 digits: random search against a grid, halving against random search.

    python -m benchmarks.search

A grid is trained once: 10 learning rates × 10 numbers of units, in usual or in wide ranges. Random
search then draws 8 of its points, by the sampler of `nnkit tune`, in each of 20 repeats with other
seeds, and takes their results from the grid. In the second comparison every repeat trains 30 random
points of a continuous space to their end, and again with successive halving; the same seed draws
the same points.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from nnkit.experiments.job import Ending
from nnkit.experiments.study import Study
from nnkit.experiments.tune_checks import check_tune
from nnkit.experiments.tune_file import load_tune

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "data" / "tables" / "digits.csv"
REPEATS, DRAWS, TRIALS, EPOCHS = 20, 8, 30, 27
METRIC, TEST = "validation.accuracy", "test.accuracy"
# The grid's learning rates, spaced evenly by their logarithm, and numbers of units.
GRIDS = {
    "usual": ((1e-3, 1e-1), [8, 12, 16, 24, 32, 48, 64, 80, 96, 128]),
    "wide": ((1e-4, 1.0), [2, 3, 4, 6, 8, 12, 16, 24, 32, 64]),
}
CONFIG = f"""\
name: digits
data:
  source: {{kind: csv, path: {DIGITS}, label: digit}}
  split: {{validation: 0.2, test: 0.2}}
  preprocess: [scale: 16]
training: {{epochs: {EPOCHS}}}
"""
PRUNERS = ["{successive_halving: {factor: 3}}", "{successive_halving: {first: 3, factor: 3}}"]
CONTINUOUS = """\
architecture: {layers: [dense: {int: {low: 2, high: 64, log: true}}, dense: 10]}
optimizer: {lr: {float: {low: 1e-4, high: 1, log: true}}}
"""


def tuned(folder: Path, space: str, search: str) -> dict[str, Any]:
    """The result of `nnkit tune`, with two trials at a time."""
    file = write(folder, space, search)
    command = [sys.executable, "-m", "nnkit", "tune", str(file), "--quiet", "--json", "-j", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def write(folder: Path, space: str, search: str) -> Path:
    """A tune file."""
    file = folder / "search.yaml"
    file.write_text(f"{CONFIG}{space}search: {{metric: {METRIC}, {search}}}\n", encoding="utf-8")
    return file


def points(ranges: str) -> str:
    """The space of a grid of 100 points."""
    (low, high), units = GRIDS[ranges]
    rates = [float(f"{low * (high / low) ** (i / 9):.3g}") for i in range(10)]
    return (
        f"architecture: {{layers: [dense: {{choice: {units}}}, dense: 10]}}\n"
        f"optimizer: {{lr: {{choice: {rates}}}}}\n"
    )


def random_search(
    folder: Path, space: str, seed: int, table: Mapping[str, Any]
) -> dict[str, float]:
    """The metrics of the best of a few random points, results being taken from a table."""
    file = write(folder, space, f"trials: {DRAWS}, sampler: random, seed: {seed}")
    study = Study(check_tune(load_tune(file)), folder / f"study-{seed}")
    with study.present():
        while (attempt := study.next(DRAWS)) is not None:
            study.checked.file.config(attempt.suggest)
            metrics = table[json.dumps(attempt.params, sort_keys=True)]
            results: dict[str, dict[str, float]] = {}
            for name, value in metrics.items():
                split, _, figure = name.partition(".")
                results.setdefault(split, {})[figure] = value
            attempt.finish(Ending("completed", summary={"results": results}))
    best = study.best()
    assert best is not None
    return dict(best.metrics)


def against_grid(folder: Path, repeats: int, ranges: str) -> None:
    """Compares random search with the grid."""
    space = points(ranges)
    grid = tuned(folder, space, "sampler: grid")
    trials = [trial for trial in grid["trials"] if trial["state"] == "finished"]
    table = {json.dumps(trial["params"], sort_keys=True): trial["metrics"] for trial in trials}
    found = [random_search(folder, space, seed, table) for seed in range(repeats)]
    best = grid["best"]["metrics"]
    reached = f"{METRIC} {best[METRIC]:.4f}, {TEST} {best[TEST]:.4f}"
    print(f"{ranges} grid of {len(trials)} points: {reached}", flush=True)
    for name in (METRIC, TEST):
        gaps = sorted(100 * (best[name] - metrics[name]) for metrics in found)
        print(
            f"random search, {DRAWS} trials, {repeats} repeats: {name} lower by {median(gaps):.2f} "
            f"points in the median ({gaps[0]:.2f} to {gaps[-1]:.2f})"
        )


def against_random(folder: Path, repeats: int, pruner: str) -> None:
    """Compares a pruner with random search to the end."""
    shares, gaps, tests = [], [], []
    for seed in range(repeats):
        search = f"trials: {TRIALS}, sampler: random, seed: {seed}"
        whole = tuned(folder, CONTINUOUS, search)
        pruned = tuned(folder, CONTINUOUS, f"{search}, pruner: {pruner}")
        epochs = sum(len(trial["history"]) for trial in pruned["trials"])
        shares.append(epochs / (EPOCHS * TRIALS))
        gaps.append(100 * (whole["best"]["value"] - pruned["best"]["value"]))
        tests.append(100 * (whole["best"]["metrics"][TEST] - pruned["best"]["metrics"][TEST]))
    reached = sum(gap <= 0 for gap in gaps)
    print(
        f"{pruner}, {TRIALS} trials, {repeats} repeats: {100 * median(shares):.0f} % of the epochs "
        f"({100 * min(shares):.0f} to {100 * max(shares):.0f} %); {METRIC} lower by "
        f"{median(gaps):.2f} points in the median, {fmean(gaps):.2f} on average, as high in "
        f"{reached} repeats; {TEST} lower by {fmean(tests):.2f} points on average"
    )


def main() -> None:
    """Prints both comparisons."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--grid", nargs="*", choices=GRIDS, default=[*GRIDS])
    parser.add_argument("--pruner", nargs="*", default=PRUNERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for ranges in options.grid:
            against_grid(Path(name), options.repeats, ranges)
        for pruner in options.pruner:
            against_random(Path(name), options.repeats, pruner)


if __name__ == "__main__":
    main()
