"""The state in which a decoder begins, made from that in which its encoder ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import LayerState

NetworkState = Mapping[str, LayerState]  # of each recurrent layer, by its name


@dataclass(frozen=True, slots=True)
class RecurrentPlace:
    """A recurrent layer of an encoder or decoder.

    Attributes:
        name: its name in the network.
        vectors: the number of vectors that make up its state.
        units: the size of each.
        directions: the number of directions, each with its own state.
    """

    name: str
    vectors: int
    units: int
    directions: int

    @property
    def width(self) -> int:
        """The size of a vector of both directions together."""
        return self.units * self.directions

    def joined(self, state: LayerState) -> list[Array]:
        """The vectors of a state, (width, N), those of the directions joined."""
        if self.directions == 1:
            return list(state)
        return [np.concatenate(state[number :: self.vectors]) for number in range(self.vectors)]

    def divided(self, vectors: Sequence[Array]) -> list[Array]:
        """The inverse of `joined`."""
        parts = [slice(row, row + self.units) for row in range(0, self.width, self.units)]
        return [vector[part] for part in parts for vector in vectors]


@dataclass(frozen=True, slots=True)
class DecoderStart(ABC):
    """Turns the last state of an encoder into the first of a decoder, and gradients back.

    Attributes:
        encoder: the encoder's recurrent layers.
        decoder: the decoder's recurrent layers.
    """

    encoder: Sequence[RecurrentPlace]
    decoder: Sequence[RecurrentPlace]

    @property
    def bridge_units(self) -> int:
        """The outputs of the linear map of a bridge; 0 if there is none."""
        return 0

    @abstractmethod
    def first(self, last: NetworkState, bridge: Array | None) -> dict[str, LayerState]:
        """The first state of each of the decoder's layers.

        Args:
            last: the last state of each of the encoder's layers.
            bridge: the output of the bridge, (bridge units, N).
        """

    @abstractmethod
    def d_bridge(self, d_first: NetworkState) -> Array | None:
        """The gradient of the bridge's output, (bridge units, N), for that of the first states."""

    @abstractmethod
    def d_last(self, d_first: NetworkState, d_summary: Array | None) -> dict[str, LayerState]:
        """The gradient of the encoder's last states.

        Args:
            d_first: the gradients of the decoder's first states.
            d_summary: the gradient of the first vector of the encoder's last layer, (width, N),
                which also comes from a bridge or the layers of the decoder; None for 0.
        """


class ZeroStart(DecoderStart):
    """A decoder that begins with zeros, or its layers' trained states."""

    def first(self, last: NetworkState, bridge: Array | None) -> dict[str, LayerState]:
        return {}

    def d_bridge(self, d_first: NetworkState) -> Array | None:
        return None

    def d_last(self, d_first: NetworkState, d_summary: Array | None) -> dict[str, LayerState]:
        return _of_summary(self.encoder, d_summary)


class BridgeStart(DecoderStart):
    """All states of a decoder from one linear map: S = tanh(W s + b) (Bahdanau et al. 2015).

    Here s is the first vector of the last state of the encoder's last layer, and S has the rows of
    all vectors of all layers of the decoder.
    """

    @property
    def bridge_units(self) -> int:
        return sum(place.vectors * place.units for place in self.decoder)

    def first(self, last: NetworkState, bridge: Array | None) -> dict[str, LayerState]:
        assert bridge is not None
        found: dict[str, LayerState] = {}
        row = 0
        for place in self.decoder:
            end = row + place.vectors * place.units
            parts = range(row, end, place.units)
            found[place.name] = [bridge[at : at + place.units].copy() for at in parts]
            row = end
        return found

    def d_bridge(self, d_first: NetworkState) -> Array | None:
        return np.concatenate([d for place in self.decoder for d in d_first[place.name]])

    def d_last(self, d_first: NetworkState, d_summary: Array | None) -> dict[str, LayerState]:
        return _of_summary(self.encoder, d_summary)


class LastStart(DecoderStart):
    """Each layer of a decoder begins where the encoder's layer at its place ended."""

    def first(self, last: NetworkState, bridge: Array | None) -> dict[str, LayerState]:
        return {
            own.name: other.joined(last[other.name])[: own.vectors]
            for other, own in zip(self.encoder, self.decoder, strict=True)
        }

    def d_bridge(self, d_first: NetworkState) -> Array | None:
        return None

    def d_last(self, d_first: NetworkState, d_summary: Array | None) -> dict[str, LayerState]:
        found: dict[str, LayerState] = {}
        for other, own in zip(self.encoder, self.decoder, strict=True):
            vectors = list(d_first[own.name])
            vectors += [np.zeros_like(vectors[0])] * (other.vectors - own.vectors)
            if d_summary is not None and other is self.encoder[-1]:
                vectors[0] = vectors[0] + d_summary
            found[other.name] = other.divided(vectors)
        return found


def _of_summary(
    encoder: Sequence[RecurrentPlace], d_summary: Array | None
) -> dict[str, LayerState]:
    """The gradient of the last states of an encoder of which only the summary is used."""
    if d_summary is None:
        return {}
    place = encoder[-1]
    others = [np.zeros_like(d_summary)] * (place.vectors - 1)
    return {place.name: place.divided([d_summary, *others])}
