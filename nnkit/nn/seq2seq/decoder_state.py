"""The state of a decoder between two symbols."""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory


class DecoderState:
    """The source that a decoder has read and the states it has reached, for K sequences.

    A step returns a new one and leaves this as it is.

    Attributes:
        memory: the outputs of the encoder, for each of the K sequences.
        states: the states of the recurrent layers, (units, K), by the layers' names.
    """

    def __init__(self, memory: EncoderMemory, states: Mapping[str, LayerState]) -> None:
        self.memory, self.states = memory, dict(states)

    def select(self, columns: Array) -> DecoderState:
        """The state of a selection of the sequences, by number; each may occur several times."""
        chosen = {name: [S[:, columns] for S in state] for name, state in self.states.items()}
        return DecoderState(self.memory.select(columns), chosen)
