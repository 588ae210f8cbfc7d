"""The losses, a file for each family, which ends in the union of its members."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from nnkit.nn.losses.cross_entropy import AnyCrossEntropy
from nnkit.nn.losses.focal import AnyFocal
from nnkit.nn.losses.margin_losses import AnyMarginLoss
from nnkit.nn.losses.regression_losses import AnyRegressionLoss

AnyLoss = Annotated[
    AnyRegressionLoss | BinaryCrossEntropy | AnyCrossEntropy | AnyFocal | AnyMarginLoss, Tagged()
]
