"""PyTorch: eager, compiled, whole training steps compiled, and TorchScript for inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad_and_value
from torch.nn import functional

from benchmarks.peers.networks import (
    GROUP,
    IMAGE,
    Array,
    Conv,
    Dense,
    Dropout,
    MaxPool,
    Recurrent,
    Row,
)
from benchmarks.peers.protocol import (
    Assignment,
    Inference,
    Layout,
    Training,
    Weights,
    one_hot,
    serve,
)

GATHERED = 4096  # samples copied at a time; one large copy is faster than many small ones
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
MEMORY = {
    "": torch.preserve_format,
    "channels first": torch.contiguous_format,
    "channels last": torch.channels_last,
}

# Set before other threads start, because they inherit it.
torch.set_flush_denormal(True)


def compiled(function: Any, **settings: bool) -> Any:
    """Compiles a function or a model with settings of the compiler."""
    import torch._inductor.config as inductor  # takes as long as importing torch

    inductor.compile_threads = 1  # no pool of compiler processes that would outlive compilation
    for name, value in settings.items():
        setattr(inductor, name, value)
    return torch.compile(function, fullgraph=True, dynamic=False)


class LastState(nn.Module):  # type: ignore[misc]
    """A recurrent layer over the rows of images (n, 784), up to its last state."""

    def __init__(self, layer: Recurrent, inputs: int) -> None:
        super().__init__()
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[layer.kind]
        self.layer = kind(inputs, layer.units, batch_first=True)

    def forward(self, X: Any) -> Any:
        return self.layer(X.reshape(-1, *IMAGE[1:]))[0][:, -1]


def of_torch(row: Row, weights: Weights) -> Iterator[Array]:
    """Yields the blocks as PyTorch has them: the gates i, f, g, o, and twice the biases."""
    given = iter(weights)
    for layer in row.layers:
        if not isinstance(layer, Recurrent):
            continue
        blocks = [next(given) for _ in range(4 if layer.kind == "gru" else 3)]
        if layer.kind == "lstm":
            i, f, o, g = np.split(np.arange(4 * layer.units), 4)
            blocks = [block[np.concatenate([i, f, g, o])] for block in blocks]
        second = np.zeros_like(blocks[2])
        if layer.kind == "gru":
            second[-layer.units :] = blocks.pop()
        yield from (*blocks, second)
    yield from given


def network(row: Row, weights: Weights, layout: Layout) -> Any:
    """Builds the network up to the logits, or up to the outputs for squared error."""
    layers: list[Any] = []
    follows = nn.Sigmoid if row.squared else nn.ReLU
    for layer, before, _ in row.shapes():
        match layer:
            case Conv(filters, kernel, padding, batch_norm):
                bias = not batch_norm
                layers.append(nn.Conv2d(before[0], filters, kernel, padding=padding, bias=bias))
                layers += [nn.BatchNorm2d(filters), follows()] if batch_norm else [follows()]
            case MaxPool(size):
                layers.append(nn.MaxPool2d(size))
            case Dropout(rate):
                layers.append(nn.Dropout(rate))
            case Recurrent():
                layers.append(LastState(layer, before[-1]))
            case Dense(units):
                if row.convolutional and len(before) > 1:
                    layers.append(nn.Flatten())
                layers += [nn.Linear(prod(before), units), follows()]
    if not row.squared:
        layers.pop()
    model = nn.Sequential(*layers).to(memory_format=MEMORY[layout])
    blocks = (block for layer in model for block in [*layer.parameters(), *layer.buffers()])
    with torch.no_grad():
        found = (b for b in blocks if b.dim())
        for block, values in zip(found, of_torch(row, weights), strict=True):
            block.copy_(torch.from_numpy(values))
    return model


def tensor(row: Row, X: Array, layout: Layout) -> Any:
    """Converts inputs (n, 784) to a tensor in the network's input shape and layout."""
    return torch.from_numpy(row.shaped(X)).to(memory_format=MEMORY[layout])


def squared_error(Y: Any, T: Any) -> Any:
    return 0.5 * functional.mse_loss(Y, T, reduction="sum") / len(Y)


