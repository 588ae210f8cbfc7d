"""Writes onnx.json: ONNX's backend test cases for the components shared with nnkit.

Run it with ONNX installed (nnkit is not needed):

    python tests/golden/make_onnx_vectors.py

Large cases are omitted, and those that ONNX defines differently (another hard sigmoid, SELU with
other constants, labels that are not a class, unequal padding of the sides). Arrays have channels
first and samples last.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests
from onnx.helper import get_attribute_value

Spec = dict[str, Any]
Settings = Mapping[str, Any]
Arrays = list[Any]
LARGEST = 600  # numbers in one array

# Each row: ONNX's operator, and nnkit's spec for its attributes; None if nnkit has no equivalent.
ACTIVATIONS: dict[str, Callable[[Settings], Spec | None]] = {
    "Celu": lambda a: {"kind": "celu", "alpha": a.get("alpha", 1.0)},
    "Elu": lambda a: {"kind": "elu", "alpha": a.get("alpha", 1.0)},
    "Exp": lambda a: {"kind": "exponential"},
    "Gelu": lambda a: {"kind": "gelu", "form": "tanh" if "approximate" in a else "exact"},
    "HardSigmoid": lambda a: (
        {"kind": "hard_sigmoid", "slope": a.get("alpha", 0.2)} if "beta" not in a else None
    ),
    "HardSwish": lambda a: {"kind": "hard_swish"},
    "Identity": lambda a: {"kind": "identity"},
    "LeakyRelu": lambda a: {"kind": "leaky_relu", "slope": a.get("alpha", 0.01)},
    "LogSoftmax": lambda a: {"kind": "log_softmax"},
    "Mish": lambda a: {"kind": "mish"},
    "Relu": lambda a: {"kind": "relu"},
    "Selu": lambda a: {"kind": "selu"} if "alpha" not in a else None,
    "Sigmoid": lambda a: {"kind": "sigmoid"},
    "Softmax": lambda a: {"kind": "softmax"},
    "Softplus": lambda a: {"kind": "softplus"},
    "Softsign": lambda a: {"kind": "softsign"},
    "Swish": lambda a: {"kind": "silu", "beta": a.get("alpha", 1.0)},
    "Tanh": lambda a: {"kind": "tanh"},
}
LOSSES = {
    "NegativeLogLikelihoodLoss": "negative_log_likelihood",
    "SoftmaxCrossEntropyLoss": "cross_entropy",
}
# Each row: nnkit's spec, and the number of arrays per parameter (itself, gradient, state).
OPTIMIZERS: dict[str, Callable[[Settings], Spec]] = {
    "Adagrad": lambda a: {"kind": "adagrad", "eps": a["epsilon"]},
    "Adam": lambda a: {
        "kind": "adam",
        "beta1": a["alpha"],
        "beta2": a["beta"],
        "eps": a["epsilon"],
    },
    "Momentum": lambda a: {
        "kind": "sgd",
        "momentum": a["alpha"],
        "nesterov": a["mode"] == "nesterov",
    },
}


def activation(spec: Spec, settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    (Z,), (Y,) = inputs, outputs
    if not isinstance(Z, np.ndarray) or Z.dtype != np.float32:
        return None
    if spec["kind"] in ("softmax", "log_softmax"):
        axis = settings.get("axis", -1)
    else:
        axis = 0
        Z, Y = Z[:: max(len(Z) // 50, 1)], Y[:: max(len(Y) // 50, 1)]
    return {"spec": spec, "Z": matrix(Z, axis), "Y": matrix(Y, axis)}


def loss(kind: str, settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    Z, T, *weights = inputs
    if T.min() < 0 or T.max() >= Z.shape[1] or Z.size > LARGEST:
        return None
    spec: Spec = {"kind": kind}
    if weights:
        spec["class_weights"] = {str(i): number(w) for i, w in enumerate(weights[0])}
    if "ignore_index" in settings:
        spec["ignored"] = str(settings["ignore_index"])
    reduction = settings["reduction"]
    value = outputs[0].ravel().tolist() if reduction == "none" else number(outputs[0])
    return {
        "spec": spec,
        "reduction": reduction,
        "Z": matrix(Z, 1),
        "classes": T.ravel().tolist(),
        "loss": value,
    }


def optimizer(spec: Spec, settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec:
    (rate, updates, *rest), states = inputs, {"adam": 2}.get(spec["kind"], 1)
    assert updates == 0  # the first step: no bias correction and no decay
    parameters = len(rest) // (2 + states)
    groups = [flat(rest[i : i + parameters]) for i in range(0, len(rest), parameters)]
    after = [flat(outputs[i : i + parameters]) for i in range(0, len(outputs), parameters)]
    return {
        "spec": {**spec, "lr": number(rate)},
        "l2": settings["norm_coefficient"],
        "start": groups[0],
        "gradient": groups[1],
        "state": groups[2:],
        "end": after[0],
        "state_after": after[1:],
    }


def batch_norm(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec:
    X, scale, shift, mean, variance = inputs
    case = {
        "spec": {"kind": "batch_norm", "eps": settings.get("epsilon", 1e-5)},
        "training": bool(settings.get("training_mode", 0)),
        "params": {"scale": rounded(scale), "shift": rounded(shift)},
        "state": {"mean": rounded(mean), "variance": rounded(variance)},
        "X": rounded(np.moveaxis(X, 0, -1)),
        "Y": rounded(np.moveaxis(outputs[0], 0, -1)),
    }
    # ONNX uses the biased variance for the running variance
    return case | ({"mean_after": rounded(outputs[1])} if len(outputs) > 1 else {})


def layer_norm(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    X, scale, shift = inputs
    if settings.get("axis", -1) % X.ndim != 1:
        return None
    return {
        "spec": {"kind": "layer_norm", "eps": settings.get("epsilon", 1e-5)},
        "training": True,
        "params": {"scale": rounded(scale.ravel()), "shift": rounded(shift.ravel())},
        "X": rounded(np.moveaxis(X, 0, -1)),
        "Y": rounded(np.moveaxis(outputs[0], 0, -1)),
    }


def convolution(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    X, W = inputs
    padding = number_padded(settings, X, W.shape[2:])
    if padding is None:
        return None
    return {
        "spec": {
            "kind": "conv",
            "filters": W.shape[0],
            "kernel": per_axis(W.shape[2:]),
            "stride": per_axis(settings.get("strides", [1])),
            "padding": padding,
            "bias": False,
        },
        "params": {"W": rounded(W)},
        **both_ends(X, outputs[0]),
    }


def transposed_convolution(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    X, W = inputs
    if {"output_shape", "auto_pad", "pads"} & set(settings):
        return None
    groups = settings.get("group", 1)
    return {
        "spec": {
            "kind": "conv_transpose",
            "filters": W.shape[1] * groups,
            "kernel": per_axis(W.shape[2:]),
            "stride": per_axis(settings.get("strides", [1])),
            "output_padding": per_axis(settings.get("output_padding", [0])),
            "dilation": per_axis(settings.get("dilations", [1])),
            "groups": groups,
            "bias": False,
        },
        "params": {"W": rounded(W)},
        **both_ends(X, outputs[0]),
    }


def pool(kind: str, settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    (X,), size = inputs, settings["kernel_shape"]
    padding = number_padded(settings, X, size)
    if padding is None or settings.get("ceil_mode") or "dilations" in settings:
        return None
    spec = {
        "kind": kind,
        "size": per_axis(size),
        "stride": per_axis(settings.get("strides", [1])),
        "padding": padding,
    }
    if kind == "avg_pool":
        spec["count_padding"] = bool(settings.get("count_include_pad", 0))
    return {"spec": spec, **both_ends(X, outputs[0])}


def global_pool(kind: str, inputs: Arrays, outputs: Arrays) -> Spec:
    (X,), (Y,) = inputs, outputs
    return {"spec": {"kind": kind}, **both_ends(X, Y.reshape(Y.shape[:2]))}


def zero_pad(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    """Converts padding with a constant to zero padding, by subtracting the constant."""
    X, pads, *constant = inputs
    if settings["mode"] != "constant" or len(constant) != 1:
        return None
    ahead, behind = pads.reshape(2, X.ndim).tolist()
    assert ahead[:2] == behind[:2] == [0, 0]
    spec = {"kind": "zero_pad", "size": ahead[2:], "behind": behind[2:]}
    return {"spec": spec, **both_ends(X - constant[0], outputs[0] - constant[0])}


def up_sample(settings: Settings, inputs: Arrays, outputs: Arrays) -> Spec | None:
    X, factors = inputs[0], inputs[-1]
    methods = {"nearest": "nearest", "linear": "bilinear"}
    otherwise = set(settings) - {"mode", "axes"}
    if settings["mode"] not in methods or otherwise or factors.dtype != np.float32:
        return None
    by_axis = dict(zip(settings.get("axes", range(X.ndim)), factors.tolist(), strict=True))
    size = [by_axis[axis] for axis in (2, 3)]
    if not all(factor.is_integer() for factor in size):
        return None
    spec = {
        "kind": "up_sample",
        "size": per_axis([int(factor) for factor in size]),
        "method": methods[settings["mode"]],
    }
    return {"spec": spec, **both_ends(X, outputs[0])}


def number_padded(settings: Settings, X: Any, kernel: Any) -> int | None:
    """Returns the padding as one number, or None if the sides differ."""
    strides = settings.get("strides", [1] * len(kernel))
    if "auto_pad" in settings:
        sizes = zip(X.shape[2:], kernel, strides, strict=True)
        pads = [((math.ceil(n / s) - 1) * s + k - n) / 2 for n, k, s in sizes]
    else:
        pads = settings.get("pads", [0])
    return int(pads[0]) if len(set(pads)) == 1 and float(pads[0]).is_integer() else None


def per_axis(sizes: Any) -> int | list[int]:
    found = list(sizes)
    return found[0] if len(set(found)) == 1 else found


def both_ends(X: Any, Y: Any) -> Spec:
    ends = {name: rounded(np.moveaxis(array, 0, -1)) for name, array in (("X", X), ("Y", Y))}
    return {"training": True, **ends}


def prelu(inputs: Arrays, outputs: Arrays) -> Spec | None:
    Z, slope = inputs
    if slope.ndim != 1:
        return None
    return {
        "spec": {"kind": "prelu"},
        "params": {"slope": rounded(slope)},
        "Z": matrix(Z, -1),
        "Y": matrix(outputs[0], -1),
    }


IMAGES: dict[str, Callable[[Settings, Arrays, Arrays], Spec | None]] = {
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "MaxPool": lambda a, inputs, outputs: pool("max_pool", a, inputs, outputs),
    "AveragePool": lambda a, inputs, outputs: pool("avg_pool", a, inputs, outputs),
    "GlobalMaxPool": lambda a, inputs, outputs: global_pool("global_max_pool", inputs, outputs),
    "GlobalAveragePool": lambda a, inputs, outputs: global_pool("global_avg_pool", inputs, outputs),
    "Pad": zero_pad,
    "Resize": up_sample,
    "Upsample": up_sample,
}


def recurrent(kind: str, node: Any, settings: Settings, given: Arrays, outputs: Arrays) -> Spec:
    """Converts a case to blocks of rows in nnkit's order of gates: i, f, o, g and r, z, n."""
    named = by_slot("XWRBLHCP", node.input, given)
    order = {"rnn": [0], "lstm": [0, 2, 1, 3], "gru": [1, 0, 2]}[kind]
    units, batchwise = settings["hidden_size"], settings.get("layout", 0)
    # X has the axes (step, sample, input), and the last states (direction, sample, unit).
    X, last = named["X"], by_slot("YHC", node.output, outputs)["H"]
    if batchwise:
        X, last = X.swapaxes(0, 1), last.swapaxes(0, 1)

    def in_order(array: Any) -> Any:
        return np.concatenate([np.split(array, len(order))[gate] for gate in order])

    params: Spec = {}
    for direction, prefix in zip(range(len(named["W"])), ("", "reverse."), strict=False):
        U, W = named["W"][direction], named["R"][direction]
        b, c = np.zeros((2, len(U)), U.dtype)
        if "B" in named:
            b, c = np.split(named["B"][direction], 2)
        params |= {f"{prefix}U": rounded(in_order(U)), f"{prefix}W": rounded(in_order(W))}
        params[f"{prefix}b"] = rounded(in_order(b + c))
        if "P" in named:
            i, o, f = np.split(named["P"][direction], 3)
            params[f"{prefix}p"] = rounded(np.concatenate([i, f, o]))
    spec: Spec = {"kind": kind, "units": units}
    if kind == "lstm":
        spec["peepholes"] = "P" in named
    if kind == "gru":
        assert not settings.get("linear_before_reset")
        spec["reset"] = "before"
    spec["bidirectional"] = settings.get("direction") == "bidirectional"
    assert not any(named[name].any() for name in "HC" if name in named)
    return {
        "spec": spec,
        "lengths": named["L"].tolist() if "L" in named else None,
        "params": params,
        "X": rounded(X.transpose(2, 0, 1)),
        "Y": rounded(np.concatenate([of_one.T for of_one in last])),
    }


