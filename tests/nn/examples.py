"""Examples of every member of a union, created from its fields; covers future members, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal, get_args, get_origin

import numpy as np
from pydantic import TypeAdapter, ValidationError

from nnkit.config.spec import Component, members
from nnkit.nn.activations.linear import Identity
from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.layers import ActivationLayer, AnyLayer
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.losses.regression_losses import SquaredError
from nnkit.nn.model import Model
from nnkit.nn.network import Network
from nnkit.nn.params import Array, Shape
from nnkit.random import generator
from nnkit.ranks import ALONE

# Tried in turn for a field without default, and for a layer's input.
VALUES = (3, 0.5, "tanh", (1, 2), ({"dense": 5},))
INPUT_SHAPES: tuple[Shape, ...] = ((5,), (2, 6, 6), (3, 5), (2,))
INPUT_FORMS = (*map(Form.of, INPUT_SHAPES), Form(4, (5,), ids=True))

_SETTINGS: list[dict[str, Any]] = [
    {"kind": "conv", "filters": 2, "kernel": 3, "padding": "same"},
    {"kind": "conv", "filters": 2, "kernel": 3, "padding": 2, "stride": 2, "dilation": 2},
    {"kind": "conv", "filters": 4, "kernel": 1, "groups": "depthwise"},
    {"kind": "max_pool", "size": 3, "padding": 1, "stride": 1},
    {"kind": "avg_pool", "size": 3, "padding": 1, "stride": 2},
    {"kind": "avg_pool", "size": 3, "padding": 1, "stride": 2, "count_padding": False},
    {"kind": "conv_transpose", "filters": 2, "kernel": 3, "stride": 2, "output_padding": 1},
    {"kind": "zero_pad", "size": 1, "behind": 2},
    {"kind": "residual", "layers": [{"conv": {"filters": 4, "kernel": 3, "padding": 1}}]},
    {"kind": "self_attention", "heads": 2, "causal": True, "dropout": 0.3},
    {"kind": "self_attention", "heads": 3, "units": 6, "bias": False},
    {"kind": "rnn", "units": 3, "dropout": 0.3, "recurrent_dropout": 0.3, "output": "all"},
    {"kind": "lstm", "units": 3, "dropout": 0.3, "recurrent_dropout": 0.3, "bidirectional": True},
    {"kind": "lstm", "units": 3, "layer_norm": True, "recurrent_dropout": 0.3, "output": "all"},
    {"kind": "gru", "units": 3, "dropout": 0.3, "recurrent_dropout": 0.3, "output": "all"},
    {"kind": "gru", "units": 3, "recurrent_dropout": 0.3, "reset": "before", "output": "all"},
    {"kind": "embedding", "units": 3, "word_dropout": 0.4},
    {"kind": "positional_encoding", "method": "learned", "length": 12},
    {"kind": "residual", "layers": ["positional_encoding", {"self_attention": 2}]},
    {
        "kind": "residual",
        "layers": [{"conv": {"filters": 3, "kernel": 3, "padding": 1, "stride": 2}}, "batch_norm"],
    },
]
# Layers with settings that are neither switches nor defaults.
LAYERS_WITH_SETTINGS = [TypeAdapter[LayerSpec](AnyLayer).validate_python(s) for s in _SETTINGS]


def examples(union: Any) -> list[Any]:
    """Yields each member with its defaults, and with every other value of each of its switches.

    A switch is a setting that is true or false, or one of a few words.
    """
    return [example for member in members(union).values() for example in _examples(member)]


def _examples(member: type[Component]) -> Iterator[Component]:
    required = [name for name, field in member.model_fields.items() if field.is_required()]
    plain: dict[str, Any] | None = None
    for values in product(VALUES, repeat=len(required)):
        plain = dict(zip(required, values, strict=True))
        if _valid(member, plain):
            break
    assert plain is not None
    yield member.model_validate(plain)
    for name, field in member.model_fields.items():
        for value in _choices(field.annotation):
            changed = {**plain, name: value}
            if name != "kind" and value != field.default and _valid(member, changed):
                yield member.model_validate(changed)


def _choices(annotation: Any) -> tuple[Any, ...]:
    if annotation is bool:
        return (False, True)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _valid(member: type[Component], settings: dict[str, Any]) -> bool:
    try:
        member.model_validate(settings)
    except ValidationError:
        return False
    return True


def name(component: Component) -> str:
    """Returns the test id of an example: its kind and its settings."""
    settings = [
        f"{key}={name(value) if isinstance(value, Component) else value}"
        for key in sorted(component.model_fields_set - {"kind"})
        for value in [getattr(component, key)]
    ]
    return "-".join([component.tag(), *settings])


def input_form(layer: LayerSpec) -> Form:
    """Returns the form of an input that the layer accepts."""
    for form in INPUT_FORMS:
        try:
            Stage.of("only", layer, form)
        except ShapeError:
            continue
        return form
    raise AssertionError(f"{layer.tag()} takes none of {INPUT_FORMS}")


def _form(shape: Shape | Form) -> Form:
    return shape if isinstance(shape, Form) else Form.of(shape)


def loss_of(kind: str) -> Loss:
    """Returns the loss of a kind, with its default settings."""
    loss = members(AnyLoss)[kind].model_validate({"kind": kind})
    assert isinstance(loss, Loss)
    return loss


def model_of(
    layers: list[Any],
    shape: Shape | Form,
    *,
    activation: Any = "tanh",
    loss: Loss | str = "cross_entropy",
    dtype: str = "float64",
    dropout: float | None = None,
    seed: int = 0,
) -> Model:
    """Builds a model from layers as in YAML, with random biases, so that none is zero."""
    chosen = loss if isinstance(loss, Loss) else loss_of(loss)
    architecture = Architecture.model_validate({"layers": layers, "bias_initializer": "normal"})
    activations = Activations.model_validate({"hidden": activation})
    stages = build_stages(architecture, activations, chosen, _form(shape), dropout)
    return Model(stages, chosen, seed, dtype)


def batch_of(model: Model, samples: int, seed: int = 0) -> tuple[Array, Array]:
    """Draws inputs (*input shape, N) and targets (outputs, N) that suit the model's loss."""
    X = inputs_of(model.input_form, samples, seed).astype(model.input_type)
    return X, targets_for(model.loss, (*model.output_shape, samples), seed).astype(model.dtype)


