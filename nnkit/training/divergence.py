"""The likely cause of a divergence, by what is measured, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnkit.data.dataset import CHUNK
from nnkit.data.preprocessing.feature_scaling import MinMax, Rescale, Standardize
from nnkit.nn.batch_axis import batch_first
from nnkit.task.prepared_set import pass_of
from nnkit.task.targets import NumberTargets
from nnkit.task.task import Task
from nnkit.training.trainer import Trainer

LARGE = 10.0  # absolute inputs, and mean and deviation of targets, above which training suffers
OUTLYING = 30.0  # absolute standardized inputs that are far from all others
STEEP = 10.0  # norm of the first gradient from which clipping is worth a try


@dataclass(frozen=True, slots=True)
class Measurements:
    """Magnitudes that decide whether training converges, over the first training samples.

    Attributes:
        lowest: the smallest input, preprocessed; None for texts.
        highest: the largest input, preprocessed; None for texts.
        feature: the name of the table column that has the largest absolute input; None if the data
            is no table.
        targets: mean and standard deviation of the target that has the largest of either, as the
            loss takes it; None for classes.
        lr: the learning rate at the divergence.
        gradient: the norm of the first batch's gradient at the initial weights.
    """

    lowest: float | None
    highest: float | None
    feature: str | None
    targets: tuple[float, float] | None
    lr: float
    gradient: float

    def __str__(self) -> str:
        parts = []
        if self.lowest is not None:
            parts.append(f"inputs from {self.lowest:.3g} to {self.highest:.3g}")
        if self.targets is not None:
            mean, deviation = (round(value, 6) for value in self.targets)
            parts.append(f"targets with mean {mean:.3g} and standard deviation {deviation:.3g}")
        parts += [f"learning rate {self.lr:.3g}", f"norm of the first gradient {self.gradient:.3g}"]
        return ", ".join(parts)


def diagnosis(trainer: Trainer) -> str:
    """Two lines: what was measured, and the setting to change."""
    found = measure(trainer)
    return f"measured: {found}\ntry {', or '.join(remedies(trainer.task, found))}"


def measure(trainer: Trainer) -> Measurements:
    """Measures the inputs and targets of the first training samples, and the first gradient."""
    loop, train = trainer.loop, trainer.sets["train"]
    size = train.inputs.size
    some = next(train.parts(max(1, CHUNK * len(train) // max(1, size))))
    X = batch_first(np.asarray(train.batch(some).X))
    is_real = not trainer.model.input_form.ids
    columns = trainer.task.preprocessor.columns_after
    extreme = np.abs(X.reshape(len(X), -1)).max(axis=0)
    return Measurements(
        lowest=float(X.min()) if is_real else None,
        highest=float(X.max()) if is_real else None,
        feature=columns[int(extreme.argmax())].name if columns else None,
        targets=_moments(train.targets, some) if isinstance(train.targets, NumberTargets) else None,
        lr=loop.learning_rate(loop.progress.step),
        gradient=_first_gradient(trainer),
    )


def remedies(task: Task, found: Measurements) -> Iterator[str]:
    """Yields what removes the measured causes, most likely first, without what the config has."""
    optimizer = task.config.optimizer
    causes = [*_scales(task, found)]
    yield from causes
    if not causes:
        yield f"a smaller optimizer.lr, such as {optimizer.lr / 10:.2g}"
        if optimizer.clip is None and not optimizer.full_batch and found.gradient > STEEP:
            yield "optimizer.clip: {global_norm: 1}"


def _scales(task: Task, found: Measurements) -> Iterator[str]:
    """Yields the settings that scale targets and inputs that are far from unit scale."""
    data = task.config.data
    if (
        found.targets is not None
        and max(map(abs, found.targets)) > LARGE
        and not data.target.scales
    ):
        yield "data.target: standardize"
    if found.lowest is None or found.highest is None:
        return
    largest = max(-found.lowest, found.highest)
    if not any(isinstance(step, Rescale | MinMax | Standardize) for step in data.preprocess):
        if largest > LARGE:
            images = task.sets["train"].inputs.dtype == np.uint8
            yield f"data.preprocess: [{'scale' if images else 'standardize'}]"
    elif largest > OUTLYING and found.feature is not None:
        yield f"correcting outliers of column '{found.feature}', up to {largest:.3g} when scaled"


def _moments(targets: NumberTargets, some: slice) -> tuple[float, float]:
    T = targets.coded(some).astype(np.float64)
    mean, deviation = T.mean(axis=0), T.std(axis=0)
    worst = int(np.maximum(np.abs(mean), deviation).argmax())
    return float(mean[worst]), float(deviation[worst])


def _first_gradient(trainer: Trainer) -> float:
    """The norm of the gradient of the first batch at the initial weights."""
    model = trainer.initial_model()
    batch = next(trainer.loop.batches.epoch(0))
    positions = model.input_form.positions_of(batch.X.shape[:-1])
    network = model.network(batch.X.shape[-1], positions)
    now = pass_of(batch, training=True)
    network.loss_and_gradient(batch.X, batch.T, now, batch.weights)
    return float(np.linalg.norm(model.grads.astype(np.float64)))
