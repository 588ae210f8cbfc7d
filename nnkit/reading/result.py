"""The result of reading a picture."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]

UNREADABLE = "?"


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was read, or a rejected symbol.

    Attributes:
        label: the class name, or `?` if rejected.
        confidence: the predicted probability of `guess`; None if the network gives none.
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
    """

    lines: tuple[Line, ...]

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
        """The product of all confidences: the estimated probability that all digits are right."""
        product = 1.0
        for digit in self.digits:
            if digit.confidence is None:
                return None
            product *= digit.confidence
        return product if self.digits else None
