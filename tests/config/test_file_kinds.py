"""Tests of what a command says of a file that is for another command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnkit.errors import ConfigError
from nnkit.experiments.batch_file import load_batch
from nnkit.experiments.tune_file import load_tune
from nnkit.task.config_loading import load_config

CONFIG = "data: {source: iris}\narchitecture: {layers: [dense: 3]}\n"
BATCH = "base: c.yaml\ngrid: {optimizer.lr: [1, 2]}\n"
SEARCH = CONFIG + "search: {metric: validation.accuracy}\n"


@pytest.mark.parametrize(
    ("load", "text", "told"),
    [
        (load_config, BATCH, "1:1: base: a section of batch files; run this one with: nnkit batch"),
        (load_config, SEARCH, "3:1: search: a section of files with search spaces; run this one"),
        (load_config, CONFIG + "grid: {}\n", "3:1: grid: a section of batch files; write it in a"),
        (load_batch, CONFIG, "1:1: data: this is a config, for nnkit train; for a batch, write a"),
        (load_batch, SEARCH, "3:1: search: a section of files with search spaces; run this one"),
        (load_tune, BATCH, "1:1: base: a section of batch files; run this one with: nnkit batch"),
        (load_tune, CONFIG, "1:1: search: this key is required; add search: {metric: "),
    ],
)
def test_a_file_for_another_command_is_said_to_be_one(
    load: Callable[[Path], Any], text: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{told}")


def test_a_base_that_is_a_search_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(SEARCH)
    path = tmp_path / "f.yaml"
    path.write_text(BATCH)
    with pytest.raises(ConfigError, match=r"c\.yaml:3:1: search: a section of files with search"):
        load_batch(path)
