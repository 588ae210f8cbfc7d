"""A comparison of a network with the best constant prediction, which it should beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log

import numpy as np

from nnkit.inference.copying import copying_warning
from nnkit.inference.evaluation import EVALUATION_BATCH, width_of
from nnkit.inference.trivial_baseline import trivial_baseline
from nnkit.metrics import METRICS_OF
from nnkit.metrics.metric import TargetKind
from nnkit.nn.loss import ClassLoss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.passes import Observer
from nnkit.task.constant_prediction import constant_prediction
from nnkit.task.prepared_set import PreparedSet, pass_of
from nnkit.task.targets import Targets
from nnkit.task.task import Task

TOO_CERTAIN = 10  # times the cross-entropy of equal probabilities
COMPARED: dict[TargetKind, str] = {
    "classes": "accuracy",
    "labels": "accuracy",
    "numbers": "r2",
    "sequences": "token_accuracy",
}


def constant_prediction_warning(
    task: Task,
    model: Model,
    data: PreparedSet,
    split: str,
    figures: Mapping[str, float],
    train_targets: Callable[[], Targets],
    training_loss: float | None = None,
) -> str | None:
    """A warning that a network is no better than a constant prediction; None if it is better.

    A network with a decoder is compared with copying the source instead. Of a forecast, it also
    says that it is worse than repeating the last value; of a tagger, than the most frequent tag of
    each word; of a classifier with cross-entropy, that it is certain where it is wrong. Nothing is
    said about autoencoders, nor if class weights or a decision threshold ask for more than
    accuracy.

    Args:
        task: the task.
        model: the network.
        data: the evaluated set.
        split: the name of the set.
        figures: the metrics of the network on it.
        train_targets: gives those of the training set, of which the constant prediction is made;
            called only if there is one.
        training_loss: the loss on the training set; None if it is not known.
    """
    config = task.config
    if config.data.targets == "inputs" or config.activation.threshold is not None:
        return None
    if config.architecture.decoder:  # no constant text is a baseline for translations
        return copying_warning(config, data, split, figures, training_loss)
    if isinstance(config.loss, ClassLoss) and config.loss.class_weights is not None:
        return None
    constant = constant_prediction(train_targets())
    kind = task.target_kind
    name = COMPARED[kind]
    reached, least = figures[name], _of_constant(name, data, constant, width_of(model, data))
    if reached > least or reached == 1 or (kind == "numbers" and reached == least):
        return _worse_than_baseline(task, data, split, figures) or _wrongly_certain(
            task, split, figures
        )
    remedy = ""
    if kind == "numbers" and not config.data.target.scales:
        remedy = "; try data.target: standardize"
    elif (layer := constant_layer(model, data)) is not None:
        remedy = (
            f"; the output of {layer} is the same for every sample, so no gradient passes it: try "
            "a smaller optimizer.lr, activation.hidden: leaky_relu, or another seed"
        )
    described, value = _described(task, constant), _shown(name, reached)
    if reached == least:
        return (
            f"the network is no better than always predicting {described}: {split}.{name} is "
            f"{value} in both cases{remedy}"
        )
    return (
        f"the network is worse than always predicting {described}: {split}.{name} is {value} "
        f"instead of {_shown(name, least)}{remedy}"
    )


def _worse_than_baseline(
    task: Task, data: PreparedSet, split: str, figures: Mapping[str, float]
) -> str | None:
    """Says that a forecast or a tagger is worse than its baseline; None if not, or for others."""
    if task.coding is not None and not data.are_tags:
        return None
    baseline = trivial_baseline(task, data, split)
    name = COMPARED[task.target_kind]
    if baseline is None or figures[name] >= baseline.figures[name]:
        return None
    return (
        f"the network is worse than {baseline.model}: {split}.{name} is "
        f"{_shown(name, figures[name])} instead of {_shown(name, baseline.figures[name])}"
    )


def _wrongly_certain(task: Task, split: str, figures: Mapping[str, float]) -> str | None:
    """Says that a cross-entropy is far above that of equal probabilities; None if it is not."""
    if task.target_kind != "classes" or not isinstance(task.config.loss, CrossEntropy):
        return None
    loss, equal = figures.get("loss", 0.0), log(len(task.classes or ()))
    if not loss > TOO_CERTAIN * equal:
        return None
    return (
        f"the network is certain where it is wrong: {split}.loss is {loss:.4g}, but {equal:.4g} if "
        "all classes are given the same probability; try a smaller optimizer.lr"
    )


def constant_layer(model: Model, data: PreparedSet) -> str | None:
    """The first layer whose output is the same for all of up to 1,000 different samples, if any.

    This is so if all its rectified units are dead, that is, 0 for every sample (Lu et al. 2020,
    "Dying ReLU and Initialization").
    """
    batch = data.batch(next(data.parts(EVALUATION_BATCH)))
    X = batch.X
    if _is_constant(X):
        return None
    search = _ConstantSearch()
    positions = model.input_form.positions_of(X.shape[:-1])
    with numerics(), model.lent(X.shape[-1], positions=positions) as network:
        network.forward(X, pass_of(batch, training=False)._replace(observer=search))
    return search.found


class _ConstantSearch(Observer):
    """Remembers the first layer whose output is the same for all samples."""

    def __init__(self) -> None:
        self.found: str | None = None

    def output(self, name: str, Y: Array) -> None:
        if self.found is None and _is_constant(Y):
            self.found = name


def _is_constant(Y: Array) -> bool:
    """Whether all samples of a batch (..., N) are equal."""
    return bool((Y[..., :1] == Y).all())


def _described(task: Task, constant: Array) -> str:
    if task.classes is not None:
        what = "class" if task.sample_classes is not None else "symbol"
        return f"'{task.classes[int(constant)]}', the most frequent {what}"
    if task.target_kind == "labels":
        return "the more frequent value of each label"
    return "the training mean"


def _shown(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name.endswith("accuracy") else f"{value:.4g}"


def _of_constant(name: str, data: PreparedSet, constant: Array, width: int) -> float:
    """The value of a metric on a set for a constant prediction."""
    if data.targets.kind == "sequences":
        return float(np.mean(data.targets[:] == constant))
    metric = METRICS_OF[data.targets.kind][name]
    statistic = metric.statistic(width)
    for part in data.parts(EVALUATION_BATCH):
        targets = data.targets[part]
        weights = np.ones(len(targets)) if data.counted is None else np.asarray(data.counted[part])
        statistic.add(targets, np.broadcast_to(constant, targets.shape), weights)
    return metric.of(statistic)
