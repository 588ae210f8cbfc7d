"""Draws docs/curves.svg, the learning curves of the lecture: `python -m docs.curves`.

The script trains the lecture's configs and needs matplotlib.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

import nnkit
from docs.refresh import ROOT, copy_of_repository, prepare

PICTURE = ROOT / "docs" / "curves.svg"
LECTURE = ROOT / "docs" / "lecture.md"
EVERY_EPOCH = "training.evaluate_every=6"  # updates
# Title, config, overrides, and upper limit of the panel: overfitting is visible only close up.
PANELS = (
    ("lr 0.01: still learning", "digits.yaml", ["optimizer.lr=0.01"], 3.0),
    ("lr 10: steps too long", "digits.yaml", ["optimizer.lr=10"], 3.0),
    ("few.yaml: overfitting", "few.yaml", [EVERY_EPOCH], 0.6),
    ("few.yaml with l2 0.001", "few.yaml", [EVERY_EPOCH, "regularization.l2=0.001"], 0.6),
)
CURVES = (
    ("train.loss", "-", "#0072b2", "training"),
    ("validation.loss", "--", "#d55e00", "validation"),
)


def main() -> None:
    """Trains the configs and draws a panel for each run."""
    mpl.rcParams["svg.hashsalt"] = "nnkit"  # makes the output deterministic
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 3), layout="tight")
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_repository(Path(folder))
        prepare(LECTURE.read_text(encoding="utf-8"), copy)
        os.chdir(copy)  # the configs refer to their data from here
        for panel, (title, config, overrides, highest) in zip(axes, PANELS, strict=True):
            run = nnkit.train(nnkit.load_config(config, overrides))
            draw(panel, run.directory / "metrics.jsonl")
            panel.set_title(title, fontsize=10)
            panel.set(xlabel="epoch", xlim=0, ylim=(0, highest))
        os.chdir(ROOT)
    axes[0].set_ylabel("loss")
    axes[0].legend(frameon=False)
    figure.savefig(PICTURE, metadata={"Date": None}, facecolor="white")
    if sys.argv[1:]:  # a preview in another format
        figure.savefig(sys.argv[1], dpi=90)


def draw(panel: Axes, metrics: Path) -> None:
    """Draws training and validation loss over the epochs of a run."""
    records = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    epochs = [record["epoch"] for record in records]
    for figure, style, colour, label in CURVES:
        panel.plot(epochs, [r[figure] for r in records], style, color=colour, label=label)
    panel.grid(alpha=0.3)


if __name__ == "__main__":
    main()
