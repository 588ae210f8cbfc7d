"""The error that a loss is NaN or infinite, with the place where this begins."""

from __future__ import annotations

import numpy as np

from nnkit.data.batches import Batch
from nnkit.errors import DivergedError
from nnkit.nn.model import Model
from nnkit.nn.passes import Pass


def diverged_error(model: Model, batch: Batch, now: Pass, step: int, loss: float) -> DivergedError:
    """The error that a batch's loss is not finite, which names the first such place.

    Args:
        model: the model.
        batch: the batch.
        now: the pass that computed the loss.
        step: the number of the step, from 1.
        loss: the loss.
    """
    return DivergedError(
        f"the loss became {loss} at step {step}; "
        f"the first NaN or infinity is in {_first_nonfinite(model, batch, now)}"
    )


def _first_nonfinite(model: Model, batch: Batch, now: Pass) -> str:
    """The first layer, or a block of parameters, that holds a NaN or infinity."""
    for name, block in model.layout.views(model.params).items():
        if not np.isfinite(block).all():
            return f"the parameters {name}"
    X = batch.X
    positions = model.input_form.positions_of(X.shape[:-1])
    network = model.network(X.shape[-1], positions, batch.before, batch.after)
    places = model.ranks.gather(network.first_nonfinite(X, batch.T, now))
    return next(filter(None, places), f"the loss {model.loss.tag()}")
