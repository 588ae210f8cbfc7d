"""The activations, a file for each family, which ends in the union of its members."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.nn.activations.exponential_linear import AnyExponentialLinear
from nnkit.nn.activations.linear import Identity
from nnkit.nn.activations.maxout import Maxout
from nnkit.nn.activations.rectifiers import AnyRectifier
from nnkit.nn.activations.sigmoids import AnySigmoid
from nnkit.nn.activations.smooth import AnySmooth
from nnkit.nn.activations.softmax import AnyExponential
from nnkit.nn.activations.thresholds import AnyThreshold

AnyActivation = Annotated[
    Identity
    | AnyThreshold
    | AnySigmoid
    | AnyRectifier
    | AnyExponentialLinear
    | AnySmooth
    | AnyExponential
    | Maxout,
    Tagged(),
]
