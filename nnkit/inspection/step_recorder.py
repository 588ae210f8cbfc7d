"""Records all numbers of a training step: those of each layer, and of each step over a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnkit.nn.activation import Activation
from nnkit.nn.layer_spec import Stage
from nnkit.nn.network import Network
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass, Recorder
from nnkit.nn.seq2seq.seq2seq_network import Seq2SeqNetwork


@dataclass(frozen=True, slots=True)
class StepsTrace:
    """The steps of a layer over one sequence, in the order of the positions.

    Attributes:
        name: full name of the layer, with `.reverse` added for the direction from the end.
        values: what each step computed, by symbol, (positions, rows).
        gradients: gradients of the loss with respect to such values, (positions, rows).
        contributions: what each step adds to the gradient of a parameter, by its short name,
            (positions, *shape).
    """

    name: str
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    contributions: Mapping[str, Array]

    @property
    def is_reverse(self) -> bool:
        """Whether the steps begin at the end of the sequence."""
        return self.name.endswith(".reverse")


@dataclass(frozen=True, slots=True)
class _Steps:
    """The arrays of the steps of a layer by position."""

    values: dict[int, Mapping[str, Array]] = field(default_factory=dict)
    gradients: dict[int, Mapping[str, Array]] = field(default_factory=dict)
    contributions: dict[int, Mapping[str, Array]] = field(default_factory=dict)


class StepRecorder(Recorder):
    """Records a step on one sample, and in the backward pass f′(z) of each activation.

    Attributes:
        inputs: each layer's input by the layer's name, (*input shape, 1).
        input_gradients: the gradients of the loss with respect to these, where they are computed.
        slopes: the derivatives f′(z) of elementwise activations, by the layer's name.
    """

    def __init__(self, network: Network | Seq2SeqNetwork, stages: Sequence[Stage]) -> None:
        super().__init__()
        self.network = network
        self.curves = {s.name for s in stages if _is_curve(s.spec.applied_activation)}
        self.inputs: dict[str, Array] = {}
        self.input_gradients: dict[str, Array] = {}
        self.slopes: dict[str, Array | None] = {}
        self._steps: dict[str, _Steps] = {}

    def input(self, name: str, X: Array) -> None:
        self.inputs[name] = X.copy()

    def gradient(self, name: str, dY: Array) -> None:
        super().gradient(name, dY)
        if name in self.curves and name in self.network.layers:
            # The layer's own backward pass applied to dE/da = 1.
            slope = self.network.layers[name].backward(np.ones_like(dY), Pass())
            self.slopes[name] = None if slope is None else slope.copy()

    def input_gradient(self, name: str, dX: Array) -> None:
        self.input_gradients[name] = dX.copy()

    def step(self, name: str, position: int, values: Mapping[str, Array]) -> None:
        own = self._steps.setdefault(name, _Steps())
        own.values[position] = {symbol: array[:, 0].copy() for symbol, array in values.items()}

    def step_back(
        self,
        name: str,
        position: int,
        gradients: Mapping[str, Array],
        contributions: Mapping[str, Array],
    ) -> None:
        own = self._steps[name]
        own.gradients[position] = {
            symbol: array[:, 0].copy() for symbol, array in gradients.items()
        }
        own.contributions[position] = {name: array.copy() for name, array in contributions.items()}

    def steps(self) -> list[StepsTrace]:
        """The recorded steps of each layer over sequences."""
        return [
            StepsTrace(name, _stacked(s.values), _stacked(s.gradients), _stacked(s.contributions))
            for name, s in self._steps.items()
        ]


def _is_curve(activation: Activation | None) -> bool:
    return activation is not None and activation.elementwise


def _stacked(by_position: Mapping[int, Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays of all positions, (positions, …), by name."""
    in_order = [by_position[position] for position in sorted(by_position)]
    if not in_order:
        return {}
    return {name: np.stack([arrays[name] for arrays in in_order]) for name in in_order[0]}
