"""Base of recurrent layers with gates, which decide for how long a state is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from nnkit.nn.initializers import AnyInitializer, Zeros
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Parameter
from nnkit.nn.recurrent.chrono_initializer import ChronoInitializer


class GatedRecurrent(Recurrent):
    """A recurrent layer with a gate that keeps the state.

    Attributes:
        signs_of_chrono: the sign of each gate's biases in `ChronoInitializer`.
    """

    signs_of_chrono: ClassVar[tuple[int, ...]]
    chrono: Annotated[int, Field(ge=3)] | None = Field(
        None,
        description="Longest dependency T in positions, by which the biases of the gate that keeps "
        "the state are drawn: log u, u uniform in [1, T − 1); in an LSTM, those of i are −log u "
        "(chrono initialization, Tallec & Ollivier 2018).",
    )

    def bias_of_gates(self, initial: Sequence[AnyInitializer]) -> Parameter:
        """The block of biases; each gate has its initializer, unless `chrono` draws it."""
        found = self.block("b", (self.gates * self.units,), 1, initial)
        if self.chrono is None:
            return found
        others = self.bias_initializer or Zeros()
        drawn = ChronoInitializer(longest=self.chrono, signs=self.signs_of_chrono, others=others)
        return replace(found, initializer=drawn)
