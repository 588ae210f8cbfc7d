"""The network and the length of training of a starter config, by the size of the data."""

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


def suitable_network(samples: int, width: int, classes: int | None) -> StarterNetwork:
    """A network that suits the number of samples.

    Args:
        samples: the number of samples.
        width: the number of inputs.
        classes: the number of classes; None for numbers.
    """
    batch_size = 32 if samples < MANY else 256
    epochs, patience = (300, 60) if samples < FEW else (100, 20) if samples < MANY else (30, 5)
    return StarterNetwork(
        hidden=32 if samples < FEW else 64,
        optimizer={"kind": "adam", "lr": 0.003},
        regularization={"l2": 0.001, "early_stopping": patience},
        training={"epochs": epochs, "batch_size": batch_size},
    )
