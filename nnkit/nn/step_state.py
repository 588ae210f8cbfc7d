"""The state of a network that computes a sequence symbol by symbol."""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory


class StepState:
    """The state of K sequences between two of their symbols.

    A step returns a new one and leaves this as it is.

    Attributes:
        states: the states of the recurrent layers, (units, K), by the layers' names; those that
            have read nothing have none.
        memory: the outputs of the encoder for each of the K sequences; None if there is none.
    """

    def __init__(
        self, states: Mapping[str, LayerState], memory: EncoderMemory | None = None
    ) -> None:
        self.states, self.memory = dict(states), memory

    def select(self, columns: Array) -> StepState:
        """The state of a selection of the sequences, by number; each may occur several times."""
        chosen = {name: [S[:, columns] for S in state] for name, state in self.states.items()}
        memory = None if self.memory is None else self.memory.select(columns)
        return StepState(chosen, memory)
