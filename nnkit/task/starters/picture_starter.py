"""Starter configs for folders of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnkit.data.sources.image_folder import ImageFolder
from nnkit.errors import DataError
from nnkit.task.starters.dataset_parts import dataset_parts, outline, targets_in_words
from nnkit.task.starters.rendering import counted, fill_template, paths_in_config, source_setting
from nnkit.task.starters.starter import Starter


def starter_for_pictures(files: Mapping[str, Path], folder: Path) -> Starter:
    """A starter config for folders of pictures, with a folder for each class.

    Args:
        files: the folders by the names of their settings; `path` is that for training.
        folder: the folder of the config.

    Raises:
        DataError: there are no pictures.
    """
    source = ImageFolder.model_validate({name: str(path) for name, path in files.items()})
    settings: dict[str, Any] = {
        "kind": "image_folder",
        **paths_in_config(files, folder),
        "size": [28, 28],
    }
    reasons: dict[tuple[str, ...], str] = {}
    try:
        dataset = outline(source)
    except DataError:  # which pictures that cannot be read may have caused
        dataset = outline(source.model_copy(update={"unreadable": "drop"}))
        settings["unreadable"] = "drop"
        reasons["unreadable",] = "some pictures cannot be read; `nnkit data check` names them"
    parts = {
        "source": source_setting(settings, reasons),
        "samples": counted(len(dataset.samples), "picture"),
        "steps": "scale",
        **dataset_parts(dataset),
    }
    remarks = (targets_in_words(dataset), *dataset.notices)
    return Starter(fill_template("pictures", parts), remarks=remarks)
