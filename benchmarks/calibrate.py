"""Finds what tells a whole digit from a part of one: `python -m benchmarks.calibrate`.

Pictures are composed of MNIST's *training* digits and cut as `nnkit predict` cuts them. Each
candidate that covers a digit is a whole one, each that does not is none; a small network
is trained to tell them by `nnkit.data.segment.path.features`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nnkit
from benchmarks.compose import CONDITIONS, Array, Box, Composed, compose
from benchmarks.pictures import images_of, reader
from nnkit.data.segment import Classify, strips_of
from nnkit.data.segment.cuts import Pieces, cut
from nnkit.data.segment.normal import normalize_digit
from nnkit.data.segment.path import _spans, features
from nnkit.data.segment.stages import Stages
from nnkit.pretrained import DIGITS
from nnkit.training.config import config_from

WHOLE = 0.8  # of width that candidate and digit share for the one to be the other
PART = 0.65  # below which it is none
HIDDEN = 24
WEIGHTS = Path(nnkit.__file__).parent / "data" / "segment" / "whole.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("--checkpoint", default=str(DIGITS), help="the network; the shipped one")
    parser.add_argument("--pictures", type=int, default=150, help="of each condition; 150")
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args()
    classify, _, size = reader(options.checkpoint)
    images, labels = images_of("train")
    X: list[Array] = []
    y: list[Array] = []
    for number, condition in enumerate(CONDITIONS.values()):
        rng = np.random.default_rng((options.seed, number))
        # What touches is the hardest to tell
        for _ in range(options.pictures * (4 if condition.touching else 1)):
            composed = compose(images, labels, condition, rng)
            for strip in strips_of(composed.picture, Stages()):
                groups = cut(strip)
                for pieces in (groups, cut(strip, np.ones(len(groups.boxes), dtype=bool))):
                    found, target = examples(pieces, composed, classify, size)
                    X.append(found[~np.isnan(target)])
                    y.append(target[~np.isnan(target)].astype(np.int64))
    judge = trained(np.concatenate(X), np.concatenate(y))
    WEIGHTS.write_text(json.dumps(judge) + "\n", encoding="utf-8")
    print(f"wrote {WEIGHTS}")


def trained(X: Array, y: Array) -> dict[str, Any]:
    """A network of one hidden layer, trained with nnkit; its weights, for raw features."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.npz"
        np.savez(path, X=X, y=y)
        config = config_from(
            {
                "name": "whole-digits",
                "data": {
                    "source": {"kind": "npz", "path": str(path), "inputs": "X", "targets": "y"},
                    "split": {"validation": 0.1},
                    "preprocess": ["standardize"],
                },
                "architecture": {
                    "layers": [{"dense": {"units": HIDDEN, "activation": "tanh"}}, {"dense": 1}]
                },
                "loss": "binary_cross_entropy",
                "activation": {"output": "sigmoid"},
                "optimizer": {"kind": "adam", "lr": 0.005, "schedule": "cosine"},
                "training": {"epochs": 40, "batch_size": 128, "threads": 1},
            }
        )
        run = nnkit.train(config, runs=folder)
        print(f"{len(y)} candidates, {100 * y.mean():.1f} % whole: {run.summary['results']}")
        model = run.load()
    mean, deviation = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-6)
    views = model.model.layout.views(model.model.params).values()
    W1, W2 = (view for view in views if view.ndim == 2)
    b1, b2 = (view for view in views if view.ndim == 1)
    W = W1 / deviation
    return {
        "W1": np.round(W, 4).tolist(),
        "b1": np.round(b1 - W @ mean, 4).tolist(),
        "w2": np.round(W2[0], 4).tolist(),
        "b2": round(float(b2[0]), 4),
    }


def examples(
    pieces: Pieces, composed: Composed, classify: Classify, size: tuple[int, int]
) -> tuple[Array, Array]:
    """Features of a line's candidates, and 1 for whole digits, 0 for none, NaN for neither."""
    spans = _spans(pieces)
    images = [normalize_digit(255 * np.minimum(pieces.ink(*s), 1), size) for s in spans]
    P = classify(np.stack(images))
    target = np.full(len(spans), np.nan)
    for i, span in enumerate(spans):
        box = pieces.box_in_picture(*span)
        shares = [shared(box, other) for other in composed.boxes]
        best = int(np.argmax(shares))
        if shares[best] < PART or P[i].argmax() != composed.labels[best]:
            target[i] = 0  # also where so much is missing that the network takes it for another
        elif shares[best] >= WHOLE:
            target[i] = 1
    return features(pieces, spans, P), target


def shared(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    room = 0.08 * (
        b[3] - b[1]
    )  # that a 1 is not taken for another where a pixel is a quarter of it
    a, b = ((c[0] - room, c[1] - room, c[2] + room, c[3] + room) for c in (a, b))
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return both / (sum(areas) - both)


if __name__ == "__main__":
    main()
