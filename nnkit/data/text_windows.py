"""Windows of long sequences: short pieces, of which each is a sample of its own."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count, Spec
from nnkit.data.ragged import Array, Ragged


class TextWindows(Spec):
    """Pieces of long texts, each a sample; for next-symbol prediction."""

    shorthand: ClassVar[str | None] = "length"
    length: Count = Field(description="Symbols of a window.")
    stride: Count | None = Field(
        None,
        description="Symbols from the start of a window to that of the next; default: `length`, so "
        "that windows do not overlap.",
    )
    stream: bool = Field(
        False,
        description="Whether recurrent layers keep their state from a window to the next: "
        "truncated backpropagation through time. `training.batch_size` parts of the text are "
        "then read side by side, in order.",
    )

    @model_validator(mode="after")
    def _stream_without_gaps(self) -> Self:
        if self.stream and self.stride not in (None, self.length):
            raise ValueError("the windows of a stream follow one another; remove stride")
        return self

    def next_symbols(self, texts: Ragged) -> tuple[Ragged, Ragged]:
        """Divides texts into windows, and pairs each with the symbols that follow its own.

        The last window of a text may be shorter; a text of a single symbol has no window.

        Args:
            texts: the ids of each text.

        Returns:
            Inputs and targets, of which each target is its input moved on by one symbol.
        """
        stride = self.stride or self.length
        counts = np.maximum(-(-(texts.lengths - 1) // stride), 0)
        # Overlapping windows that would only repeat the end of a text are left out.
        fitting = np.maximum(-(-(texts.lengths - 1 - self.length) // stride) + 1, 1)
        counts = np.minimum(counts, fitting)
        firsts = np.cumsum(counts) - counts
        place = np.arange(int(counts.sum())) - np.repeat(firsts, counts)
        within: Array = place * stride
        lengths = np.minimum(self.length, np.repeat(texts.lengths - 1, counts) - within)
        starts = np.repeat(texts.starts, counts) + within
        return Ragged(texts.values, starts, lengths), Ragged(texts.values, starts + 1, lengths)