def inputs_of(form: Form, samples: int, seed: int = 0) -> Array:
    """Draws inputs (*input shape, N) of a form: real numbers, or ids."""
    rng = generator(seed, "test batch")
    shape = (*form.shape, samples)
    return rng.integers(form.channels, size=shape) if form.ids else rng.normal(size=shape)


def targets_for(loss: Loss, shape: Shape, seed: int = 0) -> Array:
    """Draws targets (outputs, …, N) that suit the loss: real numbers, one-hot, or ±1."""
    rng = generator(seed, "test targets")
    if loss.coding == "number":
        real = rng.normal(size=shape)
        return real if loss.target_error(real) is None else rng.poisson(2, size=shape).astype(float)
    chosen = rng.integers(shape[0], size=shape[1:])
    on = chosen == np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return np.where(on, 1.0, -1.0 if loss.coding == "signed" else 0.0)


def first_layer(network: Network) -> Layer:
    """Returns the first layer of a bound network."""
    return next(iter(network.body.layers.values()))


def alone(layer: LayerSpec, shape: Shape | Form, dtype: str = "float64") -> Model:
    """Builds a network of only one layer, followed by the identity."""
    only = Stage.of("only", layer, _form(shape))
    stages = [only, Stage.of("output", ActivationLayer(function=Identity()), only.output_form)]
    return Model(stages, SquaredError(), 0, dtype)


def binding_for(
    form: Form,
    batch: int,
    dtype: np.dtype[Any],
    params: Mapping[str, Array] | None = None,
    grads: Mapping[str, Array] | None = None,
) -> Binding:
    """The binding of a single layer in training, with buffers of its own."""
    return Binding(
        form=form,
        batch=batch,
        buffers=Buffers(),
        dtype=dtype,
        params=params or {},
        grads=grads or {},
        state={},
        training=True,
        input_gradient=True,
        input_is_scratch=False,
        input_is_batch_first=False,
        ranks=ALONE,
        seed=0,
        name="layer",
    )
