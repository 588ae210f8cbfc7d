"""Writes torch_attention.json: reference values of PyTorch for encoder–decoder networks.

Run it with PyTorch installed (nnkit is not needed), after adding a row to the table:

    python -m tests.golden.make_torch_attention_vectors

Each case is a network with an LSTM of two directions that reads the source, and an LSTM cell that
writes the target, written with PyTorch's own layers and gradients. The sequences have different
lengths; ids and class numbers have the positions first, (T, N).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Tensor = Any
SOURCE_SYMBOLS, TARGET_SYMBOLS, START = 6, 5, 4
EMBEDDING, UNITS, STATES = 3, 2, 4  # of the decoder: as many as both directions of the encoder
LENGTHS, TARGET_LENGTHS = [4, 2, 1, 3], [2, 5, 3, 1]
NNKITS_GATES, PYTORCHS_GATES = "ifog", "ifgo"

CASES = [
    {"kind": "attention", "score": score, "input_feeding": feeding, "start": start}
    for score, feeding, start in (
        ("general", True, "bridge"),
        ("general", False, "bridge"),
        ("additive", True, "last"),
        ("additive", False, "bridge"),
        ("dot", True, "last"),
        ("scaled", False, "zero"),
    )
]
CASES.append({"kind": "context", "start": "last"})


class EncoderDecoder:
    """A network of one of the cases."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.attends = case["kind"] == "attention"
        self.feeds = case.get("input_feeding", False)
        added = STATES if self.feeds else 0 if self.attends else 2 * UNITS
        self.layers = nn.ModuleDict(
            {
                "source_embedding": nn.Embedding(SOURCE_SYMBOLS, EMBEDDING),
                "encoder": nn.LSTM(EMBEDDING, UNITS, batch_first=True, bidirectional=True),
                "target_embedding": nn.Embedding(TARGET_SYMBOLS, EMBEDDING),
                "decoder": nn.LSTMCell(EMBEDDING + added, STATES),
                "output": nn.Linear(STATES, TARGET_SYMBOLS),
            }
        )
        if self.attends:
            self.layers["attention_vector"] = nn.Linear(2 * UNITS + STATES, STATES)
        if case["start"] == "bridge":
            self.layers["bridge"] = nn.Linear(2 * UNITS, 2 * STATES)
        if case.get("score") in {"general", "additive"}:
            self.layers["of_values"] = nn.Linear(2 * UNITS, STATES, bias=False)
        if case.get("score") == "additive":
            self.layers["of_states"] = nn.Linear(STATES, STATES, bias=False)
            self.layers["of_tanh"] = nn.Linear(STATES, 1, bias=False)
        self.layers.double()

    def logits(self, X: Tensor, T: Tensor) -> Tensor:
        """The logits (T, N, symbols) for sources (T, N) and targets (T, N)."""
        packed = pack_padded_sequence(
            self.layers["source_embedding"](X.T),
            torch.tensor(LENGTHS),
            batch_first=True,
            enforce_sorted=False,
        )
        outputs, (h, c) = self.layers["encoder"](packed)
        V, _ = pad_packed_sequence(outputs, batch_first=True)  # (N, T, values)
        summary, last_cell = (torch.cat(list(vector), dim=1) for vector in (h, c))
        s, cell = self.start(summary, last_cell)
        fed = torch.zeros(len(V), STATES, dtype=V.dtype)
        symbols = torch.cat([torch.full_like(T[:1], START), T[:-1]])
        logits = []
        for before in symbols:
            x = self.layers["target_embedding"](before)
            if self.feeds:
                x = torch.cat([x, fed], dim=1)
            if not self.attends:
                x = torch.cat([x, summary], dim=1)
            s, cell = self.layers["decoder"](x, (s, cell))
            if not self.attends:
                logits.append(self.layers["output"](s))
                continue
            scores = self.scores(s, V)
            after = torch.arange(V.shape[1])[None] >= torch.tensor(LENGTHS)[:, None]
            weights = scores.masked_fill(after, -torch.inf).softmax(dim=1)
            context = torch.einsum("nt,ntv->nv", weights, V)
            fed = torch.tanh(self.layers["attention_vector"](torch.cat([context, s], dim=1)))
            logits.append(self.layers["output"](fed))
        return torch.stack(logits)

    def start(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The first state of the decoder, from the last of the encoder."""
        if self.case["start"] == "last":
            return h, c
        if self.case["start"] == "zero":
            return torch.zeros_like(h), torch.zeros_like(c)
        first, second = torch.tanh(self.layers["bridge"](h)).chunk(2, dim=1)
        return first, second

    def scores(self, s: Tensor, V: Tensor) -> Tensor:
        """The scores (N, T) of values V (N, T, values) for states s (N, states)."""
        if self.case["score"] == "additive":
            hidden = torch.tanh(self.layers["of_states"](s)[:, None] + self.layers["of_values"](V))
            return self.layers["of_tanh"](hidden).squeeze(2)
        keys = self.layers["of_values"](V) if self.case["score"] == "general" else V
        e = torch.einsum("ns,nts->nt", s, keys)
        return e / STATES**0.5 if self.case["score"] == "scaled" else e


def make(case: dict[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """The loss, logits and gradients of one network, with its parameters under nnkit's names."""
    network = EncoderDecoder(case)
    for parameter in network.layers.parameters():
        drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = drawn * 0.7
    X, T = (
        torch.randint(symbols, (max(lengths), len(lengths)), generator=generator)
        for symbols, lengths in ((SOURCE_SYMBOLS, LENGTHS), (START, TARGET_LENGTHS))
    )
    logits = network.logits(X, T)
    counts = torch.arange(len(T))[:, None] < torch.tensor(TARGET_LENGTHS)
    loss = functional.cross_entropy(logits[counts], T[counts])
    loss.backward()
    named = dict(network.layers.named_parameters())
    return {
        "spec": case,
        "lengths": LENGTHS,
        "target_lengths": TARGET_LENGTHS,
        "X": X.tolist(),
        "T": T.tolist(),
        "loss": loss.item(),
        "logits": logits.tolist(),
        "params": blocks(case, {name: p.data for name, p in named.items()}),
        "grads": blocks(case, {name: p.grad for name, p in named.items()}, gradients=True),
    }


def blocks(
    case: dict[str, Any], of_torch: dict[str, Tensor], gradients: bool = False
) -> dict[str, Any]:
    """PyTorch's parameters or their gradients as nnkit's blocks."""
    # A context stands between embedding and LSTM, an attention after the LSTM.
    lstm_prefix = "decoder.1." if case["kind"] == "attention" else "decoder.2."
    found = {
        "encoder.0.W": of_torch["source_embedding.weight"],
        **lstm(of_torch, "encoder", "_l0", "encoder.1.", gradients),
        **lstm(of_torch, "encoder", "_l0_reverse", "encoder.1.reverse.", gradients),
        "decoder.0.W": of_torch["target_embedding.weight"],
        **lstm(of_torch, "decoder", "", lstm_prefix, gradients),
        "decoder.3.W": of_torch["output.weight"],
        "decoder.3.b": of_torch["output.bias"],
    }
    if case["kind"] == "attention":
        found["decoder.2.W_c"] = of_torch["attention_vector.weight"]
        found["decoder.2.b_c"] = of_torch["attention_vector.bias"]
    if case["start"] == "bridge":
        found |= {"bridge.W": of_torch["bridge.weight"], "bridge.b": of_torch["bridge.bias"]}
    if case.get("score") == "general":
        found["decoder.2.W_a"] = of_torch["of_values.weight"]
    if case.get("score") == "additive":
        found["decoder.2.W_a"] = of_torch["of_states.weight"]
        found["decoder.2.U_a"] = of_torch["of_values.weight"]
        found["decoder.2.v_a"] = of_torch["of_tanh.weight"][0]
    return {name: block.tolist() for name, block in found.items()}


def lstm(
    of_torch: dict[str, Tensor], layer: str, suffix: str, prefix: str, gradients: bool
) -> dict[str, Tensor]:
    """The blocks of one direction of an LSTM, with the gates in nnkit's order."""
    units = len(of_torch[f"{layer}.bias_ih{suffix}"]) // 4
    rows = torch.cat(
        [torch.arange(units) + units * PYTORCHS_GATES.index(gate) for gate in NNKITS_GATES]
    )
    U, W, b, c = (
        of_torch[f"{layer}.{name}{suffix}"][rows]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    # The sum of two biases is one; each of them has the same gradient.
    return {f"{prefix}U": U, f"{prefix}W": W, f"{prefix}b": b if gradients else b + c}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    cases = [make(case, generator) for case in CASES]
    content = {"made with": f"PyTorch {torch.__version__}", "decoder layers": cases}
    path = Path(__file__).with_name("torch_attention.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
