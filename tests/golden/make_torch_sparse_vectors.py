"""Writes torch_sparse.json: updates of an embedding from sparse gradients, by PyTorch.

Run it with PyTorch installed (nnkit is not needed), after adding a case:

    python -m tests.golden.make_torch_sparse_vectors

PyTorch's SparseAdam adds ε to √v before the bias is corrected, Adam and nnkit afterwards; ε is so
small here that it makes no difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SYMBOLS, FEATURES, EPS = 6, 3, 1e-30
BATCHES = [[0, 2, 2, 5], [2, 3], [0, 0, 5], [1, 2, 3, 3]]  # ids of each step; 4 never occurs
OPTIMIZERS: list[tuple[dict[str, Any], Callable[..., Any], dict[str, Any]]] = [
    ({"kind": "sgd", "lr": 0.1}, torch.optim.SGD, {"lr": 0.1}),
    ({"kind": "adam", "lr": 0.1, "eps": EPS}, torch.optim.SparseAdam, {"lr": 0.1, "eps": EPS}),
    (
        {"kind": "adam", "lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": EPS},
        torch.optim.SparseAdam,
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": EPS},
    ),
    (
        {"kind": "adagrad", "lr": 0.1, "initial": 0.25},
        torch.optim.Adagrad,
        {"lr": 0.1, "initial_accumulator_value": 0.25},
    ),
]


def updates(generator: torch.Generator, optimizer_class: Any, settings: Any) -> dict[str, Any]:
    """The weights before and after each step, and the gradients, which are 0 for other ids."""
    layer = torch.nn.Embedding(SYMBOLS, FEATURES, sparse=True, dtype=torch.float64)
    layer.weight.data = torch.randn(SYMBOLS, FEATURES, generator=generator, dtype=torch.float64)
    optimizer = optimizer_class(layer.parameters(), **settings)
    weights, grads = [layer.weight.tolist()], []
    for ids in BATCHES:
        optimizer.zero_grad()
        Y = layer(torch.tensor(ids))
        Y.backward(torch.randn(Y.shape, generator=generator, dtype=torch.float64))
        grads.append(layer.weight.grad.to_dense().tolist())
        optimizer.step()
        weights.append(layer.weight.tolist())
    return {"weights": weights, "grads": grads}


def main() -> None:
    """Writes the file next to this script."""
    generator = torch.Generator().manual_seed(0)
    cases = [
        {"spec": spec, **updates(generator, optimizer_class, settings)}
        for spec, optimizer_class, settings in OPTIMIZERS
    ]
    path = Path(__file__).with_name("torch_sparse.json")
    content = {"made with": f"PyTorch {torch.__version__}", "lazy updates": cases}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
