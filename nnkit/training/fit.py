"""Training on arrays and tables in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from nnkit.config.load import override
from nnkit.config.node import Mark, Node, node_of
from nnkit.data.in_memory import dataset_in_memory
from nnkit.data.sources.memory_source import Memory
from nnkit.data.tables.number_format import MISSING
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config_loading import ConfigLike, config_in, document_of
from nnkit.training.listeners import Listener
from nnkit.training.run import Run, train

MARK = Mark("nnkit.fit")
SETTINGS = sorted(Memory.model_fields.keys() - {"kind"})


def fit(
    X: Any,
    y: Any,
    config: ConfigLike,
    overrides: str | Sequence[str] = (),
    *,
    task: Literal["classification", "regression"] | None = None,
    weights: Any = None,
    runs: Path | str = DEFAULT_RUNS,
    resume: bool = False,
    restart: bool = False,
    listeners: Iterable[Listener] = (),
    threads: int | None = None,
) -> Run:
    """Trains a config's network on data in memory, as `train` does on files.

    The data is split and preprocessed as the config says. Its `data.source` is replaced by
    `{kind: memory}`, which keeps the settings that apply to data in memory. A run
    belongs to the config, the content of the data and the version of nnkit, so that a repeated call
    returns the finished run. The model that `run.load()` returns contains the names of columns and
    classes, but not the data.

    Args:
        X: inputs (n, …): an array, or a table with words and missing values: a data frame (pandas,
            Polars, PyArrow), a mapping of columns, or a sequence of mappings or rows.
        y: targets (n,) or (n, outputs), or the name of a column of X.
        config: a path, a mapping or a config; it needs no `data.source`.
        overrides: as for `load_config`.
        task: whether whole numbers are classes or quantities; by default, classes unless the loss
            is one for numbers. Words and booleans are always classes.
        weights: sample weights, (n,); None if all are equal.
        runs: as for `train`.
        resume: as for `train`.
        restart: as for `train`.
        listeners: as for `train`.
        threads: as for `train`.

    Returns:
        The run.

    Raises:
        ConfigError: settings, shapes and data do not fit together; the message gives the location.
        DataError: X and y do not fit together, or contain what nothing can be learned from.
        NnkitError: any other error of `train`.
    """
    given = document_of(config, overrides)
    in_memory = config_in(override(given, "data.source", _source_in(given), MARK))
    source = in_memory.data.source
    assert isinstance(source, Memory)
    classes = in_memory.loss.coding != "number" if task is None else task == "classification"
    return train(
        in_memory,
        runs=runs,
        resume=resume,
        restart=restart,
        listeners=listeners,
        threads=threads,
        dataset=dataset_in_memory(
            X,
            y,
            weights,
            integers_are_classes=classes,
            missing_target=source.missing_target,
            notation=source.notation,
        ),
    )


def _source_in(config: Node) -> Node:
    """The source `memory`, with the settings of the config's own source that apply to it."""
    source = node_of({"kind": "memory"}, MARK)
    data = config.child("data")
    written = None if data is None else data.child("source")
    if written is None or not isinstance(written.value, dict):
        return source
    if "kind" not in written.value and len(written.value) == 1:  # `csv: {path: …}`
        (written,) = written.value.values()
    kept = {name: node for name in SETTINGS if (node := written.child(name)) is not None}
    if "missing" in kept and kept["missing"].plain() == list(MISSING):
        del kept["missing"]  # the default for files, in which a missing value has to be a text
    if (further := written.child("also_missing")) is not None:
        known = kept["missing"].value if "missing" in kept else []
        kept["missing"] = replace(further, value=[*known, *further.value])
    return replace(source, value={**source.value, **kept})
