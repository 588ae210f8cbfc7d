"""Bar charts of a few named shares, in the terminal or as a part of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FULL, COLOUR = "█", "#0072B2"
LEAST_WIDTH = 10  # characters of the longest bar


@dataclass(frozen=True, slots=True)
class Bars:
    """Named numbers from 0 to 1.

    Attributes:
        title: title above the bars.
        names: the name of each bar.
        values: the length of each bar.
    """

    title: str
    names: tuple[str, ...]
    values: tuple[float, ...]

    def in_terminal(self, width: int = 80) -> str:
        """The bars as lines of text, at most `width` wide if the names are short enough."""
        margin = max(map(len, self.names), default=0)
        longest = max(LEAST_WIDTH, width - margin - 8)
        return "\n".join(
            f"{name:{margin}}  {value:4.2f}  {FULL * round(value * longest)}".rstrip()
            for name, value in zip(self.names, self.values, strict=True)
        )

    def draw(self, axes: Axes) -> None:
        """Draws the bars with matplotlib, the first at the top."""
        axes.barh(self.names, self.values, color=COLOUR)
        axes.invert_yaxis()
        axes.set(title=self.title, xlim=(0, 1))
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
