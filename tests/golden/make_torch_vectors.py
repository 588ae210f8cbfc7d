"""Writes torch.json: what PyTorch computes for the components that it and nnkit have in common.

Run it where PyTorch is installed (nnkit need not be), after adding a row to one of the tables:

    python tests/golden/make_torch_vectors.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

Spec = dict[str, Any]
Tensor = Any

# Each row: nnkit's spec, PyTorch's function of Z (units, N).
ACTIVATIONS: list[tuple[Spec, Callable[[Tensor], Tensor]]] = [
    ({"kind": "identity"}, lambda Z: Z.clone()),
    ({"kind": "sigmoid"}, torch.sigmoid),
    ({"kind": "tanh"}, torch.tanh),
    ({"kind": "relu"}, F.relu),
    ({"kind": "leaky_relu"}, F.leaky_relu),
    ({"kind": "leaky_relu", "slope": 0.3}, lambda Z: F.leaky_relu(Z, 0.3)),
    ({"kind": "softmax"}, lambda Z: F.softmax(Z, dim=0)),
]

# Each row: nnkit's spec; which targets it takes; the summed loss of outputs Y and targets T
# (outputs, N); for a fused loss, the output activation and the summed loss of logits.
Of = Callable[[Tensor, Tensor], Tensor]
LOSSES: list[tuple[Spec, str, Of, tuple[Of, Of] | None]] = [
    ({"kind": "squared_error"}, "real", lambda Y, T: F.mse_loss(Y, T, reduction="sum") / 2, None),
    (
        {"kind": "squared_error", "half": False},
        "real",
        lambda Y, T: F.mse_loss(Y, T, reduction="sum"),
        None,
    ),
    (
        {"kind": "binary_cross_entropy"},
        "binary",
        lambda Y, T: F.binary_cross_entropy(Y, T, reduction="sum"),
        (
            lambda Z, T: torch.sigmoid(Z),
            lambda Z, T: F.binary_cross_entropy_with_logits(Z, T, reduction="sum"),
        ),
    ),
    (
        {"kind": "cross_entropy"},
        "one_hot",
        lambda Y, T: F.nll_loss(Y.log().T, T.argmax(0), reduction="sum"),
        (
            lambda Z, T: F.softmax(Z, dim=0),
            lambda Z, T: F.cross_entropy(Z.T, T.T, reduction="sum"),
        ),
    ),
    ({"kind": "hinge"}, "signed", lambda Y, T: F.relu(1 - T * Y).sum(), None),
    ({"kind": "perceptron"}, "signed", lambda Y, T: F.relu(-T * Y).sum(), None),
]

# Each row: nnkit's spec, the L2 penalty, PyTorch's optimizer of a list of parameters.
OPTIMIZERS: list[tuple[Spec, float, Callable[[list[Tensor]], torch.optim.Optimizer]]] = [
    ({"kind": "sgd", "lr": 0.1}, 0.0, lambda p: torch.optim.SGD(p, lr=0.1)),
    (
        {"kind": "sgd", "lr": 0.05, "momentum": 0.9},
        0.0,
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    ),
    (
        {"kind": "sgd", "lr": 0.05, "momentum": 0.7, "nesterov": True},
        0.0,
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, nesterov=True),
    ),
    (
        {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
        0.2,
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.2),
    ),
    ({"kind": "adam"}, 0.0, torch.optim.Adam),
    (
        {"kind": "adam", "lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4},
        0.0,
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-4),
    ),
    (
        {"kind": "adam", "lr": 0.01, "beta1": 0.0, "beta2": 0.5},
        0.0,
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.0, 0.5)),
    ),
    (
        {"kind": "adam", "lr": 0.01},
        0.2,
        lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.2),
    ),
]
STEPS = 20

# Each row: nnkit's spec, PyTorch's scheduler for STEPS steps from a rate of 1.
SCHEDULES: list[tuple[Spec, Callable[[torch.optim.Optimizer], Any]]] = [
    ({"kind": "constant"}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
    ({"kind": "cosine"}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS)),
    (
        {"kind": "cosine", "floor": 0.1},
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.1),
    ),
]


def activations() -> Iterator[dict[str, Any]]:
    spread = torch.linspace(-12, 12, 32, dtype=torch.float64)
    shuffled = spread[torch.randperm(32)].reshape(4, 8)
    upstream = torch.randn(4, 8, dtype=torch.float64)
    for spec, function in ACTIVATIONS:
        for dtype in (torch.float64, torch.float32):
            Z = shuffled.to(dtype, copy=True).requires_grad_()
            dY = upstream.to(dtype)
            Y = function(Z)
            Y.backward(dY)
            yield {
                "spec": spec,
                "dtype": str(dtype).removeprefix("torch."),
                **numbers(Z=Z, dY=dY, Y=Y, dZ=Z.grad),
            }


def losses() -> Iterator[dict[str, Any]]:
    logits = 3 * torch.randn(4, 6, dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 3, 1, 2])
    one_hot = F.one_hot(classes, 4).T.to(torch.float64)
    targets = {
        "real": torch.randn(4, 6, dtype=torch.float64),
        "binary": one_hot,
        "one_hot": one_hot,
        "signed": 2 * one_hot - 1,
    }
    for spec, coding, of_outputs, fused in LOSSES:
        T, samples = targets[coding], logits.shape[1]
        Y = (fused[0](logits, T) if fused else logits).clone().requires_grad_()
        loss = of_outputs(Y, T) / samples
        loss.backward()
        case = {"spec": spec, "loss": loss.item(), **numbers(Y=Y, T=T, dY=Y.grad)}
        if fused:
            Z = logits.clone().requires_grad_()
            (fused[1](Z, T) / samples).backward()
            case |= numbers(Z=Z, dZ=Z.grad)
        yield case


def optimizers() -> Iterator[dict[str, Any]]:
    start = torch.randn(5, dtype=torch.float64)
    gradients = torch.randn(STEPS, 5, dtype=torch.float64) * torch.logspace(
        -4, 2, 5, dtype=torch.float64
    )
    for spec, l2, make in OPTIMIZERS:
        params = start.clone().requires_grad_()
        optimizer = make([params])
        trajectory = []
        for gradient in gradients:
            params.grad = gradient.clone()
            optimizer.step()
            trajectory.append(params.detach().tolist())
        yield {
            "spec": spec,
            "l2": l2,
            "trajectory": trajectory,
            **numbers(start=start, gradients=gradients),
        }


def schedules() -> Iterator[dict[str, Any]]:
    for spec, make in SCHEDULES:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        scheduler = make(optimizer)
        factors = []
        for _ in range(STEPS):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        yield {"spec": spec, "factors": factors}


def numbers(**tensors: Tensor) -> dict[str, Any]:
    return {name: tensor.detach().tolist() for name, tensor in tensors.items()}


def main() -> None:
    torch.manual_seed(1)
    vectors = {
        "made_with": f"PyTorch {torch.__version__}",
        "activations": list(activations()),
        "losses": list(losses()),
        "optimizers": list(optimizers()),
        "schedules": list(schedules()),
    }
    text = ",\n".join(f"{json.dumps(name)}: {_rows(cases)}" for name, cases in vectors.items())
    Path(__file__).with_name("torch.json").write_text("{" + text + "}\n", encoding="utf-8")


def _rows(cases: Any) -> str:
    """A list with one case a line, so that a changed case is a changed line."""
    if not isinstance(cases, list):
        return json.dumps(cases)
    return "[\n" + ",\n".join(map(json.dumps, cases)) + "\n]"


if __name__ == "__main__":
    main()
