"""Batches of a long text that is read on from one batch to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnkit.data.batches import Batch
from nnkit.data.lazy import Array
from nnkit.data.ragged import Ragged


@dataclass(frozen=True)
class StreamBatches:
    """Consecutive windows of a text, of which each batch continues those of the batch before.

    The text is divided into as many parts of equal length as a batch has columns; column i of the
    batches in turn contains the windows of part i. The first parts are longer by one window where
    the windows cannot be divided equally: the last batch has only their columns.

    Attributes:
        inputs: the windows, in the order of the text.
        targets: the class numbers that follow them.
        batch_size: the number of parts.
    """

    inputs: Ragged
    targets: Ragged
    batch_size: int

    @property
    def per_epoch(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.inputs) // self.batch_size)

    def chosen(self, number: int) -> Array:
        """The indices of the windows in a batch of each epoch."""
        least, longer = divmod(len(self.inputs), self.batch_size)
        columns = np.arange(self.batch_size if number < least else longer)
        starts: Array = columns * least + np.minimum(columns, longer)
        return starts + number

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch; all epochs are the same.

        Args:
            epoch: number of the epoch.
            start: the first batch to yield.
        """
        return map(self.batch, range(start, self.per_epoch))

    def batch(self, number: int) -> Batch:
        """The batch of that number, the same in each epoch."""
        chosen = self.chosen(number)
        inputs, targets = self.inputs[chosen], self.targets[chosen]
        return Batch(
            inputs.padded(),
            targets.padded(),
            None,
            float(targets.size),
            lengths=inputs.lengths,
            target_lengths=targets.lengths,
            continues=number > 0,
        )
