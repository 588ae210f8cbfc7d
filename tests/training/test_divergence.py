"""Tests of divergence: the cause is named by what was measured, with a setting that removes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.nn.passes import Pass
from nnkit.task.config_loading import config_from
from nnkit.training.divergence import measure
from nnkit.training.run import train
from tests.training.configs import DIABETES, diabetes, iris, trainer_for

SGD = {"kind": "sgd", "lr": 1e4}
LR = "a smaller optimizer.lr, such as 1e+03"
CLIP = "optimizer.clip: {global_norm: 1}"
RAW: dict[str, Any] = {"preprocess": []}


@pytest.mark.parametrize(
    ("data", "optimizer", "expected"),
    [
        ({}, {}, "data.target: standardize"),
        (RAW, {}, "data.target: standardize, or data.preprocess: [standardize]"),
        ({"target": "standardize"}, {}, LR),
        ({"target": "standardize", **RAW}, {}, "data.preprocess: [standardize]"),
    ],
)
def test_the_setting_that_removes_the_cause_is_named(
    data: dict[str, Any], optimizer: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    source = {} if "preprocess" not in data else {"source": scaled_source(tmp_path, 100)}
    known = DIABETES["data"] | data | source
    config = config_from(DIABETES | {"data": known, "optimizer": {**SGD, **optimizer}})
    with pytest.raises(nnkit.DivergedError) as caught:
        train(config, runs=tmp_path / "runs")
    assert str(caught.value).splitlines()[-1] == f"try {expected}"
    assert str(caught.value).splitlines()[0].startswith("the loss became")


def scaled_source(folder: Path, factor: float) -> dict[str, Any]:
    """Writes the diabetes data with larger inputs and returns its source."""
    rows = np.loadtxt(DIABETES["data"]["source"]["path"], delimiter=",", skiprows=1)
    np.savez(folder / "raw.npz", inputs=rows[:, :-1] * factor, targets=rows[:, -1:])
    return {"kind": "npz", "path": str(folder / "raw.npz")}


def test_clipping_is_advised_for_steep_gradients_unless_it_is_there(tmp_path: Path) -> None:
    def advice(**optimizer: Any) -> str:
        steep = {"kind": "normal", "std": 30.0}
        config = iris(optimizer={**SGD, **optimizer}, architecture={"initializer": steep})
        with pytest.raises(nnkit.DivergedError) as caught:
            train(config, runs=tmp_path, restart=True)
        return str(caught.value).splitlines()[-1]

    assert advice(lr=1e38) == f"try a smaller optimizer.lr, such as 1e+37, or {CLIP}"
    assert advice(lr=1e38, clip={"value": 10}) == "try a smaller optimizer.lr, such as 1e+37"


def test_pictures_are_to_be_scaled(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, size=(40, 1, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "p.npz", inputs=inputs, targets=rng.integers(0, 3, size=40))
    config = config_from(
        {
            "data": {"source": {"kind": "npz", "path": str(tmp_path / "p.npz")}},
            "architecture": {"layers": ["flatten", {"dense": 8}, {"dense": 3}]},
            "optimizer": {"kind": "sgd", "lr": 1e38},
        }
    )
    with pytest.raises(nnkit.DivergedError, match=r"inputs from 0 to 255.*\ntry .*: \[scale\]$"):
        train(config, runs=tmp_path / "runs")


def test_outliers_are_named_by_their_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a},{b},{a + b}" for a, b in rng.normal(size=(3000, 2))]
    rows[7] = "0,1e6,1"
    (tmp_path / "t.csv").write_text("\n".join(["near,far,sum", *rows]))
    source = {"kind": "csv", "path": str(tmp_path / "t.csv")}
    config = diabetes(
        data={"source": source, "split": {"validation": 0, "test": 0}},
        optimizer={"kind": "sgd", "lr": 1e4},
    )
    with pytest.raises(
        nnkit.DivergedError, match=r"try correcting outliers of column 'far', up to"
    ):
        train(config, runs=tmp_path / "runs")


def test_what_is_measured(tmp_path: Path) -> None:
    trainer = trainer_for(diabetes(training={"batch_size": 1000}), tmp_path)
    found, train_set = measure(trainer), trainer.sets["train"]
    X, T = np.asarray(train_set.inputs), train_set.targets[:]
    assert (found.lowest, found.highest) == (X.min(), X.max())
    assert found.targets == pytest.approx((T.mean(), T.std()))
    assert found.feature is not None
    trainer.model.network(len(X)).loss_and_gradient(
        X.T.copy(), T.T.astype(np.float32), Pass(True, 0)
    )
    assert found.gradient == pytest.approx(np.linalg.norm(trainer.model.grads), rel=1e-4)


def test_targets_of_classes_are_not_measured(tmp_path: Path) -> None:
    assert measure(trainer_for(iris(), tmp_path)).targets is None
