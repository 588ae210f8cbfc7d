"""Finds which pieces of a line form digits: the best path through all ways to join them.

A classifier trained only on digits is confident about anything, even half an 8. A second, small
network therefore verifies whether a candidate is one whole digit. Its input includes the
neighbours, and it is also trained on wrong cuts, letters and signs (LeCun et al. 1998, §V).
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

SIGN, PART = 10, 11  # another whole character; not a whole character
RARER = 0.2  # frequency of signs, relative to that in the verifier's training pictures
WIDEST = 1.25  # maximal width of joined pieces, relative to the digits' height
MOST_PIECES = 16  # maximal number of pieces of a digit
UNLIKELY = 0.003  # probability of being whole below which joined pieces are not a candidate
SURE = 0.9  # probability of being whole above which a piece is not cut …
NARROW = 0.8  # … if it is narrower than this, relative to the digits' height
SMALL = 0.4  # relative height below which a piece may be left out …
LEFT_OUT = -1.5  # … with this score
VERIFIER_ERRORS = 0.01  # assumed error rate of the verifier, which limits a candidate's score …
MISREAD = 0.05  # … and its assumed error rate for the class of a digit
PRIOR = 3.0  # score of a candidate that is whole with probability ½ …
CUT = 1.0  # … reduced by this for each side that is a cut instead of a gap
TINY = 1e-7  # smallest probability distinguished from 0


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks that evaluate candidates.

    Attributes:
        classify: returns class probabilities of normalized images.
        verifier: returns the probabilities of which digit, if any, is at the centre of a view.
        classes: names of the classes of `classify`.
        size: H, W of the images that `classify` takes.
    """

    classify: Classify
    verifier: Verifier
    classes: Sequence[str]
    size: tuple[int, int]

    def opinions(self, P: Array, verified: Array) -> tuple[Array, Array]:
        """Combines both networks' predictions to `digit` and `agreed` of the candidates.

        The verifier distinguishes only digits; if the classifier has other classes, only the
        probability of being whole is used.
        """
        if "".join(self.classes) != "0123456789":
            return 1 - verified[:, PART], np.ones(len(P))
        digits, sign = np.maximum(verified[:, :SIGN], TINY), verified[:, SIGN]
        same = digits[np.arange(len(P)), P.argmax(axis=1)]
        digit = digits.sum(axis=1)
        return digit, (same + sign) / (digit + sign)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pieces `first` … `last` of a line, which may form one digit.

    Attributes:
        first: index of the first piece.
        last: index of the last piece, included.
        box: box in the strip.
        probabilities: class probabilities of the classifier, (classes,).
        whole: probability that it is one whole digit, letter or sign.
        digit: probability that it is one whole digit.
        agreed: probability, given that it is whole, that it is the digit that the classifier
            predicts, or a sign.
        cuts: number of its sides that are cuts, 0 … 2.
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
        """The score of the candidate, based on log-odds.

        Log-probabilities are never positive, so they would favour paths of few candidates: a single
        doubtful one over two likely ones.
        """
        odds = (self.whole + VERIFIER_ERRORS) / (1 - self.whole + VERIFIER_ERRORS)
        return float(np.log(odds) + np.log(self.agreed + MISREAD) + PRIOR) - CUT * self.cuts


def candidates_of(lines: Sequence[Pieces], networks: Networks) -> list[list[Candidate]]:
    """The candidates for digits in each line; each network is called once for all lines."""
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
    """Corrects the verifier's probabilities for the lower frequency of signs in use (Bayes)."""
    verified = verified.copy()
    verified[:, SIGN] *= RARER
    return np.asarray(verified / verified.sum(axis=1, keepdims=True))


def spans_of(pieces: Pieces) -> list[tuple[int, int]]:
    """Each single piece, and each sequence of pieces no wider than a digit, as (first, last)."""
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
    """Whether each piece may be more than one digit, (n,): unless it is narrow and surely whole."""
    alone = [candidate for candidate in candidates if candidate.first == candidate.last]
    widths = pieces.boxes[:, 2] - pieces.boxes[:, 0]
    sure = np.array([candidate.whole > SURE for candidate in alone], dtype=bool)
    return ~(sure & (widths < NARROW * HEIGHT))


def best_path(pieces: Pieces, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The sequence of candidates for the line with the highest total score (Viterbi)."""
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
