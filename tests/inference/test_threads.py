"""Tests of a trained model shared by threads: results are bit-identical to a single thread's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit.nn.params import Array
from nnkit.random import generator
from nnkit.reading.pretrained import DIGITS
from nnkit.task.config_loading import config_from

THREADS = 8
IMAGES = generator(0, "images").integers(0, 256, (200, 1, 28, 28)).astype(np.uint8)
BATCHES = [(9 * i, 1 + 7 * i % 24) for i in range(12)]  # first sample and length


def dense(folder: Path, threads: int) -> nnkit.TrainedModel:
    """Trains a network, with a number of threads, whose products BLAS computes in parallel."""
    np.save(folder / "x.npy", IMAGES)
    np.save(folder / "y.npy", np.arange(len(IMAGES)) % 10)
    config = config_from(
        {
            "data": {
                "source": {
                    "kind": "npy",
                    "inputs": str(folder / "x.npy"),
                    "targets": str(folder / "y.npy"),
                },
                "preprocess": ["scale"],
            },
            "architecture": {"layers": ["flatten", {"dense": 600}, {"dense": 10}]},
            "training": {"epochs": None, "steps": 2, "threads": threads},
        }
    )
    return nnkit.train(config, runs=folder / "runs").load()


@pytest.fixture(params=["shipped", "dense-1", "dense-2"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> nnkit.TrainedModel:
    kind, _, threads = request.param.partition("-")
    return dense(tmp_path, int(threads)) if kind == "dense" else nnkit.load_checkpoint(DIGITS)


def outputs(model: nnkit.TrainedModel) -> list[Array]:
    return [model.outputs(IMAGES[start : start + count]) for start, count in BATCHES]


def test_threads_get_the_bits_of_one_alone(model: nnkit.TrainedModel) -> None:
    alone = outputs(model)
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(outputs, [model] * THREADS))
    for found in together:
        for answer, expected in zip(found, alone, strict=True):
            np.testing.assert_array_equal(answer, expected)


def test_evaluation_beside_predictions_scores_as_alone(tmp_path: Path) -> None:
    model = dense(tmp_path, threads=2)
    alone = model.evaluate("train")
    with ThreadPoolExecutor(THREADS) as pool:
        predicting = [pool.submit(outputs, model) for _ in range(THREADS - 1)]
        assert pool.submit(model.evaluate, "train").result() == alone
        for prediction in predicting:
            prediction.result()


def test_predicting_changes_no_setting_of_the_model() -> None:
    model = nnkit.load_checkpoint(DIGITS)
    before = model.model.execution
    model.outputs(IMAGES)
    assert model.model.execution == before
