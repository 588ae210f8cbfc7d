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
        optimizer: the optimizer's settings.
        regularization: settings of regularization.
        training: settings of training.
    """

    hidden: int
    optimizer: dict[str, Any]
    regularization: dict[str, Any]
    training: dict[str, Any]


def suitable_network(samples: int) -> StarterNetwork:
    """A network that suits a number of samples.

    The settings were chosen on the public tables of `benchmarks/tables.py`. With few samples,
    the loss on the even fewer validation samples is noisy: the weights are kept smaller, and
    patience is larger.
    """
    if samples < FEW:
        hidden, l2, epochs, patience, batch_size = 32, 0.01, 300, 60, 32
    elif samples < MANY:
        hidden, l2, epochs, patience, batch_size = 64, 0.001, 100, 20, 32
    else:
        hidden, l2, epochs, patience, batch_size = 64, 0.0001, 30, 5, 256
    return StarterNetwork(
        hidden,
        optimizer={"kind": "adam", "lr": 0.003},
        regularization={"l2": l2, "early_stopping": patience},
        training={"epochs": epochs, "batch_size": batch_size},
    )
