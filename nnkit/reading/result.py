"""The result of reading a picture."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]

UNREADABLE = "?"


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was read, or a symbol in its place.

    Attributes:
        label: the class's name, or `?` where it is rejected.
        confidence: the network's probability of its answer; None where it gives none.
        box: x0, y0, x1, y1 in pixels of the picture seen upright, ends excluded.
        guess: the class's name, also where it is rejected.
    """

    label: str
    confidence: float | None
    box: Box
    guess: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of writing.

    Attributes:
        text: the line's labels from left to right, a space where there is a gap.
        digits: from left to right.
    """

    text: str
    digits: tuple[Digit, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is written in a picture; no lines if it is empty.

    Attributes:
        lines: from top to bottom.
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
        """The product of all digits' confidences: how probable it is that all are right."""
        product = 1.0
        for digit in self.digits:
            if digit.confidence is None:
                return None
            product *= digit.confidence
        return product if self.digits else None
