"""Writes torch_conv.json: reference values of PyTorch for layers on images and sequences.

Run it with PyTorch installed (nnkit is not needed), after adding a row to one of the tables:

    python -m tests.golden.make_torch_conv_vectors

Random numbers are small integers for linear layers and pooling, which keeps the file small and
its sums exact. Arrays have samples first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

Spec = dict[str, Any]
Shape = tuple[int, ...]
Tensor = Any
Draw = Callable[..., Tensor]
Row = tuple[Spec, Shape]  # nnkit's spec, and the shape of a sample
SAMPLES = 2

CONVOLUTIONS: list[Row] = [
    ({"kind": "conv", **spec}, shape)
    for spec, shape in (
        # kernels on images
        ({"filters": 2, "kernel": 1, "padding": "valid"}, (3, 5, 7)),
        ({"filters": 3, "kernel": 2, "padding": "valid"}, (2, 9, 6)),
        ({"filters": 3, "kernel": 3, "padding": "valid"}, (2, 5, 7)),
        ({"filters": 2, "kernel": [3, 2], "padding": "valid"}, (1, 9, 6)),
        ({"filters": 2, "kernel": 5, "padding": "valid", "bias": False}, (2, 5, 7)),
        # padding; for even kernels, PyTorch puts the extra one at the end
        ({"filters": 2, "kernel": 1, "padding": "same"}, (2, 5, 7)),
        ({"filters": 2, "kernel": 2, "padding": "same"}, (2, 5, 7)),
        ({"filters": 2, "kernel": 3, "padding": "same", "bias": False}, (2, 9, 6)),
        ({"filters": 2, "kernel": [3, 2], "padding": "same"}, (2, 5, 7)),
        ({"filters": 1, "kernel": 5, "padding": "same"}, (2, 5, 7)),
        ({"filters": 2, "kernel": 3, "padding": 1}, (2, 5, 7)),
        ({"filters": 2, "kernel": 2, "padding": 2}, (1, 5, 7)),
        ({"filters": 2, "kernel": [3, 2], "padding": 1}, (2, 9, 6)),
        ({"filters": 1, "kernel": 3, "padding": "same"}, (1, 1, 1)),
        # strides that divide the size, and strides that leave a remainder
        ({"filters": 2, "kernel": 1, "padding": "valid", "stride": 2}, (2, 5, 7)),
        ({"filters": 2, "kernel": 2, "padding": "valid", "stride": 2}, (2, 5, 7)),
        ({"filters": 2, "kernel": 3, "padding": 1, "stride": 2}, (2, 9, 6)),
        ({"filters": 2, "kernel": 3, "padding": "valid", "stride": [2, 1]}, (2, 5, 7)),
        ({"filters": 2, "kernel": 2, "padding": "valid", "stride": 3, "bias": False}, (2, 9, 6)),
        ({"filters": 2, "kernel": 5, "padding": 2, "stride": 3}, (1, 9, 6)),
        # dilation
        ({"filters": 2, "kernel": 3, "padding": "valid", "dilation": 2}, (2, 5, 7)),
        ({"filters": 2, "kernel": 3, "padding": "same", "dilation": [1, 2]}, (2, 5, 7)),
        ({"filters": 2, "kernel": 2, "padding": "same", "dilation": 2}, (2, 5, 7)),
        ({"filters": 2, "kernel": [3, 2], "padding": 2, "dilation": 2, "stride": 2}, (2, 9, 6)),
        # groups
        ({"filters": 4, "kernel": 3, "padding": "valid", "groups": 2}, (2, 5, 7)),
        ({"filters": 2, "kernel": 3, "padding": 1, "groups": 2, "bias": False}, (4, 5, 7)),
        (
            {
                "filters": 4,
                "kernel": [3, 2],
                "stride": [2, 1],
                "padding": 1,
                "dilation": [1, 2],
                "groups": 2,
            },
            (4, 9, 6),
        ),
        ({"filters": 3, "kernel": 3, "padding": "same", "groups": "depthwise"}, (3, 5, 7)),
        (
            {"filters": 4, "kernel": 2, "padding": "valid", "stride": 2, "groups": "depthwise"},
            (2, 9, 6),
        ),
        # connections from LeNet-5's S2 to its C3
        ({"filters": 16, "kernel": 5, "padding": "valid", "connections": "lenet-5"}, (6, 6, 5)),
        # sequences
        ({"filters": 3, "kernel": 1, "padding": "valid"}, (2, 7)),
        ({"filters": 3, "kernel": 3, "padding": "valid"}, (2, 7)),
        ({"filters": 2, "kernel": 2, "padding": "same"}, (3, 9)),
        ({"filters": 2, "kernel": 5, "padding": "same", "bias": False}, (3, 9)),
        ({"filters": 2, "kernel": 3, "padding": 1, "stride": 2}, (3, 9)),
        ({"filters": 2, "kernel": 2, "padding": "valid", "stride": 3}, (2, 9)),
        ({"filters": 2, "kernel": 3, "padding": 2, "dilation": 2}, (2, 9)),
        ({"filters": 4, "kernel": 3, "padding": "same", "groups": 2}, (4, 9)),
        ({"filters": 3, "kernel": 3, "padding": "valid", "groups": "depthwise"}, (3, 7)),
    )
]

TRANSPOSED: list[Row] = [
    ({"kind": "conv_transpose", **spec}, shape)
    for spec, shape in (
        ({"filters": 2, "kernel": 1}, (3, 3, 4)),
        ({"filters": 3, "kernel": 3}, (2, 3, 4)),
        ({"filters": 2, "kernel": 2, "stride": 2}, (3, 3, 4)),
        ({"filters": 2, "kernel": [3, 2], "stride": [2, 1], "bias": False}, (2, 3, 4)),
        ({"filters": 2, "kernel": 3, "stride": 3}, (2, 2, 3)),
        ({"filters": 2, "kernel": 2, "stride": 3}, (2, 2, 3)),
        ({"filters": 2, "kernel": 3, "padding": 1}, (2, 3, 4)),
        ({"filters": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}, (2, 3, 4)),
        ({"filters": 1, "kernel": 5, "stride": 2, "padding": 2, "output_padding": 1}, (2, 3, 2)),
        ({"filters": 2, "kernel": 3, "dilation": 2}, (2, 2, 3)),
        ({"filters": 2, "kernel": 2, "stride": 2, "dilation": [1, 2], "padding": 1}, (2, 3, 4)),
        ({"filters": 4, "kernel": 3, "stride": 2, "groups": 2}, (2, 2, 3)),
        ({"filters": 2, "kernel": 3, "padding": 1, "groups": 2, "bias": False}, (4, 3, 4)),
        ({"filters": 2, "kernel": 3}, (3, 5)),
        ({"filters": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}, (2, 5)),
        ({"filters": 2, "kernel": 2, "stride": 3, "dilation": 2, "bias": False}, (2, 4)),
        ({"filters": 4, "kernel": 3, "stride": 2, "groups": 2}, (4, 4)),
    )
]

WINDOWS: list[Row] = [
    ({"size": 2}, (2, 4, 6)),
    ({"size": 2}, (2, 5, 7)),
    ({"size": 3, "stride": 2}, (2, 5, 7)),
    ({"size": 3, "stride": 1}, (1, 5, 7)),
    ({"size": [3, 2]}, (2, 9, 6)),
    ({"size": 2, "stride": 3}, (2, 9, 6)),
    ({"size": 3, "stride": [2, 1], "padding": 1}, (2, 5, 7)),
    ({"size": 2, "stride": 2, "padding": 1}, (2, 5, 7)),
    ({"size": 3, "stride": 2, "padding": 1}, (2, 9, 6)),
    ({"size": 2}, (2, 7)),
    ({"size": 3, "stride": 2, "padding": 1}, (2, 9)),
]
MAX_POOLS: list[Row] = [
    *(({"kind": "max_pool", **spec}, shape) for spec, shape in WINDOWS),
    ({"kind": "global_max_pool"}, (3, 5, 7)),
    ({"kind": "global_max_pool"}, (3, 7)),
]
AVERAGE_POOLS: list[Row] = [
    *(
        ({"kind": "avg_pool", **spec, **({"count_padding": counted} if padded else {})}, shape)
        for spec, shape in WINDOWS
        for padded in ["padding" in spec]
        for counted in ((False, True) if padded else (False,))
    ),
    ({"kind": "global_avg_pool"}, (3, 5, 7)),
    ({"kind": "global_avg_pool"}, (3, 7)),
]

RESIZED: list[Row] = [
    ({"kind": "up_sample", "size": 2, "method": "nearest"}, (2, 3, 5)),
    ({"kind": "up_sample", "size": [3, 2], "method": "nearest"}, (2, 3, 2)),
    ({"kind": "up_sample", "size": 2, "method": "nearest"}, (2, 5)),
    ({"kind": "up_sample", "size": 2, "method": "bilinear"}, (2, 3, 5)),
    ({"kind": "up_sample", "size": [3, 2], "method": "bilinear"}, (2, 3, 2)),
    ({"kind": "up_sample", "size": 4, "method": "bilinear"}, (1, 1, 3)),
    ({"kind": "zero_pad", "size": 2}, (2, 3, 2)),
    ({"kind": "zero_pad", "size": [2, 1]}, (2, 3, 2)),
    ({"kind": "zero_pad", "size": [1, 0], "behind": [2, 1]}, (2, 3, 2)),
    ({"kind": "zero_pad", "size": 2}, (2, 5)),
    ({"kind": "reshape", "shape": [2, 3, 2]}, (12,)),
    ({"kind": "reshape", "shape": [6, 2]}, (3, 2, 2)),
]

NORMALIZATIONS: list[Row] = [
    ({"kind": "batch_norm"}, (2, 3, 5)),
    ({"kind": "batch_norm", "momentum": 0.3, "eps": 0.01}, (3, 3, 2)),
    ({"kind": "batch_norm", "affine": False}, (2, 3, 2)),
    ({"kind": "batch_norm"}, (3, 5)),
    ({"kind": "layer_norm"}, (2, 3, 5)),
    ({"kind": "layer_norm", "eps": 0.01, "affine": False}, (3, 3, 2)),
]

SUBSAMPLED: list[Row] = [
    ({"kind": "subsample", "size": 2}, (3, 4, 5)),
    ({"kind": "subsample", "size": [3, 2]}, (2, 7, 4)),
]

RELU: Spec = {"kind": "activation", "function": "relu"}
BLOCKS: list[Row] = [
    (
        {
            "kind": "residual",
            "layers": [
                {"kind": "conv", "filters": 3, "kernel": 3, "padding": 1, "stride": 2},
                {"kind": "batch_norm"},
                RELU,
                {"kind": "conv", "filters": 3, "kernel": 3, "padding": 1, "bias": False},
                {"kind": "batch_norm"},
            ],
        },
        (2, 5, 6),
    ),
    (
        {
            "kind": "residual",
            "layers": [
                {"kind": "conv", "filters": 2, "kernel": 3, "padding": 1},
                RELU,
                {"kind": "conv", "filters": 2, "kernel": 1, "padding": 0},
            ],
        },
        (2, 4, 3),
    ),
]

# LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
# recognition", table I: one row per map of S2, one column per map of C3.
LENET_5 = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


def connected() -> Tensor:
    """Returns a mask (16, 6, 1, 1): 1 where a map of C3 is connected to a map of S2, else 0."""
    seen = torch.tensor([[float(mark == "X") for mark in row] for row in LENET_5])
    return seen.T[:, :, None, None]


def convolution(spec: Spec, shape: Shape) -> Any:
    channels, groups = shape[0], spec.get("groups", 1)
    make = torch.nn.Conv1d if len(shape) == 2 else torch.nn.Conv2d
    module = make(
        channels,
        spec["filters"],
        per_axis(spec["kernel"]),
        stride=per_axis(spec.get("stride", 1)),
        padding=spec["padding"],
        dilation=per_axis(spec.get("dilation", 1)),
        groups=channels if groups == "depthwise" else groups,
        bias=spec.get("bias", True),
    )
    if "connections" in spec:
        module.weight.register_hook(lambda gradient: gradient * connected())
    return module


def transposed_convolution(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.ConvTranspose1d if len(shape) == 2 else torch.nn.ConvTranspose2d
    return make(
        shape[0],
        spec["filters"],
        per_axis(spec["kernel"]),
        stride=per_axis(spec.get("stride", 1)),
        padding=spec.get("padding", 0),
        output_padding=spec.get("output_padding", 0),
        dilation=per_axis(spec.get("dilation", 1)),
        groups=spec.get("groups", 1),
        bias=spec.get("bias", True),
    )


def max_pool(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.MaxPool1d if len(shape) == 2 else torch.nn.MaxPool2d
    return make(*window(spec))


def average_pool(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.AvgPool1d if len(shape) == 2 else torch.nn.AvgPool2d
    return make(*window(spec), count_include_pad=spec.get("count_padding", False))


def window(spec: Spec) -> tuple[Any, Any, int]:
    size = per_axis(spec["size"])
    return size, per_axis(spec.get("stride", size)), spec.get("padding", 0)


def global_max_pool(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.AdaptiveMaxPool1d if len(shape) == 2 else torch.nn.AdaptiveMaxPool2d
    return torch.nn.Sequential(make(1), torch.nn.Flatten())


def global_average_pool(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.AdaptiveAvgPool1d if len(shape) == 2 else torch.nn.AdaptiveAvgPool2d
    return torch.nn.Sequential(make(1), torch.nn.Flatten())


def up_sample(spec: Spec, shape: Shape) -> Any:
    return torch.nn.Upsample(scale_factor=per_axis(spec["size"]), mode=spec["method"])


def zero_pad(spec: Spec, shape: Shape) -> Any:
    axes, size = len(shape) - 1, spec["size"]
    ahead = size if isinstance(size, list) else [size] * axes
    behind = spec.get("behind", ahead)
    pairs = zip(reversed(ahead), reversed(behind), strict=True)  # the last axis first
    last_axis_first = [number for pair in pairs for number in pair]
    return torch.nn.ConstantPad1d(tuple(last_axis_first), 0.0)  # for any number of axes


def reshape(spec: Spec, shape: Shape) -> Any:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Unflatten(1, spec["shape"]))


def batch_norm(spec: Spec, shape: Shape) -> Any:
    make = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    settings = {name: value for name, value in spec.items() if name != "kind"}
    return make(shape[0], **settings)


def layer_norm(spec: Spec, shape: Shape) -> Any:
    return torch.nn.LayerNorm(shape, spec.get("eps", 1e-5), spec.get("affine", True))


class Subsample(torch.nn.Module):  # type: ignore[misc]
    """Subsampling: the sum of each window, times a coefficient, plus a bias."""

    def __init__(self, spec: Spec, shape: Shape) -> None:
        super().__init__()
        self.size = per_axis(spec["size"])
        self.weight = torch.nn.Parameter(torch.ones(shape[0]))
        self.bias = torch.nn.Parameter(torch.zeros(shape[0]))

    def forward(self, X: Tensor) -> Tensor:
        sums = torch.nn.functional.avg_pool2d(X, self.size, divisor_override=1)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]


class Block(torch.nn.Module):  # type: ignore[misc]
    """A residual block, with a 1 × 1 convolution in the shortcut if the shape changes."""

    def __init__(self, spec: Spec, shape: Shape) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList()
        X = torch.zeros(SAMPLES, *shape)
        for layer in spec["layers"]:
            is_relu = layer["kind"] == "activation"
            made = torch.nn.ReLU() if is_relu else MODULES[layer["kind"]](layer, X.shape[1:])
            self.layers.append(made)
            X = made.eval()(X)  # leaves the running means unchanged
        self.shortcut: Any = torch.nn.Identity()
        if X.shape[1:] != shape:
            stride = -(-shape[1] // X.shape[2])
            self.shortcut = torch.nn.Conv2d(shape[0], X.shape[1], 1, stride, bias=False)

    def forward(self, X: Tensor) -> Tensor:
        Y = X
        for layer in self.layers:
            Y = layer(Y)
        return Y + self.shortcut(X)


def names_of(spec: Spec) -> dict[str, str]:
    """Returns PyTorch's names of a layer's parameters, with nnkit's names."""
    if spec["kind"] != "residual":
        return NAMES.get(spec["kind"], {})
    inside = {
        f"layers.{index}.{theirs}": f"layers.{index}.{ours}"
        for index, layer in enumerate(spec["layers"])
        for theirs, ours in names_of(layer).items()
    }
    return inside | {"shortcut.weight": "shortcut.W"}