class TorchTraining(Training):
    """Data and shuffling; subclasses implement the steps.

    Attributes:
        model: the network, up to the logits or the outputs.
        call: the number of samples per call.
    """

    def __init__(self, given: Assignment, call: int) -> None:
        super().__init__(given)
        torch.manual_seed(0)
        row, self.layout, self.call = self.row, given.layout, call
        classes = self.material.load("classes").astype(np.int64)
        self.X = tensor(row, self.material.load("inputs"), self.layout)
        self.T = torch.from_numpy(one_hot(classes) if row.squared else classes)
        self.loss = squared_error if row.squared else functional.cross_entropy
        self.model = network(row, self.material.weights("initial"), self.layout)
        self._portions = self._endless()

    def portions(self, times: int) -> Iterator[tuple[Any, Any]]:
        """Yields inputs and targets, `call` samples at a time, shuffled in each epoch."""
        return islice(self._portions, times * self.samples // self.call)

    def _endless(self) -> Iterator[tuple[Any, Any]]:
        while True:
            order = torch.randperm(self.row.images)
            for chosen in order.split(GATHERED // self.call * self.call):
                yield from zip(
                    self.X[chosen].split(self.call), self.T[chosen].split(self.call), strict=True
                )

    def outputs(self, X: Array) -> Array:
        self.model.eval()
        with torch.inference_mode():
            Y = self.model(tensor(self.row, X, self.layout))
        self.model.train()
        return (Y if self.row.squared else torch.softmax(Y, 1)).numpy()


class Documented(TorchTraining):
    """Training as PyTorch's tutorials show it, with a fused optimizer; compiled if asked."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given, given.batch)
        optimizer = torch.optim.SGD if self.row.squared else torch.optim.Adam
        self.optimizer = optimizer(self.model.parameters(), lr=self.row.lr, fused=True)
        self.objective = self._objective
        if given.mode == "compiled":
            self.objective = compiled(self._objective)

    def _objective(self, X: Any, T: Any) -> Any:
        return self.loss(self.model(X), T)

    def repeat(self, times: int) -> None:
        objective, optimizer = self.objective, self.optimizer
        for X, T in self.portions(times):
            optimizer.zero_grad(set_to_none=True)
            objective(X, T).backward()
            optimizer.step()


class StepsCompiled(TorchTraining):
    """Training with several steps, updates included, in one function for `torch.compile`."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given, GROUP * given.batch)
        self.call_steps = compiled(self._steps(), cpp_wrapper=True)
        self.params = {name: p.detach() for name, p in self.model.named_parameters()}
        self.moments = [
            {name: torch.zeros_like(p) for name, p in self.params.items()} for _ in range(2)
        ]
        self.count = torch.zeros(())

    def repeat(self, times: int) -> None:
        with torch.no_grad():
            for X, T in self.portions(times):
                self.call_steps(self.params, self.moments, self.count, X, T)

    def _steps(self) -> Callable[..., None]:
        row, batch, model, loss = self.row, self.batch, self.model, self.loss
        update = sgd if row.squared else adam

        def steps(params: Any, moments: Any, count: Any, X: Any, T: Any) -> None:
            for x, t in zip(X.split(batch), T.split(batch), strict=True):
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
    """Inference in eager mode, by frozen TorchScript, or compiled with frozen weights."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, mode, layout = self.row, given.mode, given.layout
        self.images = tensor(row, self.X, layout)
        model = network(row, self.material.weights("trained"), layout)
        model = (model if row.squared else nn.Sequential(model, nn.Softmax(1))).eval()
        if mode == "TorchScript":
            traced = torch.jit.trace(model, self.images[: self.batch])
            model = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        elif mode == "compiled":
            model = compiled(model, freezing=True, cpp_wrapper=True)
        self.model = model

    def forward(self) -> Sequence[Any]:
        with torch.inference_mode():
            return [self.model(part) for part in self.images.split(self.batch)]


def training(given: Assignment) -> TorchTraining:
    return (StepsCompiled if given.mode == "steps compiled" else Documented)(given)


if __name__ == "__main__":
    serve(training, TorchInference, {"torch": version("torch")})
