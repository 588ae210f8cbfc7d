"""The outputs of an encoder, as a decoder reads them."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array


class EncoderMemory:
    """The outputs of an encoder for a batch of sequences, which the layers of a decoder read.

    Inside, samples come first, so that the products of attention are one block for each sample.

    Attributes:
        values: the outputs, (N, T, channels), with 0 after the end of each sequence.
        is_padding: the places after the ends, (N, T); None if all have the same length.
        summary: the encoder's last state, (units, N); None if it has no recurrent layer.
        sources: the number of the source of each sample, (N,), which several may have in common.
        keys: projections of the values by the names of the layers that compute them, (N, T, …),
            kept while a decoder takes several steps.
        weights: the weights of the attention layer that ran last, (positions, N, T); None if none.
        d_values: dE/dV of the values, to which layers add in the backward pass.
        d_summary: dE/dS of the summary, likewise.
    """

    def __init__(
        self,
        values: Array,
        is_padding: Array | None,
        summary: Array | None = None,
        sources: Array | None = None,
    ) -> None:
        self.values = values
        self.is_padding = is_padding
        self.summary = summary
        self.sources = np.arange(len(values)) if sources is None else sources
        self.keys: dict[str, Array] = {}
        self.weights: Array | None = None
        self.d_values = np.zeros(0, values.dtype)
        self.d_summary = np.zeros(0, values.dtype)

    @classmethod
    def of(cls, H: Array, lengths: Array | None, summary: Array | None = None) -> EncoderMemory:
        """The memory of encoder outputs H (channels, T, N), for sequences of these lengths (N,)."""
        values = np.array(H.transpose(2, 1, 0), order="C")  # H is a buffer that is used again
        if lengths is None:
            return cls(values, None, summary)
        is_padding = np.arange(H.shape[1]) >= np.asarray(lengths)[:, None]
        values[is_padding] = 0
        return cls(values, is_padding, summary)

    def begin_backward(self) -> None:
        """Sets the gradients to 0."""
        self.d_values = np.zeros_like(self.values)
        if self.summary is not None:
            self.d_summary = np.zeros_like(self.summary)

    def select(self, columns: Array) -> EncoderMemory:
        """The memory of a selection of the samples, by number; each may occur several times.

        Nothing is copied where the sources stay the same, as when a beam goes on with others of
        its outputs.
        """
        sources = self.sources[columns]
        if np.array_equal(sources, self.sources):
            return self
        found = EncoderMemory(
            self.values[columns],
            None if self.is_padding is None else self.is_padding[columns],
            None if self.summary is None else self.summary[:, columns],
            sources,
        )
        found.keys = {name: keys[columns] for name, keys in self.keys.items()}
        return found
