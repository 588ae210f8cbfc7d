"""nnkit, through the code of `nnkit train`; NNKIT_NATIVE=0 disables the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks.peers.protocol import (
    IMAGE,
    MNIST,
    Array,
    Assignment,
    Conv,
    Dense,
    Inference,
    MaxPool,
    Row,
    Training,
    serve,
)
from nnkit import __version__
from nnkit.native.library import kernels
from nnkit.nn.model import Model
from nnkit.nn.numerics import execution_for, numerics
from nnkit.task.config import Config, config_from
from nnkit.task.task import build_model, load_task
from nnkit.training.loop import Progress
from nnkit.training.trainer import Trainer

ENDLESS = 1_000_000_000  # steps, more than any measurement takes


def config(row: Row, batch: int) -> Config:
    """Returns the config of a row; training images that it does not use are held out."""
    nielsen = {
        "activation": {"hidden": "sigmoid", "output": "sigmoid"},
        "loss": "squared_error",
        "optimizer": {"kind": "sgd", "lr": row.lr},
    }
    settings: dict[str, Any] = {
        "data": {
            "source": "mnist",
            "split": {"validation": MNIST - row.images},
            "preprocess": ["scale"],
        },
        "architecture": {
            "layers": [{kind: given} if given else kind for kind, given in _layers(row)]
        },
        "training": {"batch_size": batch, "steps": ENDLESS, "evaluate_every": ENDLESS},
        **(nielsen if row.squared else {"optimizer": {"kind": "adam", "lr": row.lr}}),
    }
    return config_from(settings)


def _layers(row: Row) -> Iterator[tuple[str, Any]]:
    """Yields each layer's kind and settings as in a config; `flatten` has no settings."""
    flat = False
    for layer in row.layers:
        match layer:
            case Conv(filters, kernel, padding):
                yield "conv", {"filters": filters, "kernel": kernel, "padding": padding}
            case MaxPool(size):
                yield "max_pool", size
            case Dense(units):
                if not flat:
                    yield "flatten", None
                flat = True
                yield "dense", units


def blocks(model: Model, row: Row) -> list[Array]:
    """Returns views of W and b of each weighted layer."""
    views = model.layout.views(model.params)
    weighted = [i for i, (kind, _) in enumerate(_layers(row)) if kind in ("conv", "dense")]
    return [views[f"layers.{i}.{block}"] for i in weighted for block in "Wb"]


def train(trainer: Trainer, steps: int) -> None:
    """Takes the first steps of a training as `nnkit.train` does, without writing files."""
    loop = trainer.loop
    loop.every_step, loop.pause_every = False, steps
    with numerics(trainer.model):
        for _ in loop.run():
            if loop.progress.step == steps:
                return


class NnkitTraining(Training):
    """Training with the training loop of a trainer."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.trainer = Trainer(load_task(config(self.row, self.batch)), Path())

    def reset(self) -> None:
        model, loop = self.trainer.model, self.trainer.loop
        model.layout.initialize(model.params, model.seed)
        for vector in loop.optimizer_state:
            vector.fill(0)
        loop.progress = Progress()

    def repeat(self, times: int) -> None:
        train(self.trainer, times * self.steps)

    def outputs(self, X: Array) -> Array:
        return self.trainer.model.forward(X.reshape(-1, *IMAGE), self.batch)


class NnkitInference(Inference):
    """Inference with the forward pass of a model."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.model = build_model(config(self.row, self.batch), input_shape=IMAGE)
        trained = self.material.weights("trained")
        for block, weights in zip(blocks(self.model, self.row), trained, strict=True):
            block[...] = weights
        self.images = self.X.reshape(-1, *IMAGE)
        self.model.execution = execution_for(self.model, self.batch, threads=None)

    def forward(self) -> Sequence[Array]:
        with numerics():  # as in the prediction of a trained model
            return [self.model.forward(self.images, self.batch)]


def _versions() -> dict[str, str]:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    found = {"nnkit": f"{__version__} (kernels: {kernels()})", "numpy": version("numpy")}
    found["NumPy's BLAS"] = f"{blas['internal_api']} {blas['version']}"
    return found


if __name__ == "__main__":
    serve(NnkitTraining, NnkitInference, _versions())
