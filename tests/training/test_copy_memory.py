"""Symbols are remembered over a hundred positions (Arjovsky, Shah & Bengio 2016)."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from nnkit.data.sources.generators.copy_memory import memoryless_loss
from nnkit.task.config_loading import load_config

CONFIG = Path(__file__).parents[2] / "configs" / "copy.yaml"


@pytest.mark.slow
def test_a_linear_recurrent_network_remembers(tmp_path: Path) -> None:
    """A third of the config's steps leave less than a tenth of the loss without memory."""
    config = load_config(CONFIG, ["training.steps=500", "data.source.count=20000"])
    run = nnkit.train(config, runs=tmp_path)
    assert run.summary["results"]["test"]["loss"] < 0.1 * memoryless_loss(pause=100)
