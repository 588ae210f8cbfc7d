"""Checks a config's data and describes it: `nnkit data check`."""

from __future__ import annotations

from math import prod
from typing import Any

from nnkit.data.dataset import chunks
from nnkit.data.description import describe_data
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.task_loading import load_task
from nnkit.task.text_description import describe_texts


def check_data(config: ConfigLike) -> dict[str, Any]:
    """Loads the config's data, runs every sample through the preprocessing, and describes it.

    Args:
        config: a config from `load_config`, or what it takes.

    Returns:
        `raw_shape` and `input_shape` of one sample, `target` in words, `classes`, the number of
        `missing` values, `bytes`, `columns` (what each column of a table contains), `notices`
        (messages about the data), and for each of `sets` the number of `samples` and of those
        `per_class`; `texts` has the vocabularies, lengths and findings of texts, or is None.

    Raises:
        ConfigError: the split or the preprocessing does not fit the data.
        DataError: the data is missing or damaged, or contains missing values.
    """
    config = load_config(config)
    with config.locating():
        task = load_task(config)
        for samples in task.sets.values():
            if task.coding is not None:
                task.coding.encode(samples)
                continue
            for part in chunks(samples.inputs):
                task.preprocessor(part, task.dtype)
    columns = config.data.source.column_report()
    shape = task.input_shape if task.coding is None else task.input_form.positions
    report = describe_data(task.dataset, task.sets, shape, columns)
    if config.data.targets == "inputs":
        report["target"] = f"the inputs, {prod(task.input_shape)} real number(s)"
    elif task.target_kind == "labels":
        report["target"] = report["target"].replace("real number(s)", "yes/no label(s)")
    report["texts"] = None
    if task.coding is not None:
        report["texts"] = describe_texts(task.coding, task.sets, task.sample_classes)
        if config.data.targets == "next":
            report["target"] = "the next symbol at each position"
    return {**report, "notices": list(task.notices)}