def by_slot(slots: str, names: Any, values: Arrays) -> Spec:
    """The values by the letters of their slots; ONNX leaves the names of empty slots empty."""
    used = [slot for slot, name in zip(slots, names, strict=False) if name]
    return dict(zip(used, values, strict=True))


RECURRENT = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}


def converted(
    operator: str, settings: Settings, inputs: Arrays, outputs: Arrays
) -> tuple[str, Spec | None]:
    """Converts a case to nnkit's terms; returns its family and the case."""
    if operator in ACTIVATIONS:
        spec = ACTIVATIONS[operator](settings)
        return "activations", spec and activation(spec, settings, inputs, outputs)
    if operator == "PRelu":
        return "activations", prelu(inputs, outputs)
    if operator in LOSSES:
        return "losses", loss(LOSSES[operator], settings, inputs, outputs)
    if operator in OPTIMIZERS:
        return "optimizers", optimizer(OPTIMIZERS[operator](settings), settings, inputs, outputs)
    if operator == "BatchNormalization":
        return "layers", batch_norm(settings, inputs, outputs)
    if operator == "LayerNormalization":
        return "layers", layer_norm(settings, inputs, outputs)
    if operator in IMAGES and small_floats(*inputs, *outputs):
        return "layers", IMAGES[operator](settings, inputs, outputs)
    return "others", None


