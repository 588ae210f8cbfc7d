"""The comparison of translations with copies of their sources, and what to do if it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nnkit.inference.trivial_baseline import figures_of_copies
from nnkit.metrics import METRICS_OF
from nnkit.nn.layers.dropout import Dropout
from nnkit.task.config import DEFAULT_EPOCHS, Config
from nnkit.task.prepared_set import PreparedSet

COMPARED = "chrf"  # of all metrics of texts the one that also tells poor translations apart
MEMORIZED = 1.0  # nats by which the loss is higher than on the training set
LONGER = 3  # times as many epochs
CONFIG = "CONFIG"  # stands for the file of a config that is not known
MORE_DROPOUT = 0.5


def copying_warning(
    config: Config,
    data: PreparedSet,
    split: str,
    figures: Mapping[str, float],
    training_loss: float | None = None,
) -> str | None:
    """A warning that a network translates worse than copying the source would; None if it does not.

    The command on its last line is worth trying: more epochs; or, if the network has memorized its
    training set, more dropout.

    Args:
        config: the config.
        data: the evaluated set.
        split: its name.
        figures: the metrics of the network on it.
        training_loss: the loss on the training set; None if it is not known.
    """
    if data.writing is None or COMPARED not in figures:
        return None
    copied = figures_of_copies(data.writing, [METRICS_OF["texts"][COMPARED]])[COMPARED]
    reached = figures[COMPARED]
    if reached > copied or reached == copied == 0:
        return None
    compared = "no better" if reached == copied else "worse"
    return (
        f"the network is {compared} than copying the source: {split}.{COMPARED} is {reached:.4g} "
        f"instead of {copied:.4g}; {_advice(config, split, figures['loss'], training_loss)}"
    )


def _advice(config: Config, split: str, loss: float, training_loss: float | None) -> str:
    """The next thing to try, with its command."""
    if training_loss is None or loss < training_loss + MEMORIZED or split == "train":
        length, unit = _length(config)
        return f"train it longer:\n{_command(config)} --set training.{unit}={LONGER * length}"
    memorized = (
        f"it has memorized its training set, where the loss is {training_loss:.4g} instead of "
        f"{loss:.4g}: more pairs help most"
    )
    dropouts = "".join(f" --set {path}={MORE_DROPOUT}" for path in _dropouts(config))
    return f"{memorized}, then dropout:\n{_command(config)}{dropouts}" if dropouts else memorized


def _length(config: Config) -> tuple[int, str]:
    """The length of training, and its unit."""
    training = config.training
    if training.steps is not None:
        return training.steps, "steps"
    return training.epochs or DEFAULT_EPOCHS, "epochs"


def _command(config: Config) -> str:
    """The command that trains by the config again."""
    document = config.document
    place = None if document is None else document.mark.file
    return f"nnkit train {place if place is not None and Path(place).is_file() else CONFIG}"


def _dropouts(config: Config) -> list[str]:
    """The settings of weak dropout between the layers of the encoder and the decoder."""
    architecture = config.architecture
    return [
        f"architecture.{part}.{i}.dropout.rate"
        for part in ("encoder", "decoder")
        for i, layer in enumerate(getattr(architecture, part))
        if isinstance(layer, Dropout) and layer.rate < MORE_DROPOUT
    ]
