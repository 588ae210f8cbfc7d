"""Initial weights taken from the checkpoint of another run, for fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nnkit.errors import CheckpointError, SettingError
from nnkit.nn.model import Model
from nnkit.runs.checkpoint import Checkpoint, read_checkpoint
from nnkit.runs.directory import find_checkpoint
from nnkit.runs.header import read_header
from nnkit.task.config import StartFrom

SETTING = ("training", "start_from")
MOST_NAMES = 5  # parameters named in a message


def start_checkpoint(start: StartFrom) -> Path:
    """The file to start from: the checkpoint itself, or the best one of a run's folder.

    Raises:
        SettingError: there is none.
    """
    try:
        return find_checkpoint(start.checkpoint)
    except CheckpointError:
        message = f"{start.checkpoint}: no such checkpoint or run folder"
        raise SettingError(SETTING, message, exit_code=3) from None


def start_digest(start: StartFrom) -> str:
    """The checksum of the checkpoint to start from.

    Raises:
        SettingError: the checkpoint is missing or damaged.
    """
    try:
        return str(read_header(start_checkpoint(start)).get("sha256"))
    except CheckpointError as error:
        raise SettingError(SETTING, str(error), exit_code=3) from None


def take_weights(start: StartFrom, model: Model) -> list[str]:
    """Copies parameters and running state from a checkpoint into a model, by name.

    Returns:
        Notices: where the weights come from, and which parameters keep their initial values.

    Raises:
        SettingError: the checkpoint is missing or damaged, or parameters differ in their shapes
            although the config does not allow it.
    """
    path = start_checkpoint(start)
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        raise SettingError(SETTING, str(error), exit_code=3) from None
    kept = list(_copy_matching(checkpoint, model))
    if not kept:
        return [f"initial weights: those of {path}"]
    if len(kept) == len(model.layout.views(model.params)):
        raise SettingError(SETTING, f"{path}: no parameter has the shape of one of this network")
    shown = "; ".join(kept[:MOST_NAMES]) + (
        f"; … ({len(kept)} in all)" if kept[MOST_NAMES:] else ""
    )
    if start.mismatched == "error":
        raise SettingError(
            SETTING,
            f"{path} does not fit this network: {shown}; with `mismatched: initialize` these "
            "parameters get initial values, and the others are taken",
        )
    return [f"initial weights: those of {path}, except for {shown}"]


def _copy_matching(checkpoint: Checkpoint, model: Model) -> Iterator[str]:
    """Copies what has the same name and shape; yields a description of each other parameter."""
    for part, layout, flat in (
        ("state", model.state_layout, model.state),
        ("params", model.layout, model.params),
    ):
        saved = checkpoint.part(part)
        for name, view in layout.views(flat).items():
            if name in saved and saved[name].shape == view.shape:
                view[...] = saved[name]
            elif part == "params":
                there = f"{saved[name].shape} there" if name in saved else "absent there"
                yield f"{name} ({there}, {view.shape} here)"