def small_floats(*arrays: Any) -> bool:
    """Whether the first array is float32, and all are small with at most two spatial axes."""
    return arrays[0].dtype == np.float32 and all(
        array.size <= LARGEST and array.ndim <= 4 for array in arrays
    )


def cases() -> Iterator[tuple[str, Spec]]:
    for test in load_model_tests(kind="node"):
        if "expanded" in test.name or len(test.model.graph.node) != 1:
            continue
        (node,) = test.model.graph.node
        settings = {a.name: plain(get_attribute_value(a)) for a in node.attribute}
        if node.op_type in RECURRENT:
            if settings.get("direction") != "reverse":  # is half of the bidirectional case
                found = recurrent(RECURRENT[node.op_type], node, settings, *test.data_sets[0])
                yield "recurrent", {"name": test.name.removeprefix("test_"), **found}
            continue
        family, case = converted(node.op_type, settings, *test.data_sets[0])
        if case is not None:
            yield family, {"name": test.name.removeprefix("test_"), **case}


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    return value.decode() if isinstance(value, bytes) else value


def number(value: Any) -> float:
    """Rounds to the digits that a float32 needs."""
    found = float(str(np.float32(value)))
    assert math.isfinite(found)
    return found


def rounded(array: Any) -> Any:
    return [rounded(row) for row in array] if np.ndim(array) else number(array)


def matrix(array: Any, channels: int) -> Any:
    """Reshapes to two axes: channels first, all others merged as samples."""
    first = np.moveaxis(array, channels, 0)
    return rounded(first.reshape(len(first), -1))


def flat(arrays: Arrays) -> Any:
    return rounded(np.concatenate(arrays))


def main() -> None:
    families: dict[str, list[str]] = {}
    for family, case in cases():
        families.setdefault(family, []).append(json.dumps(case))
    rows = [f'"{name}": [\n' + ",\n".join(found) + "\n]" for name, found in families.items()]
    text = ",\n".join([f'"made_with": "ONNX {onnx.__version__}"', *rows])
    Path(__file__).with_name("onnx.json").write_text("{" + text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
