"""Draws docs/curves.svg, the learning curves of the lecture: `python -m docs.curves`.

It trains the lecture's own configs, and needs matplotlib.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

import nnkit
from docs.refresh import ROOT, copy_of_repository, prepare

PICTURE = ROOT / "docs" / "curves.svg"
EVERY_EPOCH = "training.evaluate_every=6"  # updates
CURVES = {
    "lr 0.01: still learning": ("digits.yaml", ["optimizer.lr=0.01"]),
    "lr 10: steps too long": ("digits.yaml", ["optimizer.lr=10"]),
    "few.yaml: overfitting": ("few.yaml", [EVERY_EPOCH]),
    "few.yaml with l2 0.001": ("few.yaml", [EVERY_EPOCH, "regularization.l2=0.001"]),
}


def main() -> None:
    """Trains, and draws one panel a training."""
    mpl.rcParams["svg.hashsalt"] = "nnkit"  # the same bytes each time
    figure, panels = plt.subplots(1, len(CURVES), figsize=(12, 3), sharey=True, layout="tight")
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_repository(Path(folder))
        prepare((ROOT / "docs" / "lecture.md").read_text(encoding="utf-8"), copy)
        os.chdir(copy)
        for panel, (title, (config, overrides)) in zip(panels, CURVES.items(), strict=True):
            run = nnkit.train(nnkit.load_config(config, overrides))
            lines = (run.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            records = [json.loads(line) for line in lines]
            epochs = [record["epoch"] for record in records]
            panel.plot(
                epochs, [r["train.loss"] for r in records], color="#0072b2", label="training"
            )
            panel.plot(
                epochs,
                [r["validation.loss"] for r in records],
                "--",
                color="#d55e00",
                label="validation",
            )
            panel.set(title=title, xlabel="epoch", yscale="log")
            panel.title.set_size(10)
            panel.grid(alpha=0.3)
        os.chdir(ROOT)
    panels[0].set_ylabel("loss")
    panels[0].legend(frameon=False)
    figure.savefig(PICTURE, metadata={"Date": None}, facecolor="white")
    if sys.argv[1:]:  # a copy to look at, in another format
        figure.savefig(sys.argv[1], dpi=90)


if __name__ == "__main__":
    main()
