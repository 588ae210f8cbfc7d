"""Finds which pieces of a line form digits: the best path through all ways to join them.

A classifier trained only on digits is confident about anything, even half an 8. A second, small
network therefore verifies whether a candidate is one whole digit. Its input includes the
neighbours, and it is also trained on wrong cuts, letters and signs (LeCun et al. 1998, §V).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.cuts import Pieces
from nnkit.reading.segmentation.lines import HEIGHT
from nnkit.reading.segmentation.normal import normalize_digit, turned
from nnkit.reading.segmentation.views import views

Classify = Callable[[Array], Array]  # images (n, H, W) uint8 → probabilities (n, classes)
Span = tuple[int, int]  # the first and the last piece of a candidate
Verifier = Callable[[Array], Array]  # views → probabilities (n, 12): ten digits, `SIGN`, `PART`

SIGN, PART = 10, 11  # another whole character; not a whole character
RARER = 0.2  # frequency of signs, relative to that in the verifier's training pictures
WIDEST = 1.25  # maximal width of joined pieces, relative to the digits' height
MOST_PIECES = 16  # maximal number of pieces of a digit
UNLIKELY = 0.003  # probability of being whole below which joined pieces are not a candidate
NARROW = 0.8  # width below which touching digits are rare, relative to the digits' height
# Widths of pieces, relative to that height, each with the probability of being whole above which a
# piece that is narrower is not cut
SURE = ((NARROW, 0.9), (1.0, 0.9999), (WIDEST, 0.99999))
SMALL = 0.4  # relative height below which a piece may be left out …
LEFT_OUT = -1.5  # … with this score
VERIFIER_ERRORS = 0.01  # assumed error rate of the verifier, which limits a candidate's score …
MISREAD = 0.05  # … and its assumed error rate for the class of a digit
PRIOR = 3.0  # score of a candidate that is whole with probability ½ …
CUT = 1.0  # … reduced by this for each side that is a cut instead of a gap
SHARPNESS = 4  # of scores as log-probabilities, chosen with the calibration of texts
TURNS = (0, 6, -6)  # degrees by which a digit is rotated; the classifier's answers are averaged
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

    @property
    def of_digits(self) -> bool:
        """Whether both networks distinguish the same ten digits.

        If the classifier has other classes, only whether a candidate is whole can be verified.
        """
        return "".join(self.classes) == "0123456789"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pieces `first` … `last` of a line, which may form one digit.

    Attributes:
        first: index of the first piece.
        last: index of the last piece, included.
        box: box in the strip.
        verified: probabilities by the verifier of ten digits, `SIGN` and `PART`, (12,).
        cuts: number of its sides that are cuts, 0 … 2.
        probabilities: class probabilities of the classifier, (classes,); None until it is asked.
        of_digits: whether the classes are the ten digits.
    """

    first: int
    last: int
    box: tuple[int, int, int, int]
    verified: Array
    cuts: int = 0
    probabilities: Array | None = None
    of_digits: bool = True

    @property
    def whole(self) -> float:
        """The probability that it is one whole digit, letter or sign."""
        return 1 - float(self.verified[PART])

    @property
    def digit(self) -> float:
        """The probability that it is one whole digit."""
        return float(self.verified[:SIGN].sum()) if self.of_digits else self.whole

    @property
    def agreed(self) -> float:
        """The probability that a whole candidate is the classifier's digit, or a sign.

        1, its upper bound, for a candidate that has not been classified.
        """
        if self.probabilities is None or not self.of_digits:
            return 1.0
        digits, sign = np.maximum(self.verified[:SIGN], TINY), float(self.verified[SIGN])
        same = float(digits[int(np.argmax(self.probabilities))])
        return (same + sign) / (float(digits.sum()) + sign)

    @property
    def worth(self) -> float:
        """The score of the candidate, based on log-odds.

        Log-probabilities are never positive, so they would favour paths of few candidates: a single
        doubtful one over two likely ones.
        """
        odds = (self.whole + VERIFIER_ERRORS) / (1 - self.whole + VERIFIER_ERRORS)
        return float(np.log(odds) + np.log(self.agreed + MISREAD) + PRIOR) - CUT * self.cuts


def candidates_of(lines: Sequence[Pieces], networks: Networks) -> list[list[Candidate]]:
    """The verified candidates for digits in each line; the verifier is called once for all."""
    spans = [spans_of(pieces) for pieces in lines]
    found: list[list[Candidate]] = []
    for pieces, own, verified in zip(lines, spans, _verified(lines, spans, networks), strict=True):
        joined = np.pad(pieces.joined, 1)
        found.append(
            [
                Candidate(
                    first,
                    last,
                    _box(pieces, first, last),
                    seen,
                    cuts=int(joined[first]) + int(joined[last + 1]),
                    of_digits=networks.of_digits,
                )
                for (first, last), seen in zip(own, verified, strict=True)
                if first == last or 1 - seen[PART] >= UNLIKELY
            ]
        )
    return found


