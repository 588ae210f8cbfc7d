"""nnkit, along the path that `nnkit train` takes; NNKIT_COMPILED=0 leaves it NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks.peers.protocol import Array, Inference, Material, Row, Training, serve
from nnkit import compiled
from nnkit.nn.model import Model
from nnkit.training.config import Config, config_from
from nnkit.training.loop import Progress
from nnkit.training.numerics import numerics
from nnkit.training.session import Session, build
from nnkit.training.task import build_model

MNIST = 60_000
ENDLESS = 1_000_000_000  # steps: each portion takes as many as it wants


def config(row: Row) -> Config:
    """The row as a config.

    A last, short batch is what a compiled peer can't have, so that many samples are held out.
    """
    nielsen = {
        "activation": {"hidden": "sigmoid", "output": "sigmoid"},
        "loss": "squared_error",
        "optimizer": {"kind": "sgd", "lr": row.lr},
    }
    settings: dict[str, Any] = {
        "data": {
            "source": "mnist",
            "split": {"validation": MNIST % row.batch},
            "preprocess": ["scale"],
        },
        "architecture": {"layers": ["flatten", {"dense": row.hidden}, {"dense": 10}]},
        "training": {"batch_size": row.batch, "steps": ENDLESS, "evaluate_every": ENDLESS},
        **(nielsen if row.squared else {"optimizer": {"kind": "adam", "lr": row.lr}}),
    }
    return config_from(settings)


def blocks(model: Model) -> list[Array]:
    """W and b of the hidden and the output layer, as views."""
    views = model.layout.views(model.params)
    return [views[f"layers.{layer}.{block}"] for layer in (1, 2) for block in "Wb"]


def train(session: Session, epochs: int) -> None:
    """Trains as `nnkit.train` does, without its files."""
    loop = session.loop
    with numerics(session.threads, session.model):
        for _ in islice(loop.run(), epochs * loop.batches.per_epoch):
            pass


class NnkitTraining(Training):
    """The training loop of a session."""

    def __init__(self, row: Row, material: Material, mode: str) -> None:
        super().__init__(row, material)
        self.session = build(config(row), Path())

    def reset(self) -> None:
        model, loop = self.session.model, self.session.loop
        model.layout.initialize(model.params, model.seed)
        for slot in loop.slots:
            slot.fill(0)
        loop.progress = Progress()

    def repeat(self, times: int) -> None:
        train(self.session, times)

    def outputs(self, X: Array) -> Array:
        return self.session.model.forward(X.reshape(-1, 1, 28, 28))


class NnkitInference(Inference):
    """The forward pass of a model."""

    def __init__(self, row: Row, material: Material, mode: str, batch: int) -> None:
        super().__init__(material, batch)
        self.model = build_model(config(row), input_shape=(1, 28, 28))
        for block, weights in zip(blocks(self.model), material.weights("trained"), strict=True):
            block[...] = weights
        self.images = self.X.reshape(-1, 1, 28, 28)

    def forward(self) -> Sequence[Array]:
        return [self.model.forward(self.images, self.batch)]


def _versions() -> dict[str, str]:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    found = {name: version(name) for name in ("nnkit", "numpy")}
    found["NumPy's BLAS"] = f"{blas['internal_api']} {blas['version']}"
    if compiled.available():
        found["numba"] = version("numba")
    return found


if __name__ == "__main__":
    serve(NnkitTraining, NnkitInference, _versions())
