"""Choosing which pieces of a line make up a digit: the best path through all ways to join them.

A network that has seen only digits is sure of anything, half an 8 too. Whether a candidate is one
whole digit is therefore judged by a second, small network, from what the first makes of it and
from its measures. Its weights, in whole.json, come from pictures composed of MNIST's training
digits: `python -m benchmarks.calibrate`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from nnkit.data.dataset import Array
from nnkit.data.segment.cuts import Pieces
from nnkit.data.segment.lines import HEIGHT
from nnkit.data.segment.normal import normalize_digit

Classify = Callable[[Array], Array]  # images (n, H, W) uint8 → probabilities (n, classes)

WIDEST = 1.25  # times the digits' height that several pieces together may measure
MOST_PIECES = 16  # of one digit
MOST_CROSSED = 4.0  # strokes by a cut; more makes no difference
SURE = 0.9  # probability of being whole from which on a piece is not cut …
NARROW = 0.8  # … if it is narrower than so many of the digits' height
SMALL = 0.4  # of the digits' height below which a piece may be left out …
LEFT_OUT = -1.5  # … at this worth
MISJUDGED = 0.1  # how often the judge may err, which bounds what one candidate is worth


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pieces `first` … `last` of a line, which may be one digit.

    Attributes:
        first: piece.
        last: piece, included.
        box: in the strip.
        probabilities: that the network gives, (classes,).
        whole: the probability that it is one whole digit.
    """

    first: int
    last: int
    box: tuple[int, int, int, int]
    probabilities: Array
    whole: float


def candidates_of(
    lines: Sequence[Pieces], classify: Classify, size: tuple[int, int]
) -> list[list[Candidate]]:
    """All that may be a digit in each line, judged by the network, which is asked once."""
    spans = [_spans(pieces) for pieces in lines]
    images = [
        normalize_digit(255 * np.minimum(pieces.ink(*span), 1), size)
        for pieces, own in zip(lines, spans, strict=True)
        for span in own
    ]
    if not images:
        return [[] for _ in lines]
    probabilities = classify(np.stack(images))
    found: list[list[Candidate]] = []
    start = 0
    for pieces, own in zip(lines, spans, strict=True):
        P = probabilities[start : start + len(own)]
        start += len(own)
        wholes = whole(features(pieces, own, P))
        found.append(
            [
                Candidate(*span, _box(pieces, *span), p, float(w))
                for span, p, w in zip(own, P, wholes, strict=True)
            ]
        )
    return found


def _spans(pieces: Pieces) -> list[tuple[int, int]]:
    """Neighbouring pieces that are together no wider than a digit; each piece alone."""
    spans = []
    for first in range(len(pieces.boxes)):
        right = 0
        for last in range(first, min(first + MOST_PIECES, len(pieces.boxes))):
            right = max(right, int(pieces.boxes[last, 2]))
            if last > first and right - pieces.boxes[first, 0] > WIDEST * HEIGHT:
                break
            spans.append((first, last))
    return spans


def _box(pieces: Pieces, first: int, last: int) -> tuple[int, int, int, int]:
    own = pieces.boxes[first : last + 1]
    (x0, y0), (x1, y1) = own[:, :2].min(axis=0), own[:, 2:].max(axis=0)
    return int(x0), int(y0), int(x1), int(y1)


