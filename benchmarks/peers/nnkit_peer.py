"""nnkit, through the code of `nnkit train`; NNKIT_NATIVE=0 disables the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks.peers.networks import IMAGE, Array, Conv, Dense, Dropout, MaxPool, Recurrent, Row
from benchmarks.peers.protocol import Assignment, Inference, Training, batches, serve
from nnkit import __version__
from nnkit.native.library import kernels, library
from nnkit.nn.model import Model
from nnkit.nn.numerics import execution_for, numerics, numerics_of, program_threads
from nnkit.nn.parallel.execution import Execution
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import build_model, load_task
from nnkit.training.trainer import Trainer

MNIST = 60_000  # training images
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
    for i, layer in enumerate(row.layers):
        match layer:
            case Conv(filters, kernel, padding, batch_norm=True):
                bare = {"activation": "identity", "bias": False}
                yield "conv", {"filters": filters, "kernel": kernel, "padding": padding, **bare}
                yield "batch_norm", None
                yield "activation", "relu"
            case Conv(filters, kernel, padding):
                yield "conv", {"filters": filters, "kernel": kernel, "padding": padding}
            case MaxPool(size):
                yield "max_pool", size
            case Dropout(rate):
                if not flat and isinstance(row.layers[i + 1], Dense):
                    yield "flatten", None
                    flat = True
                yield "dropout", rate
            case Recurrent(kind, units):
                yield "rows", None
                yield kind, units
                flat = True
            case Dense(units):
                if not flat:
                    yield "flatten", None
                flat = True
                yield "dense", units


def blocks(model: Model, row: Row) -> list[Array]:
    """Returns views of the blocks of each weighted layer, in the order of `Weights`."""
    views = model.layout.views(model.params) | model.state_layout.views(model.state)
    names = {
        **dict.fromkeys(("conv", "dense"), "Wb"),
        **dict.fromkeys(("rnn", "lstm"), "UWb"),
        "gru": "UWbd",
        "batch_norm": ("scale", "shift", "mean", "variance"),
    }
    every = [
        f"layers.{i}.{name}"
        for i, (kind, _) in enumerate(_layers(row))
        for name in names.get(kind, ())
    ]
    return [views[name] for name in every if name in views]


class NnkitTraining(Training):
    """Training with the training loop of a trainer, without writing files."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.trainer = Trainer(load_task(config(self.row, self.batch)), Path())
        self.loop = self.trainer.loop
        self.loop.every_step = False
        self.events = self.loop.run()

    def repeat(self, times: int) -> None:
        progress = self.loop.progress
        end = progress.step + times * self.steps
        self.loop.pause_every = end
        with numerics(self.trainer.model):
            while progress.step < end:
                next(self.events)

    def outputs(self, X: Array) -> Array:
        return self.trainer.model.forward(X.reshape(-1, *IMAGE), self.batch)


class NnkitInference(Inference):
    """Inference with the forward pass of a model, called for each batch as by a trained model."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.model = build_model(config(self.row, self.batch), input_shape=IMAGE)
        trained = self.material.weights("trained")
        for block, weights in zip(blocks(self.model, self.row), trained, strict=True):
            block[...] = weights
        self.model.freeze()  # as a loaded model is
        self.parts = [*batches(self.X.reshape(-1, *IMAGE), self.batch)]
        self.execution = self._execution()

    def _execution(self) -> Execution:
        """The threads that a trained model predicts with; on NumPy alone, those of training."""
        if self.model.program is None:
            return execution_for(self.model, self.row.batches[0], threads=None)
        return Execution(program_threads(self.model, self.batch), program=True)

    def forward(self) -> Sequence[Array]:
        with numerics_of(self.execution):
            return [self.model.forward(part, execution=self.execution) for part in self.parts]


def _versions() -> dict[str, str]:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    found = {"nnkit": __version__, "numpy": version("numpy")}
    if library() is not None:  # not on NumPy alone
        found["nnkit's kernels"] = kernels()
    processor = blas.get("architecture", "unknown")  # that its kernels are made for
    found["NumPy's BLAS"] = f"{blas['internal_api']} {blas['version']} ({processor})"
    return found


if __name__ == "__main__":
    serve(NnkitTraining, NnkitInference, _versions())
