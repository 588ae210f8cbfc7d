"""Translations that are worse than copies of their sources, and the advice about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.inference.copying import copying_warning
from nnkit.inference.trivial_baseline import figures_of_copies
from nnkit.metrics import METRICS_OF
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from, load_config
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.task_loading import load_task
from tests.inference.text_models import settings


def held_out(config: Config) -> PreparedSet:
    task = load_task(config)
    return task.prepare(task.sets["test"], task.build_model())


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_from(settings("translate", tmp_path / "pairs.tsv"))


def copied(data: PreparedSet) -> float:
    assert data.writing is not None
    return figures_of_copies(data.writing, [METRICS_OF["texts"]["chrf"]])["chrf"]


def test_it_is_said_only_of_what_is_worse(config: Config) -> None:
    data = held_out(config)
    chrf = copied(data)
    assert chrf > 0
    better, equal, worse = (
        copying_warning(config, data, "test", {"chrf": chrf + more, "loss": 1.0})
        for more in (1e-9, 0.0, -1e-9)
    )
    assert better is None
    assert equal is not None
    assert equal.startswith("the network is no better than copying the source: test.chrf is")
    assert worse == (
        f"the network is worse than copying the source: test.chrf is {chrf:.4g} instead of "
        f"{chrf:.4g}; train it longer:\nnnkit train CONFIG --set training.epochs=12"
    )


def test_metrics_without_the_one_compared_say_nothing(config: Config) -> None:
    assert copying_warning(config, held_out(config), "test", {"bleu": 0.0, "loss": 1.0}) is None


@pytest.mark.parametrize(
    ("change", "losses", "command"),
    [
        ({"training": {"steps": 50}}, (2.0, 1.9), " --set training.steps=150"),
        ({"training": {}}, (2.0, None), " --set training.epochs=30"),
        ({}, (2.0, 0.5), " --set architecture.encoder.1.dropout.rate=0.5"),
    ],
)
def test_the_command_can_be_copied(
    tmp_path: Path,
    change: dict[str, Any],
    losses: tuple[float, float | None],
    command: str,
) -> None:
    found = settings("translate", tmp_path / "pairs.tsv")
    found["architecture"]["encoder"] = [{"embedding": 8}, {"dropout": 0.1}, {"gru": 8}]
    file = tmp_path / "pairs.yaml"
    file.write_text(config_from({**found, **change}).to_yaml())
    config = load_config(file)
    loss, training_loss = losses
    data = held_out(config)
    told = copying_warning(config, data, "test", {"chrf": 0.0, "loss": loss}, training_loss)
    assert told is not None
    assert told.splitlines()[1] == f"nnkit train {file}{command}"
    load_config(file, [command.removeprefix(" --set ")])  # which is valid


def test_more_pairs_are_wanted_where_there_is_no_dropout(config: Config) -> None:
    told = copying_warning(config, held_out(config), "test", {"chrf": 0.0, "loss": 3.0}, 0.1)
    assert told is not None
    assert told.endswith("where the loss is 0.1 instead of 3: more pairs help most")
