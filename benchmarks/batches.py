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
from pathlib import Path
from statistics import median
from time import perf_counter

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


def batch(folder: Path, runs: str) -> tuple[float, float]:
    """Trains the batch; returns its seconds, and the mean seconds of training a cell."""
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    text = f"base: base.yaml\ngrid: {{optimizer.lr: {list(RATES)}}}\nseeds: {SEEDS}\n"
    (folder / "batch.yaml").write_text(text, encoding="utf-8")
    options = ("--jobs", str(JOBS), "--quiet", "--json", "--runs", str(folder / runs))
    command = [sys.executable, "-m", "nnkit", "batch", str(folder / "batch.yaml"), *options]
    began = perf_counter()
    output = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    seconds = perf_counter() - began
    cells = json.loads(output)["cells"]
    return seconds, median(run["seconds"] for cell in cells for run in cell["runs"])


def peer() -> float:
    """The seconds of scikit-learn's search."""
    began = perf_counter()
    command = [sys.executable, "-W", "ignore", "-c", PEER]
    subprocess.run(command, cwd=ROOT, check=True, env=None)
    return perf_counter() - began


def main() -> None:
    """Prints medians over rounds, in which both take turns."""
    ours, theirs, again, cells = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(ROUNDS):
            seconds, cell = batch(folder, f"runs-{number}")
            ours.append(seconds)
            cells.append(cell)
            again.append(batch(folder, f"runs-{number}")[0])
            theirs.append(peer())
    count = len(RATES) * SEEDS
    ratio = median(peer / own for own, peer in zip(ours, theirs, strict=True))
    beyond = median(
        (own - start) * JOBS / count - cell
        for own, start, cell in zip(ours, again, cells, strict=True)
    )
    print(f"nnkit batch, {count} cells       {median(ours):.2f} s")
    print(f"scikit-learn's grid search  {median(theirs):.2f} s, {ratio:.2f} × as long")
    print(f"the batch again, finished   {median(again):.2f} s")
    print(
        f"overhead of a cell          {1000 * beyond:.0f} ms beyond {1000 * median(cells):.0f} ms"
    )


if __name__ == "__main__":
    main()
