"""Predictions in the forms that metrics and people want: decisions, probabilities, scores."""

from __future__ import annotations

import numpy as np

from nnkit.metrics.metric import Answer
from nnkit.nn.layer import Activation
from nnkit.nn.losses import Loss
from nnkit.nn.params import Array

LOGARITHMS = frozenset({"log_softmax"})  # output activations that give ln of probabilities


def answers(outputs: Array, form: Answer, loss: Loss, activation: Activation) -> Array:
    """A network's outputs (n, outputs) in the form that a metric takes.

    Args:
        outputs: as the network gives them.
        form: which.
        loss: that the network was trained by.
        activation: of the output.
    """
    if form == "decisions":
        return decide(outputs, loss)
    numbers = outputs.astype(np.float64)
    if form == "outputs":
        return numbers
    if gives_probabilities(activation):
        return _probabilities(numbers, logarithms=activation.tag() in LOGARITHMS)
    assert form == "scores"
    if numbers.shape[1] > 2:
        return numbers
    yes = numbers[:, -1:] - (numbers[:, :1] if numbers.shape[1] == 2 else 0)
    return np.hstack([-yes, yes])


def gives_probabilities(activation: Activation) -> bool:
    """Whether an output activation gives probabilities of classes, or their logarithms."""
    return activation.probability or activation.tag() in LOGARITHMS


def _probabilities(numbers: Array, *, logarithms: bool) -> Array:
    """(n, classes), rows that sum to 1, from (n, outputs); one output alone is the second class's.

    Of outputs that are each a probability of its own the sum is brought to 1.
    """
    if logarithms:
        numbers = np.exp(numbers)
    if numbers.shape[1] == 1:
        return np.hstack([1 - numbers, numbers])
    total = numbers.sum(axis=1, keepdims=True)
    return np.where(total > 0, numbers / np.where(total > 0, total, 1), 1 / numbers.shape[1])


def decide(outputs: Array, loss: Loss) -> Array:
    """Class numbers (n,) from outputs (n, outputs): the largest, or yes past the middle."""
    if outputs.shape[1] > 1:
        return np.argmax(outputs, axis=1)
    middle = 0.0 if loss.coding == "signed" else 0.5
    return (outputs[:, 0] > middle).astype(np.int64)


def confidence(outputs: Array, numbers: Array) -> Array:
    """The probability (n,) given to each decided class, from probabilities (n, outputs)."""
    if outputs.shape[1] == 1:
        return np.where(numbers == 1, outputs[:, 0], 1 - outputs[:, 0])
    return np.take_along_axis(outputs, numbers[:, None], axis=1)[:, 0]
