"""The network and the length of training of a starter config, by the number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FEW, MANY = 500, 20_000  # samples


@dataclass(frozen=True, slots=True)
class StarterNetwork:
    """A network with one hidden layer, and how it is trained.

    Attributes:
        hidden: units of the hidden layer.
        validation: the share of samples to hold out for early stopping; 0 for none.
        optimizer: the optimizer's settings.
        regularization: settings of regularization.
        training: settings of training.
    """

    hidden: int
    validation: float
    optimizer: dict[str, Any]
    regularization: dict[str, Any]
    training: dict[str, Any]


def suitable_network(samples: int) -> StarterNetwork:
    """A network that suits a number of samples.

    The settings were chosen on the public tables of `benchmarks/tables.py`. With few samples, the
    loss on a tenth of them is too noisy to stop by, and the tenth is missed in training. Instead,
    the number of epochs is fixed, the weights are kept small, and the learning rate falls to 0.
    """
    if samples < FEW:
        return StarterNetwork(
            hidden=64,
            validation=0,
            optimizer={"kind": "adam", "lr": 0.003, "schedule": "cosine"},
            regularization={"l2": 0.01},
            training={"epochs": 200, "batch_size": 32},
        )
    if samples < MANY:
        l2, epochs, patience, batch_size = 0.001, 100, 20, 32
    else:
        l2, epochs, patience, batch_size = 0.0001, 30, 5, 256
    return StarterNetwork(
        hidden=64,
        validation=0.1,
        optimizer={"kind": "adam", "lr": 0.003},
        regularization={"l2": l2, "early_stopping": patience},
        training={"epochs": epochs, "batch_size": batch_size},
    )
