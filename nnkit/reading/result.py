"""The result of reading a picture."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

Box = tuple[int, int, int, int]

UNREADABLE = "?"
CALIBRATION = 0.896, -0.805  # offset and slope, fitted by benchmarks.reliability
LEAST_DOUBT = 0.001  # added to every doubt: the networks are never surer


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was read, or a rejected symbol.

    Attributes:
        label: the class name, or `?` if rejected.
        confidence: the predicted probability that the label is right; None if the network gives
            none.
        box: x0, y0, x1, y1 in pixels of the upright picture, ends excluded.
        guess: the class name, even if rejected.
    """

    label: str
    confidence: float | None
    box: Box
    guess: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of digits.

    Attributes:
        text: the labels from left to right, with spaces at gaps.
        digits: the digits from left to right.
    """

    text: str
    digits: tuple[Digit, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The digits read in a picture; no lines if it is empty.

    Attributes:
        lines: the lines from top to bottom.
        doubt: the negative logarithm of the probability, by the networks, that all digits, all
            rejected symbols and the cuts between them are right; None if a network gives none.
    """

    lines: tuple[Line, ...]
    doubt: float | None = None

    @property
    def text(self) -> str:
        """The text of all lines, separated by line breaks."""
        return "\n".join(line.text for line in self.lines)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of all lines, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def confidence(self) -> float | None:
        """The probability that the whole text is right, calibrated on composed pictures."""
        return None if self.doubt is None else calibrated(self.doubt)


def calibrated(doubt: float) -> float:
    """The probability that a text is right, by logistic regression on the logarithm of the doubt.

    The networks are too sure of themselves (Guo et al. 2017); `python -m benchmarks.reliability`
    fits the two coefficients and measures how well the result holds.
    """
    offset, slope = CALIBRATION
    return 1 / (1 + exp(-(offset + slope * log(doubt + LEAST_DOUBT))))
