"""Measures a batch of short trainings against scikit-learn's grid search, in turns in one run.

    python -m benchmarks.batches

Both train 4 learning rates × 15 seeds of the same network on 8 × 8 digits for 20 epochs, in two
processes. The overhead is what a batch takes for each cell beyond the training itself, after the
workers have started.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "data" / "tables" / "digits.csv"
RATES, SEEDS, EPOCHS, JOBS, ROUNDS = (0.01, 0.005, 0.002, 0.001), 15, 20, 2, 5
BASE = f"""\
name: digits
data:
  source: {{kind: csv, path: {DIGITS}, label: digit}}
  split: {{validation: 0, test: 0.2}}
  preprocess: [scale: 16]
architecture: {{layers: [dense: 32, dense: 10]}}
training: {{epochs: {EPOCHS}, batch_size: 64}}
"""
PEER = f"""
import numpy as np
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neural_network import MLPClassifier
table = np.genfromtxt({str(DIGITS)!r}, delimiter=",", skip_header=1)
X, y = table[:, :-1] / 16, table[:, -1].astype(int)
held_out = np.full(len(X), -1)
held_out[-len(X) // 5:] = 0
network = MLPClassifier((32,), batch_size=64, max_iter={EPOCHS}, n_iter_no_change=10**6, alpha=0)
values = {{"learning_rate_init": {list(RATES)}, "random_state": list(range({SEEDS}))}}
search = GridSearchCV(network, values, cv=PredefinedSplit(held_out), n_jobs={JOBS}, refit=False)
search.fit(X, y)
"""


class Spent(NamedTuple):
    """The time that a command takes.

    Attributes:
        seconds: from its start to its end.
        processor: seconds of all its processes together, on which other work has less influence.
    """

    seconds: float
    processor: float


def spent_by(command: Sequence[str]) -> tuple[Spent, str]:
    """Runs a command; returns its time and its output."""
    before, began = _processor_seconds(), perf_counter()
    output = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return Spent(perf_counter() - began, _processor_seconds() - before), output


def _processor_seconds() -> float:
    """The seconds of all processes that have ended."""
    ended = getrusage(RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def batch(folder: Path, runs: str) -> tuple[Spent, float]:
    """Trains the batch; returns its time, and the median seconds of training a cell."""
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    text = f"base: base.yaml\ngrid: {{optimizer.lr: {list(RATES)}}}\nseeds: {SEEDS}\n"
    (folder / "batch.yaml").write_text(text, encoding="utf-8")
    options = ("--jobs", str(JOBS), "--quiet", "--json", "--runs", str(folder / runs))
    spent, output = spent_by(
        [sys.executable, "-m", "nnkit", "batch", str(folder / "batch.yaml"), *options]
    )
    cells = json.loads(output)["cells"]
    return spent, median(run["seconds"] for cell in cells for run in cell["runs"])


def main() -> None:
    """Prints medians over rounds, in which both take turns."""
    ours, theirs, again, cells = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(ROUNDS):
            spent, cell = batch(folder, f"runs-{number}")
            ours.append(spent)
            cells.append(cell)
            again.append(batch(folder, f"runs-{number}")[0])
            theirs.append(spent_by([sys.executable, "-W", "ignore", "-c", PEER])[0])
    count = len(RATES) * SEEDS
    pairs = list(zip(ours, theirs, strict=True))
    ratio = median(peer.seconds / own.seconds for own, peer in pairs)
    of_processor = median(peer.processor / own.processor for own, peer in pairs)
    beyond = median(
        (own.seconds - start.seconds) * JOBS / count - cell
        for own, start, cell in zip(ours, again, cells, strict=True)
    )
    print(f"{'':26}  time    of processors")
    print(f"nnkit batch, {count} cells       {shown(ours)}")
    print(f"scikit-learn's grid search  {shown(theirs)}")
    print(f"ratio                       {ratio:.2f}    {of_processor:.2f}")
    print(f"the batch again, finished   {shown(again)}")
    print(
        f"overhead of a cell          {1000 * beyond:.0f} ms beyond {1000 * median(cells):.0f} ms"
    )


def shown(found: Sequence[Spent]) -> str:
    """The medians of some times."""
    seconds, processor = (median(times) for times in zip(*found, strict=True))
    return f"{seconds:.2f} s  {processor:.2f} s"


if __name__ == "__main__":
    main()
