"""Tests of the perceptron on separable data: convergence within Novikoff's bound."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nnkit
from nnkit.nn.params import Array
from nnkit.random import generator
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.training.events import Step
from tests.training.configs import trainer_for

CONFIGS = Path(__file__).parents[2] / "configs"


def separable(seed: int, samples: int, features: int, margin: float) -> tuple[Array, Array, float]:
    """Draws points (n, d) and classes (n,) separated by a plane through 0, and their margin."""
    rng = generator(seed, "separable")
    normal = rng.standard_normal(features)
    normal /= np.linalg.norm(normal)
    X = rng.uniform(-1, 1, (samples, features))
    sides = np.where(X @ normal > 0, 1.0, -1.0)
    X += margin * sides[:, None] * normal
    return X, sides, float((sides * (X @ normal)).min())


def perceptron(folder: Path, X: Array, sides: Array, epochs: int) -> Config:
    """Writes the points to files and returns the config of a perceptron on them."""
    np.save(folder / "x.npy", X)
    np.save(folder / "t.npy", (sides > 0).astype(np.int64))
    source = {"kind": "npy", "inputs": str(folder / "x.npy"), "targets": str(folder / "t.npy")}
    return config_from(
        {
            "data": {"source": source, "split": {"validation": 0, "test": 0}},
            "architecture": {
                "layers": [{"dense": {"units": 1, "bias": False}}],
                "initializer": "zeros",
            },
            "activation": {"output": "identity", "inference": "sign"},
            "loss": "perceptron",
            "optimizer": {"kind": "sgd", "lr": 1.0},
            "training": {"epochs": epochs, "batch_size": 1, "precision": "float64"},
        }
    )


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1 << 32),
    samples=st.integers(2, 40),
    features=st.integers(1, 6),
    margin=st.floats(0.05, 1.0),
)
def test_it_makes_at_most_so_many_mistakes_and_then_none(
    seed: int, samples: int, features: int, margin: float
) -> None:
    """Checks the bound (R/γ)², R the longest input, γ a separating margin (Novikoff 1962).

    So at most that many epochs contain a mistake; after one without, the weights are constant.
    """
    X, sides, gamma = separable(seed, samples, features, margin)
    assume(len(np.unique(sides)) == 2)
    bound = float((X**2).sum(axis=1).max()) / gamma**2
    epochs = int(bound) + 2
    assume(epochs * samples <= 20_000)
    with TemporaryDirectory() as folder:
        trainer = trainer_for(perceptron(Path(folder), X, sides, epochs))
        W, mistakes = trainer.model.params, []
        before = W.copy()
        for event in trainer.loop.run():
            if isinstance(event, Step):
                mistakes.append(not np.array_equal(W, before))
                before = W.copy()
    assert sum(mistakes) <= bound
    assert not any(mistakes[-samples:])
    assert (sides * (X @ W) > 0).all()


def test_on_the_wines_it_makes_no_mistake_in_the_end(tmp_path: Path) -> None:
    run = nnkit.train(nnkit.load_config(CONFIGS / "perceptron.yaml"), runs=tmp_path)
    assert run.summary["outcome"] == "stopped early"
    assert run.summary["results"]["train"] == pytest.approx({"loss": 0, "accuracy": 1})
