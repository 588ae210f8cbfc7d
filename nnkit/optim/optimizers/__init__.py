"""The optimizers, a file for each family, which ends in the union of its members."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.optim.optimizers.adagrad import AnyAdagrad
from nnkit.optim.optimizers.adam import AnyAdam
from nnkit.optim.optimizers.lbfgs import LBFGS
from nnkit.optim.optimizers.lion import Lion
from nnkit.optim.optimizers.sgd import AnySGD

AnyOptimizer = Annotated[
    AnySGD | AnyAdagrad | AnyAdam | Lion | LBFGS,
    Tagged(default="adam"),
]
