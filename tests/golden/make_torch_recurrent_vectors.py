"""Writes torch_recurrent.json: reference values of PyTorch for recurrent layers.

Run it with PyTorch installed (nnkit is not needed), after adding a row to the table:

    python -m tests.golden.make_torch_recurrent_vectors

The sequences have different lengths, one of them 1. Arrays have samples first; padding is 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Spec = dict[str, Any]
Tensor = Any
FEATURES, UNITS, POSITIONS = 3, 4, 5
LENGTHS = [5, 2, 1, 4]
GATES = {"rnn": "h", "lstm": "ifog", "gru": "rzn"}  # the order of nnkit's rows
PYTORCHS_GATES = {"rnn": "h", "lstm": "ifgo", "gru": "rzn"}
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}

SPECS: list[Spec] = [
    {"kind": kind, "units": UNITS, **settings, **directions, "output": output}
    for kind, settings in (
        ("rnn", {"activation": "tanh"}),
        ("rnn", {"activation": "relu"}),
        ("lstm", {}),
        ("gru", {}),
    )
    for directions in ({}, {"bidirectional": True})
    for output in ("all", "last")
]


def case(spec: Spec, generator: torch.Generator) -> dict[str, Any]:
    """The outputs and gradients of one layer, with its parameters in nnkit's order."""

    def draw(shape: Any) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    settings = {"nonlinearity": spec["activation"]} if spec["kind"] == "rnn" else {}
    layer = MODULES[spec["kind"]](
        FEATURES,
        UNITS,
        batch_first=True,
        bidirectional=spec.get("bidirectional", False),
        dtype=torch.float64,
        **settings,
    )
    for parameter in layer.parameters():
        parameter.data = draw(parameter.shape) / 2
    X = draw((len(LENGTHS), POSITIONS, FEATURES))
    for sample, length in enumerate(LENGTHS):
        X[sample, length:] = 0
    X.requires_grad_()
    packed = pack_padded_sequence(X, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    outputs, states = layer(packed)
    if spec["output"] == "all":
        Y, _ = pad_packed_sequence(outputs, batch_first=True, total_length=POSITIONS)
    else:
        last = states[0] if spec["kind"] == "lstm" else states  # (directions, samples, units)
        Y = torch.cat(list(last), dim=1)
    dY = draw(Y.shape)
    if spec["output"] == "all":
        for sample, length in enumerate(LENGTHS):
            dY[sample, length:] = 0
    Y.backward(dY)
    return {
        "spec": spec,
        "lengths": LENGTHS,
        "X": X.tolist(),
        "Y": Y.tolist(),
        "dY": dY.tolist(),
        "dX": X.grad.tolist(),
        "params": blocks(spec, {n: p.data for n, p in layer.named_parameters()}),
        "grads": blocks(spec, {n: p.grad for n, p in layer.named_parameters()}, gradients=True),
    }


def blocks(spec: Spec, of_torch: dict[str, Tensor], gradients: bool = False) -> dict[str, Any]:
    """PyTorch's parameters or their gradients as nnkit's blocks."""
    kind = spec["kind"]
    found: dict[str, Any] = {}
    rows = torch.cat(
        [torch.arange(UNITS) + UNITS * PYTORCHS_GATES[kind].index(gate) for gate in GATES[kind]]
    )
    for prefix, suffix in (("", ""), ("reverse.", "_reverse")):
        if f"weight_ih_l0{suffix}" not in of_torch:
            continue
        U, W, b, c = (
            of_torch[f"{name}_l0{suffix}"][rows]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        found |= {f"{prefix}U": U.tolist(), f"{prefix}W": W.tolist()}
        if kind == "gru":
            # Only the bias of the candidate's product with the state is a parameter of its own.
            found[f"{prefix}d"] = c[2 * UNITS :].tolist()
            c = torch.cat([c[: 2 * UNITS], torch.zeros(UNITS, dtype=c.dtype)])
        # The sum of two biases is one; each of them has the same gradient.
        found[f"{prefix}b"] = (b if gradients else b + c).tolist()
    return found


def stream(spec: Spec, generator: torch.Generator) -> dict[str, Any]:
    """Two passes over halves of sequences; the second begins with the detached state of the first.

    The gradients are the sums of those of both passes (truncated backpropagation through time).
    """
    layer = MODULES[spec["kind"]](FEATURES, UNITS, batch_first=True, dtype=torch.float64)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2
    shape = (len(LENGTHS), 2 * POSITIONS)
    X = torch.randn((*shape, FEATURES), generator=generator, dtype=torch.float64)
    X.requires_grad_()
    dY = torch.randn((*shape, UNITS), generator=generator, dtype=torch.float64)
    state, outputs = None, []
    for half in (slice(POSITIONS), slice(POSITIONS, None)):
        Y, state = layer(X[:, half], state)
        Y.backward(dY[:, half])
        state = tuple(s.detach() for s in state) if spec["kind"] == "lstm" else state.detach()
        outputs.append(Y.detach())
    return {
        "spec": spec,
        "X": X.tolist(),
        "Y": torch.cat(outputs, dim=1).tolist(),
        "dY": dY.tolist(),
        "dX": X.grad.tolist(),
        "params": blocks(spec, {n: p.data for n, p in layer.named_parameters()}),
        "grads": blocks(spec, {n: p.grad for n, p in layer.named_parameters()}, gradients=True),
    }


def normalized_lstm(generator: torch.Generator) -> dict[str, Any]:
    """An LSTM with layer normalization by the formulas of its paper.

    Ba, Kiros & Hinton 2016, eq. 20 to 22, with PyTorch's `layer_norm`; rows are i, f, o, g.
    """

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    rows = 4 * UNITS
    shapes = {"U": (rows, FEATURES), "W": (rows, UNITS), "b": (rows,)}
    shapes |= {"scale_s": (rows,), "scale_x": (rows,), "scale_c": (UNITS,), "shift_c": (UNITS,)}
    p = {name: (draw(*shape) / 2).requires_grad_() for name, shape in shapes.items()}
    X = draw(len(LENGTHS), POSITIONS, FEATURES)
    dY = draw(len(LENGTHS), POSITIONS, UNITS)
    for sample, length in enumerate(LENGTHS):
        X[sample, length:] = dY[sample, length:] = 0
    X.requires_grad_()
    norm = torch.nn.functional.layer_norm
    Y = torch.zeros_like(dY)
    for sample, length in enumerate(LENGTHS):
        s, c = torch.zeros(2, UNITS, dtype=torch.float64)
        for t in range(length):
            from_state = norm(p["W"] @ s, (rows,), p["scale_s"])
            from_input = norm(p["U"] @ X[sample, t], (rows,), p["scale_x"])
            i, f, o, g = (from_state + from_input + p["b"]).split(UNITS)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            s = torch.sigmoid(o) * torch.tanh(norm(c, (UNITS,), p["scale_c"], p["shift_c"]))
            Y[sample, t] = s
    Y.backward(dY)
    return {
        "spec": {"kind": "lstm", "units": UNITS, "layer_norm": True, "output": "all"},
        "lengths": LENGTHS,
        "X": X.tolist(),
        "Y": Y.tolist(),
        "dY": dY.tolist(),
        "dX": X.grad.tolist(),
        "params": {name: block.tolist() for name, block in p.items()},
        "grads": {name: block.grad.tolist() for name, block in p.items()},
    }


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    cases = [case(spec, generator) for spec in SPECS]
    content = {
        "made with": f"PyTorch {torch.__version__}",
        "streams": [
            stream({"kind": kind, "units": UNITS, "output": "all"}, generator) for kind in MODULES
        ],
        "layers": [*cases, normalized_lstm(generator)],
    }
    path = Path(__file__).with_name("torch_recurrent.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