MODULES: dict[str, Callable[[Spec, Shape], Any]] = {
    "conv": convolution,
    "conv_transpose": transposed_convolution,
    "max_pool": max_pool,
    "avg_pool": average_pool,
    "global_max_pool": global_max_pool,
    "global_avg_pool": global_average_pool,
    "up_sample": up_sample,
    "zero_pad": zero_pad,
    "reshape": reshape,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "subsample": Subsample,
    "residual": Block,
}
# PyTorch's and nnkit's names of the parameters, by layer.
NAMES = {
    "conv": {"weight": "W", "bias": "b"},
    "conv_transpose": {"weight": "W", "bias": "b"},
    "batch_norm": {"weight": "scale", "bias": "shift"},
    "layer_norm": {"weight": "scale", "bias": "shift"},
    "subsample": {"weight": "W", "bias": "b"},
}


def per_axis(size: int | list[int]) -> int | tuple[int, ...]:
    return tuple(size) if isinstance(size, list) else size


def integers(*shape: int) -> Tensor:
    return torch.randint(-9, 10, shape).to(torch.get_default_dtype())


def distinct(*shape: int) -> Tensor:
    """Returns distinct values, so that every maximum is unique."""
    count = torch.Size(shape).numel()
    return (torch.randperm(count) - count // 2).reshape(shape).to(torch.get_default_dtype())


def few(*shape: int) -> Tensor:
    """Returns values with many ties; the gradient of a maximum goes to its first position."""
    return torch.randint(-1, 2, shape).to(torch.get_default_dtype())


def real(*shape: int) -> Tensor:
    return 3 * torch.randn(*shape) + 1


def cases(rows: list[Row], draw: Draw, upstream: Draw = integers) -> Iterator[dict[str, Any]]:
    """Yields a case for each row; normalization layers train on two batches, then infer."""
    for spec, shape in rows:
        module = MODULES[spec["kind"]](spec, shape)
        names = names_of(spec)
        for parameter in module.parameters():
            parameter.data.copy_(upstream(*parameter.shape))
        if "connections" in spec:
            module.weight.data.mul_(connected())
        params = {names[name]: plain(p) for name, p in module.named_parameters()}
        normalizes = "_norm" in json.dumps(spec)
        passes = (True, True, False) if normalizes else (True,)
        batches = [batch(module, draw(SAMPLES, *shape), upstream, names, t) for t in passes]
        yield {"spec": spec, "shape": shape, "params": params, "batches": batches}


def batch(
    module: Any, X: Tensor, upstream: Draw, names: dict[str, str], training: bool
) -> dict[str, Any]:
    """Runs a batch forward, and backward in training; returns the results and the new state."""
    module.train(training)
    X.requires_grad_()
    Y = module(X)
    found = {"training": training, "X": plain(X), "Y": plain(Y)}
    if training:
        dY = upstream(*Y.shape)
        module.zero_grad()
        Y.backward(dY)
        found |= {"dY": plain(dY), "dX": plain(X.grad)}
        found["grads"] = {names[name]: plain(p.grad) for name, p in module.named_parameters()}
        state = {"mean": "running_mean", "variance": "running_var"}
        buffers = dict(module.named_buffers())
        found["state"] = {ours: plain(buffers[n]) for ours, n in state.items() if n in buffers}
    return found


def plain(tensor: Tensor) -> Any:
    """Converts to nested lists, with whole numbers as integers to save space."""

    def short(values: Any) -> Any:
        if isinstance(values, list):
            return [short(value) for value in values]
        return int(values) if values.is_integer() else values

    return short(tensor.detach().tolist())


def main() -> None:
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    layers = [
        *cases(CONVOLUTIONS, integers),
        *cases([CONVOLUTIONS[2], TRANSPOSED[1]], real, real),
        *cases(TRANSPOSED, integers),
        *cases(MAX_POOLS, distinct),
        *cases(MAX_POOLS, few),
        *cases(AVERAGE_POOLS, integers),
        *cases(RESIZED, integers),
        *cases(NORMALIZATIONS, real, real),
        *cases(SUBSAMPLED, integers),
        *cases(BLOCKS, real, real),
    ]
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in layers)
    text = f'{{"made_with": "PyTorch {torch.__version__}",\n"layers": [\n{rows}\n]}}\n'
    Path(__file__).with_name("torch_conv.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
