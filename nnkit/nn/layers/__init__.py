"""The layers, a file a kind; adding one is adding its file and its name to the union here."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.base import Tagged
from nnkit.nn.layers.activation import ActivationLayer
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.dropout import Dropout
from nnkit.nn.layers.flatten import Flatten
from nnkit.nn.layers.noise import Noise
from nnkit.nn.layers.normalization import BatchNorm, LayerNorm

__all__ = [
    "ActivationLayer",
    "AnyLayer",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Flatten",
    "LayerNorm",
    "Noise",
]

AnyLayer = Annotated[
    Dense | Flatten | Dropout | Noise | BatchNorm | LayerNorm | ActivationLayer, Tagged()
]
