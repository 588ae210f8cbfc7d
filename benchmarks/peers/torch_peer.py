"""PyTorch: eager, compiled, and for inference TorchScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import torch._inductor.config as inductor
from torch import nn
from torch.func import functional_call, grad_and_value
from torch.nn import functional

from benchmarks.peers.protocol import (
    Array,
    Inference,
    Material,
    Row,
    Training,
    Weights,
    one_hot,
    serve,
)

GATHERED = 4096  # samples fetched at a time: a large copy costs less than many small ones
MOST_UNROLLED = 8  # steps compiled into one call; more take minutes to compile
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

inductor.compile_threads = 1  # no pool of compilers that would stay behind
# Before there are other threads, because they inherit it.
torch.set_flush_denormal(True)


def network(row: Row, weights: Weights) -> Any:
    """The layers up to the logits; with squared error, to the outputs."""
    hidden, last = nn.Linear(784, row.hidden), nn.Linear(row.hidden, 10)
    layers = (
        [hidden, nn.Sigmoid(), last, nn.Sigmoid()] if row.squared else [hidden, nn.ReLU(), last]
    )
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter, block in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(block))
    return model


def squared_error(Y: Any, T: Any) -> Any:
    return 0.5 * functional.mse_loss(Y, T, reduction="sum") / len(Y)


class TorchTraining(Training):
    """Data and shuffling; `step` is the subclass's.

    Attributes:
        call: how many samples one call of `step` takes.
    """

    call: int

    def __init__(self, row: Row, material: Material, mode: str) -> None:
        super().__init__(row, material)
        torch.manual_seed(0)
        classes = material.load("classes").astype(np.int64)
        self.X = torch.from_numpy(material.load("inputs"))
        self.T = torch.from_numpy(one_hot(classes) if row.squared else classes)
        self.loss = squared_error if row.squared else functional.cross_entropy
        self.reset()

    def reset(self) -> None:
        self.model = network(self.row, self.material.weights("initial"))

    def portions(self) -> Iterator[tuple[Any, Any]]:
        """An epoch's inputs and targets in new order, `call` at a time."""
        for chosen in torch.randperm(self.samples).split(GATHERED // self.call * self.call):
            yield from zip(
                self.X[chosen].split(self.call), self.T[chosen].split(self.call), strict=True
            )

    def outputs(self, X: Array) -> Array:
        with torch.inference_mode():
            Y = self.model(torch.from_numpy(X))
            return (Y if self.row.squared else torch.softmax(Y, 1)).numpy()


class Eager(TorchTraining):
    """Autograd and PyTorch's own fused optimizers."""

    def reset(self) -> None:
        super().reset()
        self.call = self.row.batch
        optimizer = torch.optim.SGD if self.row.squared else torch.optim.Adam
        self.optimizer = optimizer(self.model.parameters(), lr=self.row.lr, fused=True)

    def repeat(self, times: int) -> None:
        model, loss, optimizer = self.model, self.loss, self.optimizer
        for _ in range(times):
            for X, T in self.portions():
                optimizer.zero_grad(set_to_none=True)
                loss(model(X), T).backward()
                optimizer.step()


class Compiled(TorchTraining):
    """Several whole steps, update included, as one function through `torch.compile`."""

    def __init__(self, row: Row, material: Material, mode: str) -> None:
        super().__init__(row, material, mode)
        inductor.cpp_wrapper = True
        self.steps = torch.compile(self._steps(), fullgraph=True, dynamic=False)

    def reset(self) -> None:
        super().reset()
        steps = self.samples // self.row.batch
        unrolled = max(n for n in range(1, MOST_UNROLLED + 1) if steps % n == 0)
        self.call = unrolled * self.row.batch
        self.params = {name: p.detach() for name, p in self.model.named_parameters()}
        self.moments = [
            {name: torch.zeros_like(p) for name, p in self.params.items()} for _ in range(2)
        ]
        self.count = torch.zeros(())

    def repeat(self, times: int) -> None:
        with torch.no_grad():
            for _ in range(times):
                for X, T in self.portions():
                    self.steps(self.params, self.moments, self.count, X, T)

    def _steps(self) -> Callable[..., None]:
        row, model, loss = self.row, self.model, self.loss
        update = sgd if row.squared else adam

        def steps(params: Any, moments: Any, count: Any, X: Any, T: Any) -> None:
            for x, t in zip(X.split(row.batch), T.split(row.batch), strict=True):
                gradient = grad_and_value(
                    lambda p, x=x, t=t: loss(functional_call(model, p, (x,)), t)
                )
                grads, _ = gradient(params)
                update(params, grads, row.lr, moments, count)

        return steps


def sgd(params: Any, grads: Any, lr: float, *_state: Any) -> None:
    for name, p in params.items():
        p.sub_(grads[name], alpha=lr)


def adam(params: Any, grads: Any, lr: float, moments: Any, count: Any) -> None:
    count.add_(1)
    rate, spread = lr / (1 - BETA1**count), (1 - BETA2**count).sqrt()
    for name, p in params.items():
        g, m, v = grads[name], moments[0][name], moments[1][name]
        m.lerp_(g, 1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        p.sub_(rate * m / (v.sqrt() / spread + EPS))


class TorchInference(Inference):
    """The model as it is, traced and frozen by TorchScript, or compiled with frozen weights."""

    def __init__(self, row: Row, material: Material, mode: str, batch: int) -> None:
        super().__init__(material, batch)
        self.images = torch.from_numpy(self.X)
        model = network(row, material.weights("trained"))
        model = (model if row.squared else nn.Sequential(model, nn.Softmax(1))).eval()
        if mode == "TorchScript":
            traced = torch.jit.trace(model, self.images[:batch])
            model = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        elif mode == "compiled":
            inductor.freezing = True
            model = torch.compile(model, fullgraph=True, dynamic=False)
        self.model = model

    def forward(self) -> Sequence[Any]:
        with torch.inference_mode():
            return [self.model(part) for part in self.images.split(self.batch)]


def training(row: Row, material: Material, mode: str) -> TorchTraining:
    return (Compiled if mode == "compiled" else Eager)(row, material, mode)


if __name__ == "__main__":
    serve(training, TorchInference, {"torch": version("torch")})
