"""Chains of layers over sequences, taken one symbol at a time, as language models write."""

from __future__ import annotations

from nnkit.nn.arena import Arena
from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE
from nnkit.nn.recurrent.states import States
from nnkit.nn.step_state import StepState


class Stepper:
    """Computes the next symbol of sequences from the symbols before, which it remembers as states.

    A step is a pass over sequences of one position, in which recurrent layers begin with the
    states of the last step; so the layers are those of any other pass. Several threads may use a
    stepper at once.
    """

    def __init__(self, model: Model) -> None:
        """Checks that a model can be taken step by step.

        Args:
            model: a chain of layers over ids, with probabilities at each position.

        Raises:
            ValueError: an output depends on later positions, or on earlier ones without a state.
        """
        for stage in model.stages:
            if not stage.spec.continues_streams:
                raise ValueError(
                    f"{stage.name} ('{stage.spec.tag()}') needs whole sequences, so the network "
                    "cannot compute one symbol after another"
                )
        self.model = model
        self._networks: Pool[Arena[int, Network]] = Pool(Arena)

    def begin(self) -> StepState:
        """The state of sequences of which nothing has been read."""
        return StepState({})

    def step(self, state: StepState, symbols: Array) -> tuple[Array, None, StepState]:
        """The probabilities of the next symbol of K sequences.

        Args:
            state: the state after the symbols before.
            symbols: the last symbol of each sequence, (K,).

        Returns:
            The logarithms of the probabilities, (symbols, K); None in place of the weights of
            attention; and the state after these symbols.
        """
        count, states = len(symbols), States(state.states)
        with self._networks.lent() as networks:
            network = networks.get(
                count, lambda buffers: self.model.bound_chain(count, (1,), buffers)
            )
            logs = network.log_probabilities(symbols[None], INFERENCE._replace(states=states))
        return logs[:, 0], None, StepState(states.last)