def features(pieces: Pieces, spans: Sequence[tuple[int, int]], P: Array) -> Array:
    """What tells a whole digit from a part of one or from two, (n, len(FEATURES)).

    Args:
        pieces: of a line.
        spans: first and last piece of each candidate.
        P: what the network makes of each, (n, classes).
    """
    boxes = np.array([_box(pieces, *span) for span in spans]) / HEIGHT
    inks = np.concatenate([[0], np.cumsum(pieces.inks)]) / HEIGHT**2
    ordered = np.sort(P, axis=1)
    best, second = np.maximum(ordered[:, -1], 1e-9), np.maximum(ordered[:, -2], 1e-9)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    middle = pieces.strip.solid.shape[0] / HEIGHT / 2
    joints = np.concatenate([[-HEIGHT], pieces.joints, [-HEIGHT]])
    joints = np.where(joints < 0, np.maximum(joints / HEIGHT, -1), joints / pieces.stroke)
    joints = np.minimum(joints, MOST_CROSSED)
    first, last = np.array(spans).T
    inner = [joints[i + 1 : j + 1] for i, j in spans]
    lowest = np.array([joint.min(initial=MOST_CROSSED) for joint in inner])
    return np.stack(
        [
            np.minimum(-np.log(best), 9),
            np.minimum(np.log(best / second), 9),
            width,
            height,
            np.abs((boxes[:, 1] + boxes[:, 3]) / 2 - middle),
            np.maximum(joints[first], 0),
            np.maximum(joints[last + 1], 0),
            np.maximum(-joints[first], 0),
            np.maximum(-joints[last + 1], 0),
            np.maximum(lowest, 0),
            np.maximum(-lowest, 0),
            (lowest < 0).astype(float),
            (last - first + 1) / MOST_PIECES,
            inks[last + 1] - inks[first],
            np.full(len(spans), pieces.stroke / HEIGHT),
        ],
        axis=1,
    )


# In the order of `features`; lengths are shares of the digits' height, but ink that is cut is
# counted in widths of a stroke.
FEATURES = (
    "doubt: −ln of the network's probability for its answer",
    "ln of how much more probable that is than the second answer",
    "width",
    "height",
    "distance of the middle from the line's",
    "ink cut on the left",
    "ink cut on the right",
    "gap on the left",
    "gap on the right",
    "least ink of a cut inside, 4 for none",
    "widest gap inside",
    "whether there is a gap inside",
    "pieces",
    "ink",
    "width of the strokes",
)


@cache
def _judge() -> dict[str, Array]:
    """The network of one hidden layer that judges features."""
    text = (files("nnkit.data.segment") / "whole.json").read_text(encoding="utf-8")
    return {name: np.array(values) for name, values in json.loads(text).items()}


def whole(found: Array) -> Array:
    """The probability (n,) that each candidate is one whole digit, by its features."""
    judge = _judge()
    hidden = np.tanh(found @ judge["W1"].T + judge["b1"])
    return 1 / (1 + np.exp(-(hidden @ judge["w2"] + judge["b2"])))


def doubtful(pieces: Pieces, candidates: Sequence[Candidate]) -> Array:
    """Which pieces may be more than one digit, (n,) bool: those not narrow and surely whole."""
    alone = [candidate for candidate in candidates if candidate.first == candidate.last]
    widths = pieces.boxes[:, 2] - pieces.boxes[:, 0]
    sure = np.array([candidate.whole > SURE for candidate in alone], dtype=bool)
    return ~(sure & (widths < NARROW * HEIGHT))


def best_path(pieces: Pieces, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that make up the line and are together worth the most (Viterbi).

    Worth is the ln of the odds of being whole. The ln of the probability, which is never above 0,
    would favour few candidates: one that is doubtful over two that are likely.
    """
    count = len(pieces.boxes)
    sides = np.maximum(
        pieces.boxes[:, 2] - pieces.boxes[:, 0], pieces.boxes[:, 3] - pieces.boxes[:, 1]
    )
    score = np.full(count + 1, -np.inf)
    score[0] = 0.0
    came: list[tuple[int, Candidate | None]] = [(0, None)] * (count + 1)
    by_first: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        by_first.setdefault(candidate.first, []).append(candidate)
    for first in range(count):
        for candidate in by_first[first]:
            reached = score[first] + _worth(candidate.whole)
            if reached > score[candidate.last + 1]:
                score[candidate.last + 1] = reached
                came[candidate.last + 1] = first, candidate
        if sides[first] < SMALL * HEIGHT and score[first] + LEFT_OUT > score[first + 1]:
            score[first + 1] = score[first] + LEFT_OUT
            came[first + 1] = first, None
    return _traced(came)


def _worth(whole: float) -> float:
    return float(np.log((whole + MISJUDGED) / (1 - whole + MISJUDGED)))


def _traced(came: Sequence[tuple[int, Candidate | None]]) -> list[Candidate]:
    path: list[Candidate] = []
    at = len(came) - 1
    while at:
        at, chosen = came[at]
        if chosen is not None:
            path.append(chosen)
    return path[::-1]
