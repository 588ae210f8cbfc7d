"""Tests of the networks included in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from nnkit.reading.pretrained import DIGITS, IN_PICTURES, VERIFIER
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.task.config_loading import config_from

CONFIG = Path(__file__).parents[2] / "configs" / "digits.yaml"
IN_PICTURES_CONFIG = CONFIG.parent / "pretrained" / "digits-in-pictures.yaml"


def test_is_small_and_made_by_the_shipped_config() -> None:
    assert DIGITS.stat().st_size <= 400_000
    checkpoint = read_checkpoint(DIGITS)
    saved = config_from(dict(checkpoint.header["config"]))
    assert saved.resolved() == nnkit.load_config(CONFIG).resolved()
    assert not checkpoint.part("optimizer")


@pytest.mark.slow
def test_reads_the_test_images() -> None:
    scores = nnkit.load_checkpoint(DIGITS).evaluate("test")
    assert scores.samples == 10_000
    assert scores["accuracy"] >= 0.994


def test_the_network_for_pictures_is_made_by_its_config() -> None:
    saved = config_from(dict(read_checkpoint(IN_PICTURES).header["config"])).resolved()
    expected = nnkit.load_config(IN_PICTURES_CONFIG).resolved()
    expected["data"]["source"]["path"] = saved["data"]["source"]["path"]  # the name without folder
    assert saved == expected


def test_all_networks_together_are_small() -> None:
    assert sum(path.stat().st_size for path in (DIGITS, IN_PICTURES, VERIFIER)) < 1_000_000


def test_the_judge_is_small() -> None:
    assert VERIFIER.stat().st_size <= 100_000
    checkpoint = read_checkpoint(VERIFIER)
    assert not checkpoint.part("optimizer")
    assert checkpoint.header["classes"] == [str(number) for number in range(12)]
