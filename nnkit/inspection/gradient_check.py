"""The gradient check of a config's network, on a batch of its training data."""

from __future__ import annotations

import numpy as np

from nnkit.data.dataset import Samples
from nnkit.errors import UsageError
from nnkit.nn.central_differences import BlockCheck, check_model
from nnkit.nn.numerics import execution_for
from nnkit.random import generator
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.task_loading import load_task


def check_gradients(config: ConfigLike, samples: int = 8) -> list[BlockCheck]:
    """Checks every gradient of the config's network in float64.

    Noise is added to the initial weights and biases, because at zero many gradients vanish and
    would not be tested. Noise is also added to images: in a uniform margin all values of a pooling
    window are equal, so that the maximum is not differentiable.

    Args:
        config: a config from `load_config`, or what it takes; its network, loss and data are used.
        samples: the batch size.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
    """
    config = load_config(config)
    with config.locating():
        task = load_task(config)
        model = task.build_model(dtype="float64")
        model.execution = execution_for(model, samples, threads=1)
        if samples < 2 and any(stage.spec.needs_batch for stage in model.stages):
            raise UsageError("batch normalization compares samples; check it on 2 or more")
        train = task.sets["train"]
        chosen = generator(config.seed, "gradcheck").permutation(len(train))[:samples]
        weights = None if train.weights is None else train.weights[chosen]
        batch = Samples(train.inputs[chosen], train.targets[chosen], weights)
        data = task.prepare(batch, model)
    nudge = generator(config.seed, "gradcheck/nudge")
    model.params += 0.05 * nudge.standard_normal(model.layout.size)
    whole = data.batch(slice(0, len(data)))
    X, T = np.array(whole.X), whole.T
    if any(stage.spec.has_kinks for stage in model.stages):
        X += 0.01 * nudge.standard_normal(X.shape)
    with np.errstate(all="ignore"):
        return check_model(model, X, T, whole.weights, config.seed, lengths=whole.lengths)
