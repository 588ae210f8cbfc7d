"""Reads the digits in a picture in stages, one module per stage.

1. `slip`: finds a slip of paper on a desk, if there is one, and crops the picture to it;
2. `ink`: separates ink from paper, under uneven light, in any colours, dark or light;
3. `clean`: removes frames, ruled lines and specks;
4. `components`: finds connected components;
5. `lines`: finds lines of writing in reading order, levels, straightens and scales them;
6. `cuts`: cuts a line into pieces, more than it has digits (over-segmentation);
7. `normal`: normalizes candidates for digits like the images of MNIST, for the classifier;
8. `views`: crops candidates with their surroundings, for the verifier of whole digits;
9. `path`: joins pieces into digits along the path that the networks find most probable;
10. `shape`: recognizes symbols that cannot be digits by their shape.

`nnkit.reading.result` defines the result: text, lines, digits with their boxes. The networks are
functions from images to probabilities; nothing here depends on how they work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.reading.result import UNREADABLE, Box, Digit, Line, Reading
from nnkit.reading.segmentation.clean import without_frames, without_rules, written
from nnkit.reading.segmentation.cuts import Pieces, cut
from nnkit.reading.segmentation.ink import ink_of
from nnkit.reading.segmentation.lines import HEIGHT, Strip, lines_of
from nnkit.reading.segmentation.path import (
    TINY,
    Candidate,
    Networks,
    best_paths,
    candidates_of,
    certainty,
    doubtful,
)
from nnkit.reading.segmentation.shape import is_bar, slashes, taller
from nnkit.reading.segmentation.slip import slip_in
from nnkit.reading.segmentation.stages import Stages, outline

REJECT = 0.1  # lowest accepted probability that a symbol is one whole digit of its class
TALL_DIGIT = 0.9  # … and that of a digit, if it is taller than the others of a printed line
SPACE = 0.4  # smallest width of a space, relative to the digits' height …
WIDER = 2.0  # … relative to the widest gap that is not a space
FARTHER = 1.2  # … and, centre to centre, relative to adjacent digits
ALONE = 1.0  # smallest width if there is only one gap, relative to the digits' height

__all__ = ["REJECT", "Digit", "Line", "Networks", "Reading", "Stages", "read_picture"]


def read_picture(
    picture: Image.Image,
    networks: Networks,
    reject: float = REJECT,
    stages: Stages | None = None,
    *,
    certain: bool = True,
) -> Reading:
    """Reads the digits in a picture.

    Args:
        picture: the picture, upright and opaque, as returned by `open_picture`.
        networks: the classifier and the verifier.
        reject: the lowest probability that a symbol is one whole digit of its class; below it, the
            symbol is read as `?`.
        stages: receives the intermediate result of each stage.
        certain: whether the network gives probabilities; otherwise digits have no confidence.
    """
    stages = stages or Stages()
    strips = strips_of(picture, stages)
    lines = [cut(strip) for strip in strips]
    lines = [
        cut(strip, uncertain)
        for strip, uncertain in zip(strips, doubtful(lines, networks), strict=True)
    ]
    _show_cuts(lines, stages)
    found = candidates_of(lines, networks)
    paths = best_paths(lines, found, networks)
    answer = _Answer(networks.classes, reject, picture.size, certain)
    read = [_line(pieces, path, answer) for pieces, path in zip(lines, paths, strict=True)]
    certainties = [
        certainty(pieces, candidates) for pieces, candidates in zip(lines, found, strict=True)
    ]
    written = tuple(line for line in read if line.digits)
    return Reading(written, _doubt(written, certainties))


def strips_of(picture: Image.Image, stages: Stages) -> list[Strip]:
    """Finds the lines of a picture, from top to bottom; the stages before the networks."""
    slip = slip_in(picture, stages)
    if slip is not None:
        return [slip.in_picture(strip) for strip in _strips(slip.picture, stages)]
    return _strips(picture, stages)


def _strips(picture: Image.Image, stages: Stages) -> list[Strip]:
    ink = ink_of(picture, stages)
    if ink is None:
        return []
    ink = without_rules(without_frames(ink))
    stages.show("without-rules", ink.solid)
    found = written(ink)
    if not len(found):
        return []
    stages.show_marked("components", found.labels > 0, [outline(box) for box in found.boxes])
    strips = lines_of(ink, found)
    stages.show_marked("lines", ink.amount, [_outline(strip, ink.scale) for strip in strips])
    return strips


def _show_cuts(lines: Sequence[Pieces], stages: Stages) -> None:
    for number, pieces in enumerate(lines, 1):
        seams = [[(float(x), float(y)) for x, y in seam] for seam in pieces.seams]
        stages.show_marked(f"cuts-{number}", pieces.strip.amount, seams)


def _outline(strip: Strip, scale: float) -> list[tuple[float, float]]:
    height, width = strip.solid.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height), (0, 0)], dtype=float)
    return [(float(x), float(y)) for x, y in strip.points_in_picture(corners) / scale]


@dataclass(frozen=True, slots=True)
class _Answer:
    """Converts candidates to digits, with `read_picture`'s settings and the picture's size."""

    classes: Sequence[str]
    reject: float
    limits: tuple[int, int]
    certain: bool

    def digit(
        self, pieces: Pieces, candidate: Candidate, *, is_tall: bool, is_slash: bool
    ) -> Digit:
        assert candidate.probabilities is not None
        best = int(np.argmax(candidate.probabilities))
        guess, whole = self.classes[best], candidate.digit
        if is_slash or is_bar(pieces, candidate.box) or (is_tall and whole < TALL_DIGIT):
            whole = 0.0
        probability = float(candidate.probabilities[best]) * whole
        box = _rounded(pieces.box_in_picture(candidate.first, candidate.last), self.limits)
        read = probability >= self.reject
        confidence = (probability if read else 1 - probability) if self.certain else None
        return Digit(guess if read else UNREADABLE, confidence, box, guess)


def _line(pieces: Pieces, path: Sequence[Candidate], answer: _Answer) -> Line:
    boxes = [candidate.box for candidate in path]
    inks = [pieces.ink(candidate.first, candidate.last) for candidate in path]
    digits = [
        answer.digit(pieces, candidate, is_tall=bool(is_tall), is_slash=bool(is_slash))
        for candidate, is_tall, is_slash in zip(
            path, taller(boxes), slashes(inks, boxes), strict=True
        )
    ]
    spaced = [*_spaces(boxes), False]
    text = "".join(
        digit.label + " " * bool(wide) for digit, wide in zip(digits, spaced, strict=True)
    )
    return Line(text, tuple(digits))


def _doubt(lines: Sequence[Line], certainties: Sequence[float]) -> float | None:
    """The negative log-probability of all symbols and of the paths; None if there is none."""
    sure = [digit.confidence for line in lines for digit in line.digits]
    known = [confidence for confidence in sure if confidence is not None]
    if not known or len(known) < len(sure):
        return None
    return float(-np.log(np.maximum(known, TINY)).sum() - sum(certainties))


def _spaces(boxes: Sequence[tuple[int, int, int, int]]) -> Array:
    """Whether a space follows each digit but the last, (digits − 1,) bool.

    A space requires a wide gap and a wide centre-to-centre distance, because the gaps around a
    narrow 1 are wide in evenly written numbers too.
    """
    gaps = np.array([b[0] - a[2] for a, b in pairwise(boxes)])
    ways = np.array([b[0] + b[2] - a[0] - a[2] for a, b in pairwise(boxes)]) / 2
    wide: Array = gaps >= _narrowest_space(gaps)
    if wide.all():
        return wide
    return wide & (ways >= FARTHER * np.median(ways[~wide]))


def _narrowest_space(gaps: Array) -> float:
    """The smallest width of a space: where the sorted gap widths jump; infinity if they do not."""
    if len(gaps) == 1:
        return ALONE * HEIGHT
    for narrower, wider in pairwise(np.sort(gaps).tolist()):
        if wider >= max(SPACE * HEIGHT, WIDER * narrower):
            return float(wider)
    return float("inf")


def _rounded(box: tuple[float, float, float, float], limits: tuple[int, int]) -> Box:
    """Rounds a box outwards to whole pixels within the picture."""
    x0, y0, x1, y1 = box
    width, height = limits
    left, top = (min(max(int(np.floor(v)), 0), n - 1) for v, n in ((x0, width), (y0, height)))
    right, bottom = (min(max(int(np.ceil(v)), 1), n) for v, n in ((x1, width), (y1, height)))
    return left, top, max(right, left + 1), max(bottom, top + 1)
