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
LENGTHS = [3, 5, 1]
WIDTH = 6  # of the hidden layer in an encoder layer


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


def of_positions(generator: torch.Generator) -> Iterator[Case]:
    """Yields the cases of layers that treat positions alike, or add something to each."""
    norm = torch.nn.LayerNorm(FEATURES, dtype=torch.float64)
    for parameter in norm.parameters():
        parameter.data = drawn(generator, *parameter.shape)
    X = drawn(generator, SAMPLES, POSITIONS, FEATURES).requires_grad_()
    spec: Case = {"kind": "layer_norm", "over": "channels"}
    yield ended(generator, spec, X, norm(X), {"scale": norm.weight, "shift": norm.bias})
    longest = POSITIONS + 2
    table = torch.nn.Embedding(longest, FEATURES, dtype=torch.float64)
    X = drawn(generator, SAMPLES, POSITIONS, FEATURES).requires_grad_()
    spec = {"kind": "positional_encoding", "method": "learned", "length": longest}
    Y = X + table(torch.arange(POSITIONS))
    case = ended(generator, spec, X, Y, {"P": table.weight})
    for part in ("params", "grads"):  # PyTorch has a row for each position
        case[part] = {"P": [*zip(*case[part]["P"], strict=True)]}
    yield case


def of_attention(generator: torch.Generator) -> Iterator[Case]:
    """Yields the cases of multi-head self-attention, over sequences of different lengths."""
    for heads, causal, bias in ((1, False, True), (2, False, True), (2, True, False)):
        layer = torch.nn.MultiheadAttention(
            FEATURES, heads, bias=bias, batch_first=True, dtype=torch.float64
        )
        for parameter in layer.parameters():
            parameter.data = drawn(generator, *parameter.shape) / 2
        X = drawn(generator, SAMPLES, POSITIONS, FEATURES).requires_grad_()
        future = torch.triu(torch.ones(POSITIONS, POSITIONS, dtype=torch.bool), 1)
        Y, _ = layer(X, X, X, key_padding_mask=past_the_end(), attn_mask=future if causal else None)
        spec = {"kind": "self_attention", "heads": heads, "causal": causal, "bias": bias}
        yield ended(generator, spec, X, Y, of_projections(layer), LENGTHS)


def of_projections(layer: torch.nn.MultiheadAttention) -> dict[str, Tensor]:
    """The parameters of attention by nnkit's names."""
    found = {"W": layer.in_proj_weight, "O": layer.out_proj.weight}
    if layer.in_proj_bias is not None:
        found |= {"b": layer.in_proj_bias, "c": layer.out_proj.bias}
    return found


def past_the_end() -> Tensor:
    """Whether a position is after the end of its sequence, (N, positions)."""
    return torch.arange(POSITIONS) >= torch.tensor(LENGTHS)[:, None]


def ended(
    generator: torch.Generator,
    spec: Any,
    X: Tensor,
    Y: Tensor,
    params: dict[str, Tensor],
    lengths: list[int] | None = None,
) -> Case:
    """A case: outputs and gradients for a gradient dY, which is 0 after the ends."""
    dY = drawn(generator, *Y.shape)
    if lengths is not None:
        dY[past_the_end()] = 0
    Y.backward(dY)
    return {
        "spec": spec,
        **({} if lengths is None else {"lengths": lengths}),
        "X": samples_last(X),
        "Y": samples_last(Y),
        "dY": samples_last(dY),
        "dX": samples_last(X.grad),
        "params": {name: block.tolist() for name, block in params.items()},
        "grads": {name: block.grad.tolist() for name, block in params.items()},
    }


def transformers(generator: torch.Generator) -> Iterator[Case]:
    """Yields encoder layers of Transformers, with normalization after or before each block."""
    for norm_first in (False, True):
        layer = torch.nn.TransformerEncoderLayer(
            FEATURES,
            nhead=2,
            dim_feedforward=WIDTH,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=norm_first,
            dtype=torch.float64,
        )
        for parameter in layer.parameters():
            parameter.data = drawn(generator, *parameter.shape) / 2
        X = drawn(generator, SAMPLES, POSITIONS, FEATURES).requires_grad_()
        Y = layer(X, src_key_padding_mask=past_the_end())
        norm, second_norm = (
            {"scale": found.weight, "shift": found.bias} for found in (layer.norm1, layer.norm2)
        )
        attention, wide, narrow = (
            of_projections(layer.self_attn),
            {"W": layer.linear1.weight, "b": layer.linear1.bias},
            {"W": layer.linear2.weight, "b": layer.linear2.bias},
        )
        # The places of layers in the lists that tests/nn/test_sequence_layers.py has.
        places: dict[str, dict[str, Tensor]] = {
            "layers.0.layers.0": attention,
            "layers.1": norm,
            "layers.2.layers.0": wide,
            "layers.2.layers.2": narrow,
            "layers.3": second_norm,
        }
        if norm_first:
            places = {
                "layers.0.layers.0": norm,
                "layers.0.layers.1": attention,
                "layers.1.layers.0": second_norm,
                "layers.1.layers.1": wide,
                "layers.1.layers.3": narrow,
            }
        params = {f"{at}.{name}": p for at, own in places.items() for name, p in own.items()}
        yield ended(generator, {"norm_first": norm_first}, X, Y, params, LENGTHS)


def lazy_updates(generator: torch.Generator) -> dict[str, Any]:
    """An embedding that SparseAdam updates, in the rows of the ids of each step alone.

    It adds ε before the correction of the bias, other than Adam; so small an ε does not matter.
    """
    layer = torch.nn.Embedding(SYMBOLS, FEATURES, sparse=True, dtype=torch.float64)
    layer.weight.data = drawn(generator, SYMBOLS, FEATURES)
    start = layer.weight.tolist()
    optimizer = torch.optim.SparseAdam(layer.parameters(), lr=0.1, eps=1e-15)
    grads = []
    for _ in range(6):
        ids = torch.randint(SYMBOLS, (SAMPLES,), generator=generator)
        optimizer.zero_grad()
        (layer(ids) * drawn(generator, SAMPLES, FEATURES)).sum().backward()
        assert layer.weight.grad is not None
        grads.append(layer.weight.grad.to_dense().tolist())
        optimizer.step()
    return {"start": start, "grads": grads, "end": layer.weight.tolist()}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    kinds = (of_ids, of_positions, of_attention)
    content = {
        "made with": f"PyTorch {torch.__version__}",
        "layers": [case for kind in kinds for case in kind(generator)],
        "transformers": [*transformers(generator)],
        "lazy updates": [lazy_updates(generator)],
    }
    path = Path(__file__).with_name("torch_sequences.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
