"""Embedded Reber strings are learned, by the criterion of Hochreiter & Schmidhuber (1997)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit.data.sources.generators.reber import symbols_after
from nnkit.task.config_loading import load_config
from nnkit.task.prepared_set import pass_of
from nnkit.task.task_loading import load_task

CONFIG = Path(__file__).parents[2] / "configs" / "reber.yaml"


@pytest.mark.slow
def test_the_likeliest_symbols_are_those_that_may_follow(tmp_path: Path) -> None:
    """Checks every position: of k symbols that may follow, these k have the largest outputs."""
    config = load_config(CONFIG)
    model = nnkit.train(config, runs=tmp_path).load().model
    task = load_task(config)
    texts = task.sets["test"].inputs[:].tolist()
    prepared = task.prepare(task.sets["test"], model)
    batch = prepared.batch(slice(0, len(texts)))
    with model.lent(batch.X.shape[-1], positions=batch.X.shape[:-1]) as network:
        outputs = network.forward(batch.X, pass_of(batch, training=False))  # (symbols, T, N)
        order = np.argsort(-outputs, axis=0)
    assert task.coding is not None
    names = task.coding.target_names
    for column, text in enumerate(texts):
        for position, following in enumerate(symbols_after(text)):
            likeliest = order[: len(following), position, column]
            assert {names[symbol] for symbol in likeliest} == following, text[: position + 1]
