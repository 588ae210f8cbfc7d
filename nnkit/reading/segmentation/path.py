"""Choosing which pieces of a line make up a digit: the best path through all ways to join them.

A network that has seen only digits is sure of anything, half an 8 too. Whether a candidate is one
whole digit is therefore verified by a second, small network, which sees it amid its neighbours and
has learned from wrong cuts, and from letters and signs, as well (LeCun et al. 1998, §V).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.cuts import Pieces
from nnkit.reading.segmentation.lines import HEIGHT
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.segmentation.views import views

Classify = Callable[[Array], Array]  # images (n, H, W) uint8 → probabilities (n, classes)
Verifier = Callable[[Array], Array]  # views → probabilities (n, 12): ten digits, `SIGN`, `PART`

SIGN, PART = 10, 11  # some other character, whole; no whole character
RARER = 0.2  # frequency of signs relative to the verifier's training pictures
WIDEST = 1.25  # greatest width of joined pieces, relative to the digits' height
MOST_PIECES = 16  # of one digit
UNLIKELY = 0.003  # probability of being whole below which joined pieces are not a candidate
SURE = 0.9  # probability of being whole above which a piece is not cut …
NARROW = 0.8  # … if it is narrower than this, relative to the digits' height
SMALL = 0.4  # relative height below which a piece may be left out …
LEFT_OUT = -1.5  # … at this worth
VERIFIER_ERRORS = 0.01  # assumed error rate of the verifier, which bounds a candidate's worth …
MISREAD = 0.05  # … and its error rate about which digit it is
PRIOR = 3.0  # worth of a candidate that may as well be whole as not …
CUT = 1.0  # … of which each side that is cut, where no gap is, takes so much
TINY = 1e-7  # least probability distinguished from 0


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks that evaluate candidates.

    Attributes:
        classify: tells which class an image, as MNIST's, is of.
        verifier: tells which digit, if any, is in the middle of a view.
        classes: names of the classes of `classify`.
        size: H, W of the images that `classify` takes.
    """

    classify: Classify
    verifier: Verifier
    classes: Sequence[str]
    size: tuple[int, int]

    def opinions(self, P: Array, verified: Array) -> tuple[Array, Array]:
        """The verifier's opinion of the network's predictions: `digit` and `agreed` of candidates.

        It knows of digits alone: of a network with other classes it only says what is whole.
        """
        if "".join(self.classes) != "0123456789":
            return 1 - verified[:, PART], np.ones(len(P))
        digits, sign = np.maximum(verified[:, :SIGN], TINY), verified[:, SIGN]
        same = digits[np.arange(len(P)), P.argmax(axis=1)]
        digit = digits.sum(axis=1)
        return digit, (same + sign) / (digit + sign)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pieces `first` … `last` of a line, which may be one digit.

    Attributes:
        first: piece.
        last: piece, included.
        box: in the strip.
        probabilities: that the network gives, (classes,).
        whole: the probability that it is one whole digit, letter or sign.
        digit: that it is a digit, and whole.
        agreed: that it is the one that the network takes it for, or none, if it is whole.
        cuts: how many of its sides are cut, 0 … 2.
    """

    first: int
    last: int
    box: tuple[int, int, int, int]
    probabilities: Array
    whole: float
    digit: float = 1.0
    agreed: float = 1.0
    cuts: int = 0

    @property
    def worth(self) -> float:
        """The log-odds of the candidate.

        The ln of the probability, which is never above 0, would favour few candidates: one that
        is doubtful over two that are likely.
        """
        odds = (self.whole + VERIFIER_ERRORS) / (1 - self.whole + VERIFIER_ERRORS)
        return float(np.log(odds) + np.log(self.agreed + MISREAD) + PRIOR) - CUT * self.cuts


def candidates_of(lines: Sequence[Pieces], networks: Networks) -> list[list[Candidate]]:
    """All that may be a digit in each line; either network is asked once."""
    found: list[list[Candidate]] = [[] for _ in lines]
    spans = [(line, *span) for line, pieces in enumerate(lines) for span in spans_of(pieces)]
    if not spans:
        return found
    verified = _expected(
        networks.verifier(np.concatenate([views(pieces, spans_of(pieces)) for pieces in lines]))
    )
    whole = 1 - verified[:, PART]
    kept = [k for k, (_, i, j) in enumerate(spans) if i == j or whole[k] >= UNLIKELY]
    images = [
        normalize_digit(255 * np.minimum(lines[line].ink(first, last), 1), networks.size)
        for line, first, last in (spans[k] for k in kept)
    ]
    P = networks.classify(np.stack(images))
    digit, agreed = networks.opinions(P, verified[kept])
    joined = [np.pad(pieces.joined, 1) for pieces in lines]
    for n, k in enumerate(kept):
        line, first, last = spans[k]
        candidate = Candidate(
            first,
            last,
            box=_box(lines[line], first, last),
            probabilities=P[n],
            whole=float(whole[k]),
            digit=float(digit[n]),
            agreed=float(agreed[n]),
            cuts=int(joined[line][first]) + int(joined[line][last + 1]),
        )
        found[line].append(candidate)
    return found


def _expected(verified: Array) -> Array:
    """The verifier's probabilities, were signs as rare as among handwritten digits (Bayes)."""
    verified = verified.copy()
    verified[:, SIGN] *= RARER
    return np.asarray(verified / verified.sum(axis=1, keepdims=True))


def spans_of(pieces: Pieces) -> list[tuple[int, int]]:
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


def doubtful(pieces: Pieces, candidates: Sequence[Candidate]) -> Array:
    """Mask (n,) of pieces that may be more than one digit: those not narrow and surely whole."""
    alone = [candidate for candidate in candidates if candidate.first == candidate.last]
    widths = pieces.boxes[:, 2] - pieces.boxes[:, 0]
    sure = np.array([candidate.whole > SURE for candidate in alone], dtype=bool)
    return ~(sure & (widths < NARROW * HEIGHT))


def best_path(pieces: Pieces, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that make up the line and are together worth the most (Viterbi)."""
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
            reached = score[first] + candidate.worth
            if reached > score[candidate.last + 1]:
                score[candidate.last + 1] = reached
                came[candidate.last + 1] = first, candidate
        if sides[first] < SMALL * HEIGHT and score[first] + LEFT_OUT > score[first + 1]:
            score[first + 1] = score[first] + LEFT_OUT
            came[first + 1] = first, None
    return _traced(came)


def _traced(came: Sequence[tuple[int, Candidate | None]]) -> list[Candidate]:
    path: list[Candidate] = []
    at = len(came) - 1
    while at:
        at, chosen = came[at]
        if chosen is not None:
            path.append(chosen)
    return path[::-1]
