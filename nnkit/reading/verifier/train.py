"""Trains the verifier of whole digits: `python -m nnkit.reading.verifier.train`.

Pictures are composed of MNIST's *training* digits, with letters and signs among them, or typeset in
printed faces, and cut as in `nnkit predict`. A candidate that coincides with a digit or sign has
its class; one that coincides with none is a part (LeCun et al. 1998, §V). A small convolutional
network is trained to classify these twelve classes from `nnkit.reading.segmentation.views`. It
starts from the included verifier, which at first was trained on handwriting alone, from random
weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import nnkit
from nnkit.reading.pretrained import VERIFIER
from nnkit.reading.pretrained.shipping import ship
from nnkit.reading.segmentation import strips_of
from nnkit.reading.segmentation.cuts import Pieces, cut
from nnkit.reading.segmentation.path import PART, spans_of
from nnkit.reading.segmentation.stages import Stages
from nnkit.reading.segmentation.views import views
from nnkit.reading.verifier.compose import (
    CONDITIONS,
    PLAIN,
    Array,
    Composed,
    Condition,
    compose,
    mnist_images,
)
from nnkit.reading.verifier.printed import typeset
from nnkit.reading.verifier.signs import drawn_sign
from nnkit.task.config_loading import config_from

WHOLE = 0.8  # intersection over union from which a candidate is the digit
NEITHER = 0.65  # intersection over union below which a candidate is a part
KEPT = 0.35  # fraction of the many parts that is kept
TOUCHING = 0.5  # fraction of neighbours that touch, in half of the pictures
SIGNS = 0.5  # fraction of symbols that are signs, in a third of the pictures
PRINTED = 0.375  # number of printed pictures relative to those of handwriting …
PRINTED_SIGNS = 0.35  # … and fraction of their symbols that are signs, in half of them
PRINTED_LENGTH = 3, 9  # number of their symbols
# The first two are slow to compose and scaled to the same size anyway; signs are in all conditions;
# lines are levelled, and frames erased, before they are cut.
LEFT_OUT = ("large", "desk", "signs", "tilted", "steep", "boxed")
CANDIDATES = Path("runs/candidates.npz")
HELD_OUT = 10_000  # last training digits, held out for choosing settings


def main() -> None:
    """Composes pictures, cuts them, and trains the verifier on the candidates."""
    parser = argparse.ArgumentParser(
        prog="python -m nnkit.reading.verifier.train", description=__doc__
    )
    parser.add_argument("--pictures", type=int, default=400, help="of each condition; 400")
    parser.add_argument("--epochs", type=int, default=2, help="of training; 2")
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args()
    X: list[Array] = []
    y: list[Array] = []
    for found, target in chain(
        handwritten(options.pictures, options.seed),
        printed(int(PRINTED * options.pictures), options.seed + 1),
    ):
        X.append(found)
        y.append(target)
    train(np.concatenate(X), np.concatenate(y), options.epochs)


def handwritten(pictures: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yields the candidates in so many pictures of each condition, and their classes."""
    images, labels = (part[:-HELD_OUT] for part in mnist_images("train"))
    for condition, rng in _conditions(seed):
        for turn in range(pictures):
            touching, signs = TOUCHING * (turn % 2), SIGNS * (turn % 3 == 0)
            made = replace(condition, touching=touching, signs=signs)
            yield from candidates_in(compose(images, labels, made, rng, drawn_sign), rng)


def printed(pictures: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yields the candidates in so many printed pictures of each condition, and their classes."""
    for condition, rng in _conditions(seed):
        length = PRINTED_LENGTH if condition.length == PLAIN.length else condition.length
        for turn in range(pictures):
            made = replace(condition, length=length, signs=PRINTED_SIGNS * (turn % 2))
            yield from candidates_in(typeset(made, rng), rng)


def _conditions(seed: int) -> Iterator[tuple[Condition, np.random.Generator]]:
    for number, (name, condition) in enumerate(CONDITIONS.items()):
        if name not in LEFT_OUT:
            print(f"{condition.what} …", flush=True)
            yield condition, np.random.default_rng((seed, number))


def candidates_in(composed: Composed, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Yields the candidates of each line, cut wherever possible, and their classes (`examples`)."""
    for strip in strips_of(composed.picture, Stages()):
        groups = cut(strip)
        yield examples(cut(strip, np.ones(len(groups.boxes), dtype=bool)), composed, rng)


def train(X: Array, y: Array, epochs: int) -> None:
    """Trains the verifier further with nnkit and writes it to the package."""
    CANDIDATES.parent.mkdir(exist_ok=True)
    np.savez(CANDIDATES, X=X, y=y)
    layers: list[Any] = []
    for filters, kernel in ((12, 5), (24, 3), (32, 3)):
        layers += [{"conv": {"filters": filters, "kernel": kernel, "padding": "same"}}]
        layers += [{"max_pool": 2}]
    config = config_from(
        {
            "name": "verifier",
            "data": {
                "source": {"npz": {"path": str(CANDIDATES), "inputs": "X", "targets": "y"}},
                "split": {"validation": 0.02},
                "preprocess": ["scale"],
            },
            "architecture": {"layers": [*layers, "flatten", {"dense": 32}, {"dense": PART + 1}]},
            "activation": {"hidden": "relu", "output": "softmax"},
            "loss": "cross_entropy",
            "optimizer": {"kind": "adam", "lr": 0.001, "schedule": "cosine"},
            "training": {
                "start_from": {"checkpoint": str(VERIFIER)},
                "epochs": epochs,
                "batch_size": 64,
                "monitor": "last",  # the learning rate ends at 0
                "threads": 1,
            },
        }
    )
    run = nnkit.train(config, restart=True)
    print(f"{len(y)} candidates, {100 * np.mean(y != PART):.1f} % whole: {run.summary['results']}")
    ship(run.directory, VERIFIER)


def examples(pieces: Pieces, composed: Composed, rng: np.random.Generator) -> tuple[Array, Array]:
    """The views of a line's candidates and their classes: a digit, `SIGN` or `PART`."""
    spans = np.array(spans_of(pieces))
    shares = overlaps(pieces, composed)
    best = shares.max(axis=1)
    none = (best < NEITHER) & (rng.random(len(spans)) < KEPT)
    whole = best >= WHOLE
    target = np.where(whole, np.array(composed.labels)[shares.argmax(axis=1)], PART)
    chosen = none | whole
    return views(pieces, [(i, j) for i, j in spans[chosen]]), target[chosen]


def overlaps(pieces: Pieces, composed: Composed) -> Array:
    """The intersection over union of each span of pieces with each symbol, (spans, symbols)."""
    each = np.array([pieces.box_in_picture(i, i) for i in range(len(pieces.boxes))])
    boxes = np.stack(
        [
            np.r_[each[i : j + 1, :2].min(axis=0), each[i : j + 1, 2:].max(axis=0)]
            for i, j in spans_of(pieces)
        ]
    )
    return shared(boxes[:, None], np.array(composed.boxes))


def shared(a: Array, b: Array) -> Array:
    """The intersection over union of boxes (…, 4) and (…, 4), widened by a margin."""
    # Without the margin, a pixel would be a quarter of the width of a 1, or of a dash's height
    room = 0.08 * float((b[..., 3] - b[..., 1]).max()) * np.array([-1, -1, 1, 1])
    a, b = a + room, b + room
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.maximum(sides, 0).prod(axis=-1)
    areas = [(c[..., 2:] - c[..., :2]).prod(axis=-1) for c in (a, b)]
    return both / (areas[0] + areas[1] - both)


if __name__ == "__main__":
    main()
