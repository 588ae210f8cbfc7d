"""Network outputs in the forms that metrics and users need: decisions, probabilities, scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.data.ragged import Ragged
from nnkit.metrics.metric import PredictionForm
from nnkit.nn.activation import Activation
from nnkit.nn.loss import Loss
from nnkit.nn.params import Array


def predictions(
    outputs: Array,
    form: PredictionForm,
    loss: Loss,
    activation: Activation,
    threshold: float | None = None,
) -> Array:
    """Converts a network's outputs (n, outputs) to the form that a metric takes.

    Args:
        outputs: the network's outputs.
        form: the required form.
        loss: the loss that the network was trained with.
        activation: the output activation.
        threshold: the decision threshold of two classes; None for the usual one.
    """
    if form == "decisions":
        return decide(outputs, loss, activation, threshold)
    numbers = outputs.astype(np.float64)
    if form == "outputs":
        return numbers
    if gives_probabilities(activation):
        return _probabilities(numbers, logarithms=activation.log_probability)
    assert form == "scores"
    if numbers.shape[1] > 2:
        return numbers
    yes = numbers[:, -1:] - (numbers[:, :1] if numbers.shape[1] == 2 else 0)
    return np.hstack([-yes, yes])


def label_predictions(outputs: Array, form: PredictionForm, loss: Loss) -> Array:
    """Converts outputs (n, labels) for yes/no labels to decisions, 0 or 1, or to scores."""
    return decide_labels(outputs, loss) if form == "decisions" else outputs.astype(np.float64)


def gives_probabilities(activation: Activation) -> bool:
    """Whether an output activation gives class probabilities or their logarithms."""
    return activation.probability or activation.log_probability


def _probabilities(numbers: Array, *, logarithms: bool) -> Array:
    """Class probabilities (n, classes) from outputs (n, outputs); each row sums to 1.

    A single output is the probability of the second class. Independent probabilities per class
    are normalized.
    """
    if logarithms:
        numbers = np.exp(numbers)
    if numbers.shape[1] == 1:
        return np.hstack([1 - numbers, numbers])
    total = numbers.sum(axis=1, keepdims=True)
    return np.where(total > 0, numbers / np.where(total > 0, total, 1), 1 / numbers.shape[1])


def positive_scores(outputs: Array, activation: Activation) -> Array:
    """Scores (n,) of the second of two classes: its probability, or else the output.

    Two outputs that are no probabilities give their difference.
    """
    numbers = outputs.astype(np.float64)
    if gives_probabilities(activation):
        return _probabilities(numbers, logarithms=activation.log_probability)[:, 1]
    scores: Array = numbers[:, -1] - (numbers[:, 0] if numbers.shape[1] == 2 else 0)
    return scores


def default_threshold(outputs: int, loss: Loss, activation: Activation) -> float:
    """The threshold of `positive_scores` without which `decide` makes the same decisions.

    Args:
        outputs: the number of outputs, 1 or 2.
        loss: the loss, whose codes of no and yes a single output estimates.
        activation: the output activation.
    """
    if gives_probabilities(activation):
        return 0.5
    return 0.0 if outputs == 2 or loss.coding == "signed" else 0.5


def decide(
    outputs: Array, loss: Loss, activation: Activation, threshold: float | None = None
) -> Array:
    """Class numbers (n,) from outputs (n, outputs).

    Without a threshold: argmax, or the middle between both codes for a single output.

    Args:
        outputs: the network's outputs.
        loss: the loss that the network was trained with.
        activation: the output activation.
        threshold: the score above which the second of two classes is predicted.
    """
    if threshold is not None:
        return (positive_scores(outputs, activation) > threshold).astype(np.int64)
    if outputs.shape[1] > 1:
        return np.argmax(outputs, axis=1)
    return decide_labels(outputs, loss)[:, 0]


def decide_labels(outputs: Array, loss: Loss) -> Array:
    """Decisions 0 or 1, (n, labels), from outputs (n, labels) by a threshold between the codes."""
    middle = 0.0 if loss.coding == "signed" else 0.5
    return (outputs > middle).astype(np.int64)


def confidence(outputs: Array, numbers: Array) -> Array:
    """The probability (n,) of each predicted class, from probabilities (n, outputs)."""
    if outputs.shape[1] == 1:
        return np.where(numbers == 1, outputs[:, 0], 1 - outputs[:, 0])
    return np.take_along_axis(outputs, numbers[:, None], axis=1)[:, 0]


def named(sequences: Ragged, names: Sequence[str]) -> list[list[str]]:
    """Sequences of class numbers as lists of names."""
    return [[names[number] for number in each.tolist()] for each in sequences.each()]


def sequence_predictions(
    outputs: Array,
    form: PredictionForm,
    targets: Ragged,
    names: Sequence[str],
    activation: Activation,
) -> list[Any]:
    """Converts outputs at all positions to the form that a metric of sequences takes.

    Args:
        outputs: the outputs, one sequence after the other, (Σ lengths, outputs).
        form: the required form: names, or the logarithms of the probabilities of the targets.
        targets: the class numbers of the targets.
        names: the names of the classes.
        activation: the output activation.

    Returns:
        For each sequence the names of the likeliest classes, or an array (length,).
    """
    offsets = np.cumsum([0, *targets.lengths])
    if form == "decisions":
        return named(Ragged.of(np.argmax(outputs, axis=1), offsets), names)
    of_targets = outputs[np.arange(len(outputs)), targets.flat()].astype(np.float64)
    if not activation.log_probability:
        of_targets = np.log(np.maximum(of_targets, np.finfo(np.float64).tiny))
    return Ragged.of(of_targets, offsets).each()
