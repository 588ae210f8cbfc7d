"""Writes torch_sequences.json: reference values of PyTorch for layers over sequences.

Run it with PyTorch installed (nnkit is not needed), after adding a case:

    python -m tests.golden.make_torch_sequence_vectors

Recurrent layers have a file of their own. Arrays have samples last, as (features, positions, N).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

Case = dict[str, Any]
Tensor = Any
SAMPLES, POSITIONS, SYMBOLS, FEATURES = 3, 5, 7, 4


def drawn(generator: torch.Generator, *shape: int) -> Tensor:
    """Normally distributed numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def samples_last(array: Tensor) -> list[Any]:
    """An array (N, positions, features) as (features, positions, N)."""
    nested: list[Any] = array.permute(2, 1, 0).tolist()
    return nested


def of_ids(generator: torch.Generator) -> Iterator[Case]:
    """Yields the cases of layers over ids (N, positions)."""
    ids = torch.randint(SYMBOLS, (SAMPLES, POSITIONS), generator=generator)
    layer = torch.nn.Embedding(SYMBOLS, FEATURES, dtype=torch.float64)
    Y = layer(ids)
    dY = drawn(generator, *Y.shape)
    Y.backward(dY)
    yield {
        "spec": {"kind": "embedding", "units": FEATURES},
        "symbols": SYMBOLS,
        "X": ids.T.tolist(),
        "Y": samples_last(Y),
        "dY": samples_last(dY),
        "params": {"W": layer.weight.tolist()},
        "grads": {"W": layer.weight.grad.tolist()},
    }
    unit_vectors = torch.nn.functional.one_hot(ids, SYMBOLS).double()
    yield {
        "spec": {"kind": "one_hot"},
        "symbols": SYMBOLS,
        "X": ids.T.tolist(),
        "Y": samples_last(unit_vectors),
        "dY": samples_last(torch.zeros_like(unit_vectors)),
        "params": {},
        "grads": {},
    }


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    content = {"made with": f"PyTorch {torch.__version__}", "layers": [*of_ids(generator)]}
    path = Path(__file__).with_name("torch_sequences.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
