"""Starter configs for arrays: archives of several, and pairs of files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.data.dataset import Dataset
from nnkit.data.sources.arrays import Npy, Npz, archive_names
from nnkit.errors import DataError
from nnkit.task.starters.dataset_parts import (
    dataset_parts,
    outline,
    range_remarks,
    targets_in_words,
)
from nnkit.task.starters.rendering import (
    counted,
    fill_template,
    path_in_config,
    paths_in_config,
    source_setting,
)
from nnkit.task.starters.starter import Starter

SMALLEST_IMAGE = 8  # pixels of the shorter side, which is halved twice
# Names of inputs, and of the targets that belong to them: of arrays, or of files.
PAIRS = (
    ("inputs", "targets"),
    ("X", "y"),
    ("x", "y"),
    ("data", "target"),
    ("images", "labels"),
    ("X_train", "y_train"),
    ("x_train", "y_train"),
)


def starter_for_archive(files: Mapping[str, Path], folder: Path) -> Starter:
    """A starter config for `.npz` archives.

    Args:
        files: the archives by the names of their settings; `path` is that for training.
        folder: the folder of the config.

    Raises:
        DataError: an archive is missing or not valid, or has no arrays of the usual names.
    """
    path = files["path"]
    names = archive_names(path)
    for inputs, targets in PAIRS:
        if inputs in names and targets in names:
            arrays = {"inputs": inputs, "targets": targets}
            break
    else:
        expected = ", ".join(f"{inputs} and {targets}" for inputs, targets in PAIRS)
        raise DataError(f"{path}: contains {', '.join(names)}; expected arrays named {expected}")
    test = {
        key: name.removesuffix("_train") + "_test"
        for key, name in (("test_inputs", inputs), ("test_targets", targets))
    }
    if set(test.values()) <= set(names) and "test" not in files:
        arrays |= test
    source = Npz.model_validate({**{name: str(file) for name, file in files.items()}, **arrays})
    settings = {"kind": "npz", **paths_in_config(files, folder), **arrays}
    return _starter_for_arrays(outline(source), settings)


def starter_for_npy(path: Path, folder: Path) -> Starter:
    """A starter config for a `.npy` file of inputs, with that of its targets beside it.

    Args:
        path: the inputs.
        folder: the folder of the config.

    Raises:
        DataError: a file is missing or not valid.
    """
    place = path_in_config(path, folder)
    for inputs, targets in PAIRS:
        other = path.with_name(path.name.replace(inputs, targets, 1))
        if inputs in path.name and other.exists():
            source = Npy(inputs=str(path), targets=str(other))
            beside = str(Path(place).with_name(other.name))
            settings = {"kind": "npy", "inputs": place, "targets": beside}
            return _starter_for_arrays(source.load(), settings)
    raise DataError(
        f"{path}: no targets found beside it; name the files such as inputs.npy and targets.npy, "
        "or X.npy and y.npy"
    )


def _starter_for_arrays(dataset: Dataset, settings: Mapping[str, Any]) -> Starter:
    shape = dataset.input_shape
    pictures = len(shape) == 3 and min(shape[1:]) >= SMALLEST_IMAGE
    grey = dataset.samples.inputs.dtype == np.uint8
    form = _form_in_words(shape, pictures=pictures, grey=grey)
    parts = {
        "source": source_setting(settings, {("inputs",): form} if form else {}),
        "samples": counted(len(dataset.samples), "sample"),
        "rows": counted(len(dataset.samples), "sample"),
        "inputs": counted(math.prod(shape), "input"),
        "steps": "scale" if grey else "standardize",
        **dataset_parts(dataset),
    }
    text = fill_template("pictures" if pictures else "vectors", parts)
    if len(shape) > 1 and not pictures:
        text = text.replace("    - dense:", "    - flatten\n    - dense:", 1)
    remarks = (f"inputs: {form}",) if form else ()
    return Starter(text, remarks=(*remarks, targets_in_words(dataset), *range_remarks(dataset)))


def _form_in_words(shape: tuple[int, ...], *, pictures: bool, grey: bool) -> str | None:
    """Says what samples of a shape (channels, …) are taken for, and the layers for sequences.

    An array (n, a, b) may contain pictures, or sequences with the steps along either axis.
    """
    if len(shape) != 3:
        return None
    channels, height, width = shape
    if pictures and (channels > 1 or grey):
        return f"taken as pictures of {height} × {width} pixels with {counted(channels, 'channel')}"
    taken = f"grey pictures of {height} × {width} pixels"
    if not pictures:
        taken = f"{math.prod(shape):,} separate numbers"
    if channels > 1:
        return f"taken as {taken}"
    layers = "gru: 64, dense: 64, dense: auto]"
    return (
        f"taken as {taken}; for sequences of {height} steps with {counted(width, 'number')} each, "
        f"let the layers be [rows, {layers}, for {width} steps with {counted(height, 'number')} "
        f"each [reshape: [{height}, {width}], {layers}"
    )
