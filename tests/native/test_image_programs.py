"""Tests of image networks in programs, against the same networks on NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.memory import aligned_empty
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.library import Library, library, usable_kernels
from nnkit.native.program import Program, TrainingData
from nnkit.native.program_layer import SEQUENCE_AXES, ProgramLayer
from nnkit.native.structures import PaceStructure
from nnkit.nn.activation import Activation
from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass
from nnkit.optim.optimizers.sgd import SGD
from nnkit.random import generator
from tests.native.networks import update_of, use_threads
from tests.nn.examples import batch_of, examples, input_form, model_of, name

pytestmark = pytest.mark.native
NOW = Pass(training=True, step=7)  # its random draws are not the first
PRECISIONS = {"float32": 2e-5, "float64": 1e-12}  # relative to the largest number
SAME: dict[str, Any] = {"kernel": 3, "padding": "same"}

# Odd sizes leave out the last row or column of windows; filters fill no whole tile.
NETWORKS: dict[str, tuple[list[Any], Shape]] = {
    "lenet": (
        [
            {"conv": {"filters": 6, "kernel": 5, "padding": "same"}},
            {"max_pool": 2},
            {"conv": {"filters": 7, "kernel": 5}},
            {"max_pool": 2},
            "flatten",
            {"dense": 5},
            {"dense": 3},
        ],
        (1, 15, 13),
    ),
    "kernels": (
        [
            {"conv": {"filters": 5, "kernel": [3, 2], "padding": 1, "activation": "relu"}},
            {"conv": {"filters": 4, "kernel": [1, 7], "padding": [0, 3], "bias": False}},
            {"conv": {"filters": 3, "kernel": 4, "padding": 5}},
            "flatten",
            {"dense": 2},
        ],
        (2, 5, 8),
    ),
    "points": (
        [
            {"conv": {"filters": 9, "kernel": 1}},
            {"conv": {"filters": 8, "kernel": 1}},
            "global_avg_pool",
            {"dense": 3},
        ],
        (3, 4, 3),
    ),
    "normalized": (
        [
            {"conv": {"filters": 5, **SAME, "activation": "identity", "bias": False}},
            "batch_norm",
            {"activation": "relu"},
            {"max_pool": 2},
            {"dropout": 0.25},
            {"conv": {"filters": 4, "kernel": 2, "activation": "identity"}},
            {"batch_norm": {"affine": False, "momentum": 0.3}},
            {"activation": "tanh"},
            {"dropout": 0.4},
            "flatten",
            {"dropout": 0.1},
            {"dense": {"units": 9, "activation": "identity"}},
            "batch_norm",
            {"activation": "relu"},
            {"dropout": 0.5},
            {"dense": 2},
        ],
        (2, 7, 5),
    ),
    "pooling": (
        [
            {"conv": {"filters": 3, **SAME}},
            {"max_pool": {"size": 3, "stride": 2}},
            {"avg_pool": {"size": [2, 1], "stride": 1}},
            {"conv": {"filters": 4, "kernel": 2}},
            "global_max_pool",
            {"dense": 3},
        ],
        (2, 9, 8),
    ),
    "sequences": (
        [
            {"dropout": 0.1},
            {"activation": "softsign"},
            {"conv": {"filters": 5, **SAME}},
            {"max_pool": 2},
            {"conv": {"filters": 3, "kernel": 2}},
            "flatten",
            {"dropout": 0.1},
            {"dense": 4},
            "flatten",
            {"dense": 2},
        ],
        (4, 9),
    ),
    "reshaped": (
        [
            {"reshape": [1, 5, 6]},
            {"conv": {"filters": 4, **SAME}},
            "flatten",
            {"dense": 12},
            {"reshape": [3, 2, 2]},
            {"conv": {"filters": 2, "kernel": 1}},
            {"reshape": [4, 2, 1]},
            {"conv": {"filters": 2, "kernel": 1}},
            "flatten",
            {"dense": 2},
        ],
        (30,),
    ),
    # Tiles that reach beyond the image, rows of them that fill no whole tile of registers.
    "winograd": (
        [
            {"conv": {"filters": 17, "kernel": 3}},
            {"conv": {"filters": 19, **SAME, "activation": "identity", "bias": False}},
            "batch_norm",
            {"activation": "relu"},
            {"max_pool": 2},
            {"residual": [{"conv": {"filters": 19, **SAME, "activation": "tanh"}}]},
            {"conv": {"filters": 16, "kernel": 3, "padding": [0, 2], "activation": "gelu"}},
            "flatten",
            {"dense": 3},
        ],
        (16, 13, 16),
    ),
    "frozen": (
        [
            {"conv": {"filters": 3, "kernel": 3, "lr_factor": 0}},
            {"batch_norm": {"affine": False}},
            {"dropout": 0.2},
            {"conv": {"filters": 3, "kernel": 3}},
            "flatten",
            {"dense": 2},
        ],
        (1, 6, 6),
    ),
    "strides": (
        [
            {"conv": {"filters": 6, "kernel": [3, 4], "stride": [2, 3], "padding": 2}},
            {"conv": {"filters": 5, "kernel": 3, "dilation": [3, 2], "padding": [4, 3]}},
            {"conv": {"filters": 4, "kernel": 2, "dilation": [4, 3], "stride": [6, 2]}},
            "flatten",
            {"dense": 3},
        ],
        (3, 13, 16),
    ),
    "groups": (
        [
            {"conv": {"filters": 8, "kernel": 3, "groups": 2, "stride": 2, "padding": 1}},
            {"max_pool": 2},
            {"conv": {"filters": 8, "kernel": 3, "groups": "depthwise", "padding": "same"}},
            {"conv": {"filters": 6, "kernel": 1, "groups": 2, "stride": 2}},
            "flatten",
            {"dense": 3},
        ],
        (4, 17, 18),
    ),
    "transposed": (
        [
            {"conv": {"filters": 4, "kernel": 2, "stride": 2}},
            {
                "conv_transpose": {
                    "filters": 6,
                    "kernel": 3,
                    "stride": 2,
                    "padding": 1,
                    "output_padding": 1,
                    "groups": 2,
                }
            },
            {"conv_transpose": {"filters": 3, "kernel": [2, 4], "stride": [3, 2], "dilation": 2}},
            {"conv": {"filters": 2, "kernel": 3}},
            "flatten",
            {"dense": 3},
        ],
        (2, 6, 5),
    ),
    "padded": (
        [
            {"conv": {"filters": 3, **SAME}},
            {"max_pool": {"size": 3, "stride": 2, "padding": 1}},
            {"avg_pool": {"size": [3, 2], "stride": 1, "padding": 1}},
            {"zero_pad": {"size": [1, 2], "behind": [2, 0]}},
            {"spatial_dropout": 0.3},
            {"conv": {"filters": 4, "kernel": 2}},
            {"avg_pool": {"size": 3, "stride": 2, "padding": 1, "count_padding": False}},
            "flatten",
            {"dense": 3},
        ],
        (2, 9, 8),
    ),
    "enlarged": (
        [
            {"conv": {"filters": 3, "kernel": 2, "activation": "gelu"}},
            {"up_sample": [2, 3]},
            {"conv": {"filters": 3, "kernel": 2, "activation": {"prelu": {"shared": True}}}},
            {"up_sample": {"size": [3, 2], "method": "bilinear"}},
            "layer_norm",
            {"conv": {"filters": 3, "kernel": 4, "activation": "prelu"}},
            "flatten",
            {"dense": {"units": 19, "activation": "identity"}},
            {"layer_norm": {"affine": False}},
            {"activation": "silu"},
            {"dense": {"units": 7, "activation": "prelu"}},
            {"dense": {"units": 6, "activation": {"prelu": {"shared": True}}}},
            {"dense": {"units": 18, "activation": "softmax"}},
            {"dense": {"units": 5, "activation": "log_softmax"}},
            {"dense": 3},
        ],
        (2, 4, 3),
    ),
    # Identities and projections, blocks in blocks, dropout with the name of an inner layer.
    "residual": (
        [
            {"residual": [{"conv": {"filters": 2, **SAME}}, {"conv": {"filters": 2, **SAME}}]},
            {
                "residual": [
                    {
                        "residual": [
                            "batch_norm",
                            {"activation": "relu"},
                            {"conv": {"filters": 3, **SAME}},
                        ]
                    },
                    {"dropout": 0.3},
                    {"conv": {"filters": 4, "kernel": 3, "stride": 2, "padding": 1}},
                ]
            },
            {"residual": [{"activation": "mish"}, {"conv": {"filters": 4, "kernel": 1}}]},
            "flatten",
            {"residual": [{"dense": 3}, {"dense": 24}]},
            {"residual": [{"dense": 9}, {"dropout": 0.2}, {"dense": 5}]},
        ],
        (2, 5, 4),
    ),
    "residual vectors": (
        [
            {"residual": [{"dense": 7}, {"dense": 19}]},
            {"residual": [{"dense": {"units": 7, "lr_factor": 0}}, {"dense": 5}]},
            {"dense": 3},
        ],
        (19,),
    ),
    "frozen blocks": (
        [
            {"conv": {"filters": 4, "kernel": 1, "lr_factor": 0}},
            {"residual": [{"conv": {"filters": 4, **SAME, "lr_factor": 0}}]},
            {
                "residual": [
                    {"conv": {"filters": 4, "kernel": 1, "lr_factor": 0}},
                    {"conv": {"filters": 4, **SAME}},
                ]
            },
            "flatten",
            {"dense": 3},
        ],
        (2, 4, 3),
    ),
}


class GuardedBuffers:
    """Buffers that are NaN until they are written, between guards that must stay as they are."""

    GUARD = 0xA5
    WIDTH = 128  # bytes

    def __init__(self) -> None:
        self.guards: list[Array] = []

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        size = int(np.prod(shape)) * dtype.itemsize
        whole = aligned_empty((size + 2 * self.WIDTH,), np.dtype(np.uint8))
        whole.fill(self.GUARD)
        self.guards += [whole[: self.WIDTH], whole[self.WIDTH + size :]]
        buffer: Array = whole[self.WIDTH : self.WIDTH + size].view(dtype).reshape(shape)
        buffer.fill(np.nan if dtype.kind == "f" else 255)
        return buffer

    def full(self, shape: Shape, dtype: np.dtype[Any], value: float) -> Array:
        buffer = self.empty(shape, dtype)
        buffer.fill(value)
        return buffer

    def check(self) -> None:
        assert all((guard == self.GUARD).all() for guard in self.guards)


def kernels(variant: str | None = None) -> Library:
    """The kernels of a variant, by default those that are used."""
    found = library()
    assert found is not None
    return found if variant is None else found._replace(variant=variant)


COMPILED = library()
VARIANTS = [] if COMPILED is None else usable_kernels(COMPILED.functions)


def program_of(
    model: Model,
    samples: int,
    buffers: GuardedBuffers,
    training: bool = True,
    threads: int = 1,
    variant: str | None = None,
) -> Program:
    """The program of a model in buffers of its own."""
    assert model.program is not None
    layers, loss = model.program
    program = Program(
        kernels(variant),
        layers.training if training else layers.inference,
        loss,
        model.params,
        model.grads,
        model.state,
        samples,
        buffers,
        training=training,
    )
    use_threads(program, threads)
    return program


def rows(X: Array) -> Array:
    """Inputs (*shape, N) as rows (N, k) next to each other, like batches."""
    return np.ascontiguousarray(X.reshape(-1, X.shape[-1]).T)


def assert_close(actual: Array, wanted: Array) -> None:
    size = max(np.abs(wanted).max(initial=0), 1e-30)
    tolerance = PRECISIONS[wanted.dtype.name]
    np.testing.assert_allclose(actual / size, wanted / size, rtol=0, atol=tolerance)


def trained_grads(model: Model) -> Array:
    """The gradients of all blocks that are not frozen."""
    blocks = [block for block in model.layout.parameters if block.lr_factor]
    return np.concatenate([model.grads[model.layout.place(block)] for block in blocks])


def assert_as_numpy(
    layers: list[Any],
    shape: Shape | Form,
    samples: int,
    dtype: str = "float64",
    threads: int = 1,
    variant: str | None = None,
) -> None:
    """Compares loss, gradients, running state and outputs with those of NumPy."""
    model = model_of(layers, shape, dtype=dtype, activation="relu")
    X, T = batch_of(model, samples)
    before = model.state.copy()
    wanted = model.bind(samples, training=True).loss_and_gradient(X, T, NOW)
    grads, state = trained_grads(model), model.state.copy()

    model.state[...] = before
    model.grads.fill(np.nan)
    buffers = GuardedBuffers()
    program = program_of(model, samples, buffers, threads=threads, variant=variant)
    program.set_draws(NOW.key)
    loss = program.gradient(rows(X), T.T, None)
    buffers.check()
    assert loss == pytest.approx(wanted, rel=PRECISIONS[dtype])
    assert_close(trained_grads(model), grads)
    assert_close(model.state, state)

    wanted, outputs = model.bind(samples, training=False).evaluate(X, T)
    for training in (True, False):  # both also serve for evaluation
        program = program_of(model, samples, buffers, training, threads, variant)
        loss, Y = program.evaluate(rows(X), T.T, None)
        buffers.check()
        assert loss == pytest.approx(wanted, rel=PRECISIONS[dtype])
        assert_close(Y.T, outputs)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("samples", [1, 16, 21])
@pytest.mark.parametrize("name", NETWORKS)
def test_results_are_those_of_numpy(name: str, samples: int, dtype: str) -> None:
    if samples == 1 and name in ("normalized", "residual"):
        samples = 2  # a batch of one has no variance
    assert_as_numpy(*NETWORKS[name], samples, dtype)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_all_variants_agree_with_numpy(name: str, variant: str) -> None:
    for dtype in PRECISIONS:
        assert_as_numpy(*NETWORKS[name], 19, dtype, variant=variant)


@settings(max_examples=25)
@given(st.data())
def test_convolutions_of_any_shape(data: st.DataObject) -> None:
    def draw(least: int, most: int) -> int:
        return data.draw(st.integers(least, most))

    groups, shape = draw(1, 3), (draw(1, 7), draw(7, 9), draw(7, 9))
    first: dict[str, Any] = {
        "filters": groups * draw(1, 4),
        "kernel": [draw(1, 3), draw(1, 7)],
        "dilation": [draw(1, 3), 1],
        "padding": draw(0, 3),
    }
    second: dict[str, Any] = {
        "filters": groups * draw(1, 9),
        "kernel": draw(1, 3),
        "stride": [draw(1, 3), draw(1, 3)],
        "dilation": [draw(1, 2), draw(1, 4)],
        "groups": groups,
        "bias": False,
    }
    pools: list[Any] = [{"max_pool": 2}] if draw(0, 1) and first["kernel"][1] < 7 else []
    layers: list[Any] = [{"conv": first}, *pools, {"conv": {**second, "padding": "same"}}]
    variant = data.draw(st.sampled_from(VARIANTS))
    assert_as_numpy(
        [*layers, "flatten", {"dense": 2}], shape, draw(1, 40), threads=draw(1, 3), variant=variant
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_give_the_bits_of_one(name: str) -> None:
    model = model_of(*NETWORKS[name], activation="relu", dtype="float32")
    X, T = batch_of(model, 40)
    found = []
    for threads in (1, 2, 3):
        model.initialize()
        model.grads.fill(0)
        program = program_of(model, 40, GuardedBuffers(), threads=threads)
        loss = program.gradient(rows(X), T.T, None)
        found.append((loss, model.grads.tobytes(), model.state.tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "name", ["lenet", "normalized", "reshaped", "strides", "groups", "transposed", "residual"]
)
def test_steps_in_one_call_are_those_one_by_one(name: str) -> None:
    model = model_of(*NETWORKS[name], activation="relu")
    X, T = batch_of(model, 23)
    order, lr = np.arange(23, dtype=np.int64)[::-1].copy(), 0.05
    program = program_of(model, 9, GuardedBuffers())
    for step, start in enumerate(range(0, 23, 9)):
        chosen = order[start : start + 9]
        program.set_draws(step)
        program.gradient(rows(X)[chosen], T.T[chosen], None)
        model.params -= lr * model.grads
    wanted = model.params.copy(), model.state.copy()

    model.initialize()
    program = program_of(model, 9, GuardedBuffers())
    program.set_data(TrainingData(rows(X), np.ascontiguousarray(T.T)))
    update = update_of(program, model, SGD())
    program.set_draws(0)
    rates, losses = np.array([update.rates(t, lr) for t in (1, 2, 3)]), np.empty(3)
    assert program.train(order, 9, rates, losses, PaceStructure()) == 3
    np.testing.assert_allclose(model.params, wanted[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(model.state, wanted[1], rtol=1e-12, atol=1e-14)


def test_a_step_that_is_not_taken_changes_nothing() -> None:
    model = model_of(*NETWORKS["normalized"])
    X, T = batch_of(model, 9)
    X[0, 3, 2, 4] = np.nan
    before = model.params.copy(), model.state.copy()
    program = program_of(model, 9, GuardedBuffers())
    program.set_data(TrainingData(rows(X), np.ascontiguousarray(T.T)))
    rates, losses = np.array([update_of(program, model, SGD()).rates(1, 1.0)]), np.empty(1)
    assert program.train(np.arange(9), 9, rates, losses, PaceStructure()) == 0
    assert np.isnan(losses[0])
    np.testing.assert_array_equal(model.params, before[0])
    np.testing.assert_array_equal(model.state, before[1])


@pytest.mark.parametrize("place", [(0, 0), (2, 3), (5, 5)])
def test_nan_passes_through_max_pooling(place: tuple[int, int]) -> None:
    layers: list[Any] = [{"conv": {"filters": 2, "kernel": 1}}, {"max_pool": 2}]
    model = model_of([*layers, "flatten", {"dense": 2}], (1, 6, 6), activation="relu")
    X, T = batch_of(model, 3)
    X[0, *place, 1] = np.nan
    assert np.isnan(program_of(model, 3, GuardedBuffers()).gradient(rows(X), T.T, None))


def test_networks_of_one_arena_do_not_disturb_each_other() -> None:
    model = model_of(*NETWORKS["lenet"], activation="relu")
    model.execution = Execution(program=True)
    found = []
    for samples in (21, 5, 40, 21, 40, 5):  # each overwrites the frames of zeros of the others
        X, T = batch_of(model, samples)
        found.append((model.network(samples).loss_and_gradient(X, T, NOW), model.grads.tobytes()))
    assert found[0] == found[3]
    assert found[1] == found[5]
    assert found[2] == found[4]


def layers_of(layers: list[Any], shape: Shape = (2, 8, 8)) -> tuple[ProgramLayer, ...] | None:
    """The layers of a program, or None if there is none."""
    program = model_of([*layers, "flatten", {"dense": 2}], shape, activation="relu").program
    return None if program is None else program[0].training


def test_pooling_and_activation_belong_to_the_convolution() -> None:
    found = layers_of([{"conv": {"filters": 3, "kernel": 3}}, {"max_pool": 2}])
    assert found is not None
    assert [layer.kind for layer in found] == [
        LayerKind.BLOCKS,
        LayerKind.CONV,
        LayerKind.FLATTEN,
        LayerKind.DENSE,
    ]


# Kinds that the kernels do not know, so that networks with them run on NumPy. `conv` is left to
# NumPy if it has a table of connections; `softmax` if it runs over the channels of images.
OVER_SEQUENCES = {"self_attention", "positional_encoding"}
LAYERS_ON_NUMPY = {"noise", "rbf", "subsample"} | OVER_SEQUENCES
SETTINGS_ON_NUMPY: dict[str, Any] = {
    "peepholes": True,
    "layer_norm": True,
    "reset": "before",
}
ACTIVATIONS_ON_NUMPY = {"maxout", "sign", "step"}
WIDE: list[Any] = [{"conv": {"filters": 2, "kernel": 1}}]  # before pooling over all positions


def with_layer(layer: LayerSpec) -> tuple[list[Any], Form]:
    """A network with a layer, and the form of its input."""
    return [layer.model_dump(), "flatten", {"dense": 3}], input_form(layer)


def with_activation(activation: Activation) -> tuple[list[Any], Shape]:
    """A network with an activation, and its input shape."""
    chosen = activation.model_dump()
    return [{"dense": {"units": 18, "activation": chosen}}, {"dense": 3}], (5,)


def on_numpy(networks: Mapping[str, tuple[list[Any], Shape | Form]]) -> set[str]:
    return {name for name, network in networks.items() if model_of(*network).program is None}


def is_set_apart(layer: LayerSpec) -> bool:
    """Whether a setting leaves a layer to NumPy."""
    return any(getattr(layer, key, None) == value for key, value in SETTINGS_ON_NUMPY.items())


def test_kinds_that_are_left_to_numpy() -> None:
    layers = {layer.tag(): with_layer(layer) for layer in reversed(examples(AnyLayer))}
    apart = filter(is_set_apart, examples(AnyLayer))
    settings = {name(layer): with_layer(layer) for layer in apart}
    activations = {each.tag(): with_activation(each) for each in examples(AnyActivation)}
    assert on_numpy(layers) == LAYERS_ON_NUMPY
    assert on_numpy(settings) == settings.keys()
    assert len(settings) == len(SETTINGS_ON_NUMPY)
    assert on_numpy(activations) == ACTIVATIONS_ON_NUMPY
    table = {"conv": {"filters": 2, "kernel": 3, "connections": [[0], [0, 1]]}}
    assert layers_of([table]) is None
    assert layers_of([{"conv": {"filters": 2, "kernel": 3, "activation": "softmax"}}]) is None
    assert layers_of([*WIDE, "global_max_pool"], (1, 17, 17)) is None  # numbers exceed a byte
    assert_as_numpy([*WIDE, "global_avg_pool", {"dense": 2}], (1, 17, 17), samples=3)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("setting", ["dropout", "recurrent_dropout"])
def test_dropout_inside_recurrent_layers_is_left_to_numpy(kind: str, setting: str) -> None:
    assert model_of([{kind: {"units": 3, setting: 0.5}}, {"dense": 3}], (3, 5)).program is None
    assert model_of([{kind: 3}, {"dense": 3}], (3, 5)).program is not None


@pytest.mark.parametrize(
    "layer",
    [x for x in examples(AnyLayer) if x.tag() not in LAYERS_ON_NUMPY and not is_set_apart(x)],
    ids=name,
)
def test_layers_of_all_kinds(layer: LayerSpec) -> None:
    assert_as_numpy(*with_layer(layer), samples=5)


@pytest.mark.parametrize(
    "activation",
    [x for x in examples(AnyActivation) if x.tag() not in ACTIVATIONS_ON_NUMPY],
    ids=name,
)
def test_activations_of_all_kinds(activation: Activation) -> None:
    assert_as_numpy(*with_activation(activation), samples=5)
    if activation.elementwise:
        chosen = activation.model_dump()
        layers = [{"conv": {"filters": 3, "kernel": 2, "activation": chosen}}, {"max_pool": 2}]
        assert_as_numpy([*layers, "flatten", {"dense": 3}], (2, 5, 4), samples=5)


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_images_whose_size_varies_are_left_to_numpy(layer: LayerSpec) -> None:
    for form in (Form(2, (None,)), Form(2, (None, None))):
        with suppress(ShapeError):
            layer.output_form(form)
            found = layer.in_program(form)
            assert found is None or len(found.input_shape) == SEQUENCE_AXES


def test_inputs_are_read_in_place_or_copied() -> None:
    model = model_of(*NETWORKS["lenet"], activation="relu")
    X, T = batch_of(model, 6)
    program = program_of(model, 6, GuardedBuffers())
    wanted = program.gradient(rows(X), T.T, None)
    spread = np.full((6, 2, X[..., 0].size + 3), generator(0, "test rows").random())
    spread[:, 0, :-3] = rows(X)
    assert program.gradient(spread[:, 0, :-3], T.T, None) == wanted
    assert program.gradient(X.reshape(-1, 6).T, T.T, None) == wanted
