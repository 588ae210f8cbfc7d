"""Tests of training against published results for the same task."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils import shuffle

import nnkit
from nnkit.data.batches import Batches
from nnkit.inference.evaluation import evaluate
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.training.events import Evaluation
from tests.training.configs import TABLES, trainer_for

GLOROT = {"kind": "xavier", "distribution": "uniform"}
INVERSE = {"kind": "inverse_scaling", "per": "epoch", "scale": 1797}


def digits(optimizer: dict[str, Any], precision: str = "float32") -> Config:
    """Returns the config of `digits` in scikit-learn 1.9.1's plot_mlp_training_curves.py."""
    return config_from(
        {
            "name": "digits",
            "seed": 0,
            "data": {
                "source": {"kind": "csv", "path": str(TABLES / "digits.csv"), "label": "digit"},
                "split": {"validation": 0.0, "test": 0.0},
                "preprocess": ["minmax"],
            },
            "architecture": {
                "layers": [{"dense": 100}, {"dense": 10}],
                "initializer": GLOROT,
                "bias_initializer": GLOROT,
            },
            "optimizer": optimizer,
            # scikit-learn's alpha of 1e-4 applies to the sum over a batch of 200.
            "regularization": {"l2": 1e-4 / 200},
            "training": {"epochs": 15, "batch_size": 200, "precision": precision},
        }
    )


@pytest.mark.parametrize(
    ("optimizer", "accuracy"),
    [
        ({"kind": "sgd", "lr": 0.2}, 0.956038),
        ({"kind": "sgd", "lr": 0.2, "momentum": 0.9}, 0.992766),
        ({"kind": "sgd", "lr": 0.2, "momentum": 0.9, "nesterov": True}, 0.993879),
        ({"kind": "adam", "lr": 0.01}, 0.991653),
    ],
)
def test_digits_are_learnt_as_well_as_scikit_learn_learns_them(
    tmp_path: Path, optimizer: dict[str, Any], accuracy: float
) -> None:
    """Compares accuracies from different initial weights and sample orders.

    Over twenty seeds both libraries have the same standard deviation, .0025 for plain SGD and .002
    for the rest, and their means differ by less than .001; seed 0 is the default in both.

    Inverse scaling is excluded, because it nearly stops training after an epoch, at an accuracy
    that depends on the initial weights: over fifty seeds its standard deviation is .04. The test
    below compares it from equal initial weights.
    """
    run = nnkit.train(digits(optimizer), runs=tmp_path)
    assert run.summary["results"]["train"]["accuracy"] == pytest.approx(accuracy, abs=0.005)


@dataclass(frozen=True, slots=True)
class TheirOrder(Batches):
    """Batches in scikit-learn's order of shuffling, continuing its random state.

    Attributes:
        orders: the order of the samples in every epoch.
    """

    orders: tuple[Array, ...] = ()

    def order(self, epoch: int) -> Array:
        return self.orders[epoch]


def their_draws(epochs: int, samples: int) -> tuple[list[Array], tuple[Array, ...]]:
    """Returns the initial parameters and sample orders of MLPClassifier(random_state=0)."""
    state, params = np.random.RandomState(0), []
    for fan_in, fan_out in ((64, 100), (100, 10)):
        bound = np.sqrt(6 / (fan_in + fan_out))
        params.append(state.uniform(-bound, bound, (fan_in, fan_out)).T)
        params.append(state.uniform(-bound, bound, fan_out))
    orders = [np.arange(samples)]
    for _ in range(epochs):
        orders.append(shuffle(orders[-1], random_state=state))
    return params, tuple(orders[1:])


@pytest.mark.parametrize(
    ("theirs", "ours", "accuracy"),
    [
        ({"momentum": 0}, {}, 0.956038),
        ({"momentum": 0.9, "nesterovs_momentum": False}, {"momentum": 0.9}, 0.992766),
        ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, 0.993879),
        (
            {"momentum": 0, "learning_rate": "invscaling"},
            {"schedule": INVERSE},
            0.638843,
        ),
        (
            {"momentum": 0.9, "nesterovs_momentum": False, "learning_rate": "invscaling"},
            {"momentum": 0.9, "lr_inside": True, "schedule": INVERSE},
            0.909293,
        ),
        (
            {"momentum": 0.9, "learning_rate": "invscaling"},
            {"momentum": 0.9, "nesterov": True, "lr_inside": True, "schedule": INVERSE},
            0.912632,
        ),
    ],
)
def test_from_equal_draws_it_takes_the_steps_of_scikit_learn(
    theirs: dict[str, Any], ours: dict[str, Any], accuracy: float
) -> None:
    """Compares all SGD rows: the published accuracy, every epoch's loss, and every weight.

    Adam is not compared, because scikit-learn adds ε in another place.
    """
    trainer = trainer_for(digits({"kind": "sgd", "lr": 0.2, **ours}, precision="float64"))
    train, model, loop = trainer.sets["train"], trainer.model, trainer.loop
    params, orders = their_draws(15, len(train))
    views = model.layout.views(model.params)
    names = ("layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b")
    for name, values in zip(names, params, strict=True):
        views[name][...] = values
    given = {field.name: getattr(loop.batches, field.name) for field in fields(Batches)}
    loop = replace(loop, batches=TheirOrder(**given, orders=orders))
    settings = {"solver": "sgd", "learning_rate_init": 0.2, **theirs}
    reference = MLPClassifier(max_iter=15, random_state=0, **settings)
    with numerics(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        losses = [event.train_loss for event in loop.run() if isinstance(event, Evaluation)]
        reference.fit(train.inputs, train.targets[:])
    assert evaluate(model, train)["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    # scikit-learn's loss includes a penalty of less than 0.001.
    assert losses == pytest.approx(reference.loss_curve_, abs=1e-3)
    found = [reference.coefs_[0].T, reference.intercepts_[0]]
    found += [reference.coefs_[1].T, reference.intercepts_[1]]
    for name, values in zip(names, found, strict=True):
        np.testing.assert_allclose(views[name], values, rtol=1e-6, atol=1e-6)
