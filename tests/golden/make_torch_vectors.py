"""Writes torch.json: reference values of PyTorch for the components shared with nnkit.

Run it with PyTorch installed (nnkit is not needed), after adding a row to one of the tables:

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
    ({"kind": "log_softmax"}, lambda Z: F.log_softmax(Z, dim=0)),
    ({"kind": "sign"}, lambda Z: torch.sign(Z) + 0 * Z),
    ({"kind": "step"}, lambda Z: torch.heaviside(Z.detach(), torch.zeros_like(Z)) + 0 * Z),
    # not F.hardsigmoid, whose gradient uses a float32 1/6 even in float64
    ({"kind": "hard_sigmoid"}, lambda Z: F.relu6(Z + 3) / 6),
    ({"kind": "hard_tanh"}, F.hardtanh),
    ({"kind": "hard_tanh", "low": -2.0, "high": 0.5}, lambda Z: F.hardtanh(Z, -2.0, 0.5)),
    ({"kind": "scaled_tanh"}, lambda Z: 1.7159 * torch.tanh(Z * (2 / 3))),
    ({"kind": "relu6"}, F.relu6),
    ({"kind": "elu"}, F.elu),
    ({"kind": "elu", "alpha": 0.3}, lambda Z: F.elu(Z, 0.3)),
    ({"kind": "selu"}, F.selu),
    ({"kind": "celu"}, F.celu),
    # not F.celu, whose alpha is float32 even in float64
    ({"kind": "celu", "alpha": 0.3}, lambda Z: 0.3 * F.elu(Z / 0.3)),
    ({"kind": "gelu"}, F.gelu),
    ({"kind": "gelu", "form": "tanh"}, lambda Z: F.gelu(Z, approximate="tanh")),
    ({"kind": "silu"}, F.silu),
    ({"kind": "silu", "beta": 1.7}, lambda Z: Z * torch.sigmoid(1.7 * Z)),
    ({"kind": "mish"}, F.mish),
    ({"kind": "softplus"}, lambda Z: F.softplus(Z, threshold=1000)),
    ({"kind": "softplus", "beta": 0.4}, lambda Z: F.softplus(Z, 0.4, threshold=1000)),
    ({"kind": "softsign"}, F.softsign),
    ({"kind": "hard_swish"}, F.hardswish),
    ({"kind": "exponential"}, torch.exp),
    ({"kind": "prelu"}, lambda Z: F.prelu(Z.T, torch.full((4,), 0.25, dtype=Z.dtype)).T),
    ({"kind": "maxout"}, lambda Z: Z.reshape(2, 2, -1).amax(1)),
    ({"kind": "maxout", "pieces": 4}, lambda Z: Z.reshape(1, 4, -1).amax(1)),
]


def _sigmoid_focal(P: Tensor, T: Tensor) -> Tensor:
    right = P * T + (1 - P) * (1 - T)
    balance = 0.25 * T + 0.75 * (1 - T)
    return (-balance * (1 - right) ** 2 * right.log()).sum()


# Each row: nnkit's spec; its kind of targets; the summed loss of outputs Y and targets T
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
    (
        {"kind": "cross_entropy", "label_smoothing": 0.2},
        "one_hot",
        lambda Y, T: -(Y.log() * (0.8 * T + 0.05)).sum(),
        (
            lambda Z, T: F.softmax(Z, dim=0),
            lambda Z, T: F.cross_entropy(Z.T, T.argmax(0), reduction="sum", label_smoothing=0.2),
        ),
    ),
    (
        {"kind": "cross_entropy"},
        "distribution",
        lambda Y, T: -(Y.log() * T).sum(),
        (
            lambda Z, T: F.softmax(Z, dim=0),
            lambda Z, T: F.cross_entropy(Z.T, T.T, reduction="sum"),
        ),
    ),
    (
        {"kind": "binary_cross_entropy", "positive_weight": 2.5},
        "binary",
        lambda Y, T: F.binary_cross_entropy(Y, T, 1 + 1.5 * T, reduction="sum"),
        (
            lambda Z, T: torch.sigmoid(Z),
            lambda Z, T: F.binary_cross_entropy_with_logits(
                Z, T, reduction="sum", pos_weight=torch.full((1,), 2.5, dtype=Z.dtype)
            ),
        ),
    ),
    (
        {"kind": "binary_cross_entropy", "label_smoothing": 0.2},
        "binary",
        lambda Y, T: F.binary_cross_entropy(Y, 0.8 * T + 0.1, reduction="sum"),
        (
            lambda Z, T: torch.sigmoid(Z),
            lambda Z, T: F.binary_cross_entropy_with_logits(Z, 0.8 * T + 0.1, reduction="sum"),
        ),
    ),
    ({"kind": "absolute_error"}, "real", lambda Y, T: F.l1_loss(Y, T, reduction="sum"), None),
    ({"kind": "huber"}, "real", lambda Y, T: F.huber_loss(Y, T, reduction="sum"), None),
    (
        {"kind": "huber", "delta": 2.5},
        "real",
        lambda Y, T: F.huber_loss(Y, T, reduction="sum", delta=2.5),
        None,
    ),
    ({"kind": "log_cosh"}, "real", lambda Y, T: torch.cosh(Y - T).log().sum(), None),
    (
        {"kind": "quantile", "level": 0.8},
        "real",
        lambda Y, T: torch.maximum(0.8 * (T - Y), -0.2 * (T - Y)).sum(),
        None,
    ),
    (
        {"kind": "cosine"},
        "real",
        lambda Y, T: (1 - F.cosine_similarity(Y, T, dim=0)).sum(),
        None,
    ),
    (
        {"kind": "poisson"},
        "counts",
        lambda Y, T: F.poisson_nll_loss(Y, T, log_input=False, eps=0.0, reduction="sum"),
        (
            lambda Z, T: torch.exp(Z),
            lambda Z, T: F.poisson_nll_loss(Z, T, log_input=True, reduction="sum"),
        ),
    ),
    (
        {"kind": "kl_divergence"},
        "distribution",
        lambda Y, T: F.kl_div(Y.log(), T, reduction="sum"),
        (
            lambda Z, T: F.softmax(Z, dim=0),
            lambda Z, T: F.kl_div(F.log_softmax(Z, dim=0), T, reduction="sum"),
        ),
    ),
    (
        {"kind": "negative_log_likelihood"},
        "one_hot",
        lambda Y, T: F.nll_loss(Y.T, T.argmax(0), reduction="sum"),
        None,
    ),
    (
        {"kind": "focal", "gamma": 1.5},
        "one_hot",
        lambda Y, T: -(T * (1 - Y) ** 1.5 * Y.log()).sum(),
        (
            lambda Z, T: F.softmax(Z, dim=0),
            lambda Z, T: -(T * (1 - F.softmax(Z, dim=0)) ** 1.5 * F.log_softmax(Z, dim=0)).sum(),
        ),
    ),
    (
        {"kind": "binary_focal", "alpha": 0.25},
        "binary",
        _sigmoid_focal,
        (lambda Z, T: torch.sigmoid(Z), lambda Z, T: _sigmoid_focal(torch.sigmoid(Z), T)),
    ),
    ({"kind": "hinge"}, "signed", lambda Y, T: F.relu(1 - T * Y).sum(), None),
    ({"kind": "squared_hinge"}, "signed", lambda Y, T: F.relu(1 - T * Y).square().sum(), None),
    ({"kind": "perceptron"}, "signed", lambda Y, T: F.relu(-T * Y).sum(), None),
    (
        {"kind": "multiclass_hinge", "form": "weston_watkins"},
        "one_hot",
        lambda Y, T: len(Y) * F.multi_margin_loss(Y.T, T.argmax(0), reduction="sum"),
        None,
    ),
    (
        {"kind": "multiclass_hinge", "form": "weston_watkins", "margin": 0.3},
        "one_hot",
        lambda Y, T: len(Y) * F.multi_margin_loss(Y.T, T.argmax(0), margin=0.3, reduction="sum"),
        None,
    ),
    (
        {"kind": "multiclass_hinge"},
        "one_hot",
        lambda Y, T: F.relu(1 + (Y - 1e9 * T).amax(0) - (Y * T).sum(0)).sum(),
        None,
    ),
]

# Each row: nnkit's spec, the L2 penalty, PyTorch's optimizer for a list of parameters.
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
# Each row: nnkit's spec, and PyTorch's equivalent.
OPTIMIZERS += [
    (
        {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "dampening": 0.4},
        0.0,
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.4),
    ),
    (
        {"kind": "adam", "lr": 0.05, "amsgrad": True},
        0.0,
        lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True),
    ),
    ({"kind": "adamw", "lr": 0.05}, 0.0, lambda p: torch.optim.AdamW(p, lr=0.05)),
    (
        {"kind": "adamw", "lr": 0.05, "weight_decay": 0.3, "amsgrad": True},
        0.0,
        lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.3, amsgrad=True),
    ),
    ({"kind": "adagrad"}, 0.0, torch.optim.Adagrad),
    (
        {"kind": "adagrad", "lr": 0.2, "initial": 0.1},
        0.1,
        lambda p: torch.optim.Adagrad(p, lr=0.2, initial_accumulator_value=0.1, weight_decay=0.1),
    ),
    ({"kind": "adadelta"}, 0.0, torch.optim.Adadelta),
    (
        {"kind": "adadelta", "lr": 0.5, "rho": 0.7, "eps": 1e-4},
        0.0,
        lambda p: torch.optim.Adadelta(p, lr=0.5, rho=0.7, eps=1e-4),
    ),
    ({"kind": "rmsprop"}, 0.0, torch.optim.RMSprop),
    (
        {"kind": "rmsprop", "rho": 0.9, "momentum": 0.8, "centered": True},
        0.0,
        lambda p: torch.optim.RMSprop(p, alpha=0.9, momentum=0.8, centered=True),
    ),
    ({"kind": "adamax"}, 0.0, torch.optim.Adamax),
    (
        {"kind": "adamax", "lr": 0.1, "beta1": 0.5, "beta2": 0.8},
        0.0,
        lambda p: torch.optim.Adamax(p, lr=0.1, betas=(0.5, 0.8)),
    ),
    ({"kind": "nadam"}, 0.0, torch.optim.NAdam),
    (
        {"kind": "nadam", "lr": 0.1, "beta2": 0.9, "psi": 0.01},
        0.0,
        lambda p: torch.optim.NAdam(p, lr=0.1, betas=(0.9, 0.9), momentum_decay=0.01),
    ),
    ({"kind": "radam"}, 0.0, torch.optim.RAdam),
    (
        {"kind": "radam", "lr": 0.1, "beta2": 0.9},
        0.0,
        lambda p: torch.optim.RAdam(p, lr=0.1, betas=(0.9, 0.9)),
    ),
]

# Each row: nnkit's spec, PyTorch's scheduler for STEPS steps with an initial or peak rate of 1.
SCHEDULES: list[tuple[Spec, Callable[[torch.optim.Optimizer], Any]]] = [
    ({"kind": "constant"}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
    ({"kind": "cosine"}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS)),
    (
        {"kind": "cosine", "floor": 0.1},
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.1),
    ),
    ({"kind": "step", "every": 6}, lambda o: torch.optim.lr_scheduler.StepLR(o, 6)),
    (
        {"kind": "step", "every": 3, "gamma": 0.7},
        lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.7),
    ),
    (
        {"kind": "multi_step", "milestones": [4, 5, 13], "gamma": 0.5},
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [4, 5, 13], 0.5),
    ),
    (
        {"kind": "exponential", "gamma": 0.9},
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    ),
    (
        {"kind": "polynomial", "power": 1.5},
        lambda o: torch.optim.lr_scheduler.PolynomialLR(o, STEPS, 1.5),
    ),
    (
        {"kind": "inverse_scaling", "power": 0.5},
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: (1 + t) ** -0.5),
    ),
    (
        {"kind": "cosine_restarts", "first": 3, "growth": 2, "floor": 0.05},
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2, eta_min=0.05),
    ),
    (
        {"kind": "one_cycle"},
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, STEPS, cycle_momentum=False),
    ),
    (
        {"kind": "one_cycle", "rise": 0.45, "start": 10.0, "end": 100.0},
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 1.0, STEPS, pct_start=0.45, div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
    ),
]

# Each row: nnkit's spec, PyTorch's scheduler, which is stepped with each of `FIGURES`.
PLATEAUS: list[tuple[Spec, Callable[[torch.optim.Optimizer], Any]]] = [
    (
        {"kind": "plateau", "patience": 2, "gamma": 0.5},
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "min", 0.5, 2, eps=0),
    ),
    (
        {"kind": "plateau", "patience": 0, "gamma": 0.3, "minimum_change": 0.1, "floor": 0.02},
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(
            o, "min", 0.3, 0, threshold=0.1, min_lr=0.02, eps=0
        ),
    ),
]
FIGURES = [3.0, 2.5, 2.6, 2.4, 2.39, 2.38, 2.5, 2.6, 2.7, 2.2, 2.3, 2.2, 2.1999, 2.1, 2.5, 2.4]

# Each row: nnkit's spec of a layer, the shape of a sample, and PyTorch's module, samples first.
LAYERS: list[tuple[Spec, tuple[int, ...], Callable[[], Any]]] = [
    ({"kind": "batch_norm"}, (5,), lambda: torch.nn.BatchNorm1d(5)),
    (
        {"kind": "batch_norm", "momentum": 0.3, "eps": 0.01},
        (3, 2, 4),
        lambda: torch.nn.BatchNorm2d(3, momentum=0.3, eps=0.01),
    ),
    (
        {"kind": "batch_norm", "affine": False},
        (5,),
        lambda: torch.nn.BatchNorm1d(5, affine=False),
    ),
    ({"kind": "layer_norm"}, (5,), lambda: torch.nn.LayerNorm(5)),
    ({"kind": "layer_norm", "eps": 0.01}, (3, 2, 4), lambda: torch.nn.LayerNorm((3, 2, 4), 0.01)),
    ({"kind": "dense", "units": 3}, (5,), lambda: torch.nn.Linear(5, 3)),
    ({"kind": "flatten"}, (3, 2, 4), torch.nn.Flatten),
]

# Each row: nnkit's spec, and PyTorch's function that clips the gradients of parameters in place.
CLIPPINGS: list[tuple[Spec, Callable[[list[Tensor]], Any]]] = [
    ({"kind": "value", "limit": 0.5}, lambda p: torch.nn.utils.clip_grad_value_(p, 0.5)),
    (
        {"kind": "norm", "limit": 1.5},
        lambda p: [torch.nn.utils.clip_grad_norm_(one, 1.5) for one in p],
    ),
    ({"kind": "global_norm", "limit": 1.5}, lambda p: torch.nn.utils.clip_grad_norm_(p, 1.5)),
    ({"kind": "global_norm", "limit": 100.0}, lambda p: torch.nn.utils.clip_grad_norm_(p, 100.0)),
]

# Each row: nnkit's spec, the step at which averaging starts, the steps between two samples, and
# PyTorch's averaging function.
# PyTorch's exponential average does not start as a plain mean; nor does nnkit's with 0.5.
AVERAGINGS: list[tuple[Spec, int, int, Any]] = [
    ({"kind": "swa", "start": 0.25}, 5, 1, torch.optim.swa_utils.get_swa_multi_avg_fn()),
    (
        {"kind": "swa", "start": 0.25, "every": 3},
        5,
        3,
        torch.optim.swa_utils.get_swa_multi_avg_fn(),
    ),
    ({"kind": "ema", "decay": 0.5}, 0, 1, torch.optim.swa_utils.get_ema_multi_avg_fn(0.5)),
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
            dY = dY[: len(Y)]
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
        "counts": torch.poisson(torch.full((4, 6), 2.0, dtype=torch.float64)),
        "distribution": F.softmax(torch.randn(4, 6, dtype=torch.float64), dim=0),
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


def plateaus() -> Iterator[dict[str, Any]]:
    for spec, make in PLATEAUS:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        scheduler = make(optimizer)
        factors = []
        for figure in FIGURES:
            scheduler.step(figure)
            factors.append(optimizer.param_groups[0]["lr"])
        yield {"spec": spec, "figures": FIGURES, "factors": factors}


def layers() -> Iterator[dict[str, Any]]:
    """Yields layer cases: two batches in training, then one at inference; samples last."""
    for spec, shape, make in LAYERS:
        module = make().double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter)
        case: dict[str, Any] = {"spec": spec, "shape": shape, "batches": []}
        case["params"] = {name: p.tolist() for name, p in module.named_parameters()}
        for training in (True, True, False):
            module.train(training)
            X = (3 * torch.randn(7, *shape, dtype=torch.float64) + 1).requires_grad_()
            Y = module(X)
            dY = torch.randn_like(Y)
            module.zero_grad()
            Y.backward(dY)
            batch = {"training": training, **numbers(X=last(X), Y=last(Y))}
            if training:
                batch |= numbers(dY=last(dY), dX=last(X.grad))
                batch["grads"] = {n: p.grad.tolist() for n, p in module.named_parameters()}
            case["batches"].append(batch)
        yield case


def clippings() -> Iterator[dict[str, Any]]:
    shapes = (3, 4), (3,), (2, 3), (2,)
    gradients = [
        size * torch.randn(*shape) for size, shape in zip((1, 0.1, 3, 1), shapes, strict=True)
    ]
    for spec, clip in CLIPPINGS:
        params = [torch.zeros_like(gradient).requires_grad_() for gradient in gradients]
        for p, gradient in zip(params, gradients, strict=True):
            p.grad = gradient.clone()
        clip(params)
        yield {
            "spec": spec,
            "gradients": [gradient.tolist() for gradient in gradients],
            "clipped": [p.grad.tolist() for p in params],
        }


def averagings() -> Iterator[dict[str, Any]]:
    """Yields averaging cases: the parameters after each step, and their average from its start."""
    course = torch.randn(STEPS, 5)
    for spec, begin, every, function in AVERAGINGS:
        model = torch.nn.ParameterList([torch.zeros(5)])
        averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=function)
        averages = {}
        for step, params in enumerate(course, start=1):
            model[0].data.copy_(params)
            if step > begin and (step - begin) % every == 0:
                averaged.update_parameters(model)
                averages[step] = averaged.module[0].tolist()
        yield {"spec": spec, "course": course.tolist(), "averages": averages}


def last(batch_first: Tensor) -> Tensor:
    return batch_first.movedim(0, -1)


def numbers(**tensors: Tensor) -> dict[str, Any]:
    return {name: tensor.detach().tolist() for name, tensor in tensors.items()}


def main() -> None:
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)  # also for scalars in the optimizer state
    vectors = {
        "made_with": f"PyTorch {torch.__version__}",
        "activations": list(activations()),
        "losses": list(losses()),
        "optimizers": list(optimizers()),
        "schedules": list(schedules()),
        "plateaus": list(plateaus()),
        "layers": list(layers()),
        "clippings": list(clippings()),
        "averagings": list(averagings()),
    }
    text = ",\n".join(f"{json.dumps(name)}: {_rows(cases)}" for name, cases in vectors.items())
    Path(__file__).with_name("torch.json").write_text("{" + text + "}\n", encoding="utf-8")


def _rows(cases: Any) -> str:
    """Formats a list with one case per line, for readable diffs."""
    if not isinstance(cases, list):
        return json.dumps(cases)
    return "[\n" + ",\n".join(map(json.dumps, cases)) + "\n]"


if __name__ == "__main__":
    main()