def _verified(
    lines: Sequence[Pieces], spans: Sequence[Sequence[Span]], networks: Networks
) -> list[Array]:
    """The verifier's probabilities for spans of each line, (spans, 12)."""
    if not any(spans):
        return [np.empty((0, PART + 1)) for _ in lines]
    seen = [views(pieces, own) for pieces, own in zip(lines, spans, strict=True)]
    verified = _expected(networks.verifier(np.concatenate(seen)))
    return np.split(verified, np.cumsum([len(own) for own in spans])[:-1])


def _expected(verified: Array) -> Array:
    """Corrects the verifier's probabilities for the lower frequency of signs in use (Bayes)."""
    verified = verified.copy()
    verified[:, SIGN] *= RARER
    return np.asarray(verified / verified.sum(axis=1, keepdims=True))


def spans_of(pieces: Pieces) -> list[Span]:
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


def doubtful(lines: Sequence[Pieces], networks: Networks) -> list[Array]:
    """Whether each piece of each line may be more than one digit, (n,) bool.

    It may not if it is surely whole. The wider it is, the surer the verifier must be, because
    some touching digits look like one.
    """
    alone = [[(i, i) for i in range(len(pieces.boxes))] for pieces in lines]
    return [
        ~_surely_whole(1 - verified[:, PART], pieces.boxes[:, 2] - pieces.boxes[:, 0])
        for pieces, verified in zip(lines, _verified(lines, alone, networks), strict=True)
    ]


def _surely_whole(whole: Array, widths: Array) -> Array:
    """Whether each piece is surely one character, (n,) bool.

    Args:
        whole: the probability that it is, (n,).
        widths: widths in the strip, (n,).
    """
    return np.any([(widths < width * HEIGHT) & (whole > sure) for width, sure in SURE], axis=0)


def best_paths(
    lines: Sequence[Pieces], found: Sequence[Sequence[Candidate]], networks: Networks
) -> list[list[Candidate]]:
    """The sequence of candidates for each line with the highest total score, all classified.

    Classifying is most of the work, so only candidates on a best path are classified. The others
    count with an upper bound of their scores; a path that remains best is therefore the best one.
    """
    known = [{(c.first, c.last): c for c in own} for own in found]
    while True:
        paths = [
            best_path(pieces, list(own.values())) for pieces, own in zip(lines, known, strict=True)
        ]
        new = [
            (line, candidate)
            for line, path in enumerate(paths)
            for candidate in path
            if candidate.probabilities is None
        ]
        if not new:
            return paths
        images = [
            normalize_digit(255 * np.minimum(lines[line].ink(c.first, c.last), 1), networks.size)
            for line, c in new
        ]
        for (line, c), P in zip(new, _classified(images, networks), strict=True):
            known[line][c.first, c.last] = replace(c, probabilities=P)


def _classified(images: Sequence[Array], networks: Networks) -> Array:
    """The class probabilities of images (H, W), averaged over small rotations, (n, classes)."""
    variants = [
        image if not degrees else turned(image, degrees) for degrees in TURNS for image in images
    ]
    P = networks.classify(np.stack(variants))
    return np.asarray(P.reshape(len(TURNS), len(images), -1).mean(axis=0))


def best_path(pieces: Pieces, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The sequence of candidates for the line with the highest total score (Viterbi)."""
    score = np.full(len(pieces.boxes) + 1, -np.inf)
    score[0] = 0.0
    came: list[tuple[int, Candidate | None]] = [(0, None)] * len(score)
    for first, last, worth, candidate in _steps(pieces, candidates):
        reached = score[first] + worth
        if reached > score[last + 1]:
            score[last + 1] = reached
            came[last + 1] = first, candidate
    return _traced(came)


def _steps(
    pieces: Pieces, candidates: Sequence[Candidate]
) -> Iterator[tuple[int, int, float, Candidate | None]]:
    """Yields the first and last piece, the score and the candidate of each step of a path.

    Steps come in the order of their first pieces. A small piece may be left out.
    """
    sides = np.maximum(
        pieces.boxes[:, 2] - pieces.boxes[:, 0], pieces.boxes[:, 3] - pieces.boxes[:, 1]
    )
    by_first: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        by_first.setdefault(candidate.first, []).append(candidate)
    for first in range(len(pieces.boxes)):
        for candidate in by_first.get(first, []):
            yield first, candidate.last, candidate.worth, candidate
        if sides[first] < SMALL * HEIGHT:
            yield first, first, LEFT_OUT, None


def certainty(pieces: Pieces, candidates: Sequence[Candidate]) -> float:
    """The log-probability of the best path among all; at most 0.

    A path has the probability exp(s) / Σ exp(sᵢ), where s is `SHARPNESS` times its score.
    """
    count = len(pieces.boxes)
    best, total = np.full((2, count + 1), -np.inf)
    best[0] = total[0] = 0.0
    for first, last, score, _ in _steps(pieces, candidates):
        score *= SHARPNESS
        best[last + 1] = max(best[last + 1], best[first] + score)
        total[last + 1] = np.logaddexp(total[last + 1], total[first] + score)
    return float(best[count] - total[count])


def _traced(came: Sequence[tuple[int, Candidate | None]]) -> list[Candidate]:
    path: list[Candidate] = []
    at = len(came) - 1
    while at:
        at, chosen = came[at]
        if chosen is not None:
            path.append(chosen)
    return path[::-1]
