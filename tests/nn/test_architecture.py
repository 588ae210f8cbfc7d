"""Tests of the architecture: layers from the config's sections, defaults, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from nnkit.errors import SettingError
from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.form import Form
from nnkit.nn.initializers import He, Normal, Uniform, Xavier, Zeros
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers import ActivationLayer, Conv, Dense
from tests.nn.examples import loss_of


def stages(
    *layers: Any,
    activation: Any = "relu",
    loss: str = "cross_entropy",
    dropout: float | None = None,
    shape: tuple[int, ...] = (5,),
    **settings: Any,
) -> tuple[Stage, ...]:
    architecture = Architecture.model_validate({"layers": layers, **settings})
    section = Activations.model_validate(activation)
    return build_stages(architecture, section, loss_of(loss), Form.of(shape), dropout)


def names(links: tuple[Stage, ...]) -> list[str]:
    return [
        stage.spec.function.tag() if isinstance(stage.spec, ActivationLayer) else stage.spec.tag()
        for stage in links
    ]


def initializers(links: tuple[Stage, ...]) -> list[Any]:
    return [stage.spec.initializer for stage in links if isinstance(stage.spec, Dense)]


def test_hidden_layers_get_the_hidden_activation_and_the_last_that_of_the_loss() -> None:
    links = stages("flatten", {"dense": 4}, {"dense": 3}, shape=(1, 2, 3))
    assert names(links) == ["flatten", "dense", "relu", "dense", "softmax"]
    assert [stage.input_shape for stage in links[1:]] == [s.output_shape for s in links[:-1]]


@pytest.mark.parametrize(
    ("loss", "output"),
    [("squared_error", "identity"), ("binary_cross_entropy", "sigmoid"), ("hinge", "identity")],
)
def test_the_loss_brings_its_output(loss: str, output: str) -> None:
    assert names(stages({"dense": 3}, loss=loss)) == ["dense", output]


def test_a_layers_own_activation_comes_first() -> None:
    links = stages(
        {"dense": {"units": 4, "activation": "tanh"}},
        {"dense": {"units": 3, "activation": "sigmoid"}},
    )
    assert names(links) == ["dense", "tanh", "dense", "sigmoid"]


def test_an_activation_that_is_written_stands_for_the_usual_one() -> None:
    links = stages({"dense": 4}, {"activation": "tanh"}, {"dense": 3}, {"activation": "tanh"})
    assert names(links) == ["dense", "tanh", "dense", "tanh", "softmax"]


@pytest.mark.parametrize("between", ["max_pool", "avg_pool", "batch_norm", {"dropout": 0.5}])
@pytest.mark.parametrize("own", [None, "elu"])
def test_an_activation_that_is_written_further_on_stands_for_the_usual_one(
    between: Any, own: str | None
) -> None:
    conv = {"conv": {"filters": 2, "kernel": 3, "activation": own}}
    rest = [{"activation": "tanh"}, "flatten", {"dense": 3}]
    links = stages(conv, between, *rest, shape=(1, 8, 8))
    layer = between if isinstance(between, str) else "dropout"
    named = [layer] if own is None else ["elu", layer]
    if own is not None and layer == "batch_norm":
        named.reverse()
    assert names(links) == ["conv", *named, "tanh", "flatten", "dense", "softmax"]


def test_one_written_after_the_next_weights_stands_for_theirs_alone() -> None:
    links = stages({"dense": 4}, {"noise": 0.1}, {"dense": 4}, {"activation": "tanh"}, {"dense": 3})
    assert names(links) == ["dense", "relu", "noise", "dense", "tanh", "dense", "softmax"]
    assert initializers(links) == [He(), Xavier(), Xavier()]


CONV = {"filters": 3, "kernel": 3}
POOLS = ["global_avg_pool", "global_max_pool"]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(
    "last",
    [
        [{"conv": {**CONV, "activation": "elu"}}],
        [{"conv": CONV}, {"activation": "elu"}],
        [{"residual": {"layers": [{"conv": CONV | {"padding": "same"}}], "activation": "elu"}}],
    ],
    ids=str,
)
def test_the_outputs_activation_comes_behind_a_last_pooling(last: Any, pool: str) -> None:
    """Uses the architecture of Network in Network (Lin, Chen & Yan 2014)."""
    links = stages(*last, pool, shape=(3, 6, 6))
    assert names(links)[1:] == ["elu", pool, "softmax"]
    assert links[-1].output_shape == (3,)


def test_without_an_activation_of_its_own_the_last_layer_is_pooled_as_it_is() -> None:
    links = stages({"conv": CONV}, "global_avg_pool", shape=(1, 6, 6))
    assert names(links) == ["conv", "global_avg_pool", "softmax"]


@pytest.mark.parametrize("behind", ["flatten", "batch_norm", {"dropout": 0.5}])
def test_the_last_layers_own_activation_is_the_outputs_where_no_pooling_follows(
    behind: Any,
) -> None:
    last = {"dense": {"units": 3, "activation": "sigmoid"}}
    links = stages(last, behind, loss="squared_error")
    assert names(links)[:1] + names(links)[2:] == ["dense", "sigmoid"]


def test_weights_before_the_last_pooling_suit_their_activation() -> None:
    links = stages({"conv": {**CONV, "activation": "relu"}}, "global_avg_pool", shape=(1, 6, 6))
    (W, _) = links[0].spec.parameters(Form.of((1, 6, 6)))
    assert W.initializer == He()


def test_dropout_follows_the_activation_before_the_last_pooling() -> None:
    conv = {"conv": {**CONV, "activation": "relu"}}
    links = stages(conv, "global_avg_pool", shape=(1, 6, 6), dropout=0.5)
    assert names(links) == ["conv", "relu", "dropout", "global_avg_pool", "softmax"]


def test_dropout_follows_each_activation_that_is_written() -> None:
    layers = {"dense": 4}, {"activation": "tanh"}, {"noise": 0.1}, {"activation": "elu"}
    links = stages(*layers, {"dense": 3}, dropout=0.5)
    expected = ["dense", "tanh", "dropout", "noise", "elu", "dropout", "dense", "softmax"]
    assert names(links) == expected


def test_the_output_setting_overrides_the_activation_of_the_loss() -> None:
    links = stages({"dense": 3}, activation={"output": "sigmoid"}, loss="squared_error")
    assert names(links) == ["dense", "sigmoid"]


def test_dropout_follows_every_hidden_activation() -> None:
    links = stages({"dense": 4}, {"dense": 4}, {"dense": 3}, dropout=0.5)
    hidden = ["dense", "relu", "dropout"]
    assert names(links) == [*hidden, *hidden, "dense", "softmax"]


def test_weights_start_by_he_before_rectifiers_else_by_xavier() -> None:
    links = stages({"dense": 4}, {"dense": {"units": 4, "activation": "tanh"}}, {"dense": 3})
    assert initializers(links) == [He(), Xavier(), Xavier()]


def test_an_initializer_is_taken_from_the_layer_then_from_the_section() -> None:
    layers = {"dense": {"units": 4, "initializer": {"normal": 0.1}}}, {"dense": 3}
    links = stages(*layers, initializer="uniform")
    assert initializers(links) == [Normal(std=0.1), Uniform()]


def test_biases_start_at_zero_unless_told_otherwise() -> None:
    (first, *_), (other, *_) = stages({"dense": 3}), stages({"dense": 3}, bias_initializer="normal")
    assert [
        first.spec.parameters(Form.of((5,)))[1].initializer,
        other.spec.parameters(Form.of((5,)))[1].initializer,
    ] == [
        Zeros(),
        Normal(),
    ]


@pytest.mark.parametrize(
    ("layers", "path", "message"),
    [
        (["flatten"], ("architecture", "layers"), "no layer here has weights"),
        ([{"dense": 3}], ("architecture", "layers", 0), "put '- flatten' before it"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    layers: list[Any], path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        stages(*layers, shape=(1, 2, 3))
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (
            [{"dense": 4}, "batch_norm", {"dense": 3}],
            ["dense", "batch_norm", "relu", "dense", "softmax"],
        ),
        (
            [{"dense": 4}, "batch_norm", "layer_norm", {"dense": 3}],
            ["dense", "batch_norm", "layer_norm", "relu", "dense", "softmax"],
        ),
        (  # the layer's own activation comes after the normalization, too
            [{"dense": {"units": 4, "activation": "tanh"}}, "batch_norm", {"dense": 3}],
            ["dense", "batch_norm", "tanh", "dense", "softmax"],
        ),
        (  # so does an activation written after the normalization
            [{"dense": 4}, "batch_norm", {"activation": "elu"}, {"dense": 3}],
            ["dense", "batch_norm", "elu", "dense", "softmax"],
        ),
        (  # an activation written before the normalization stays there
            [{"dense": 4}, {"activation": "elu"}, "batch_norm", {"dense": 3}],
            ["dense", "elu", "batch_norm", "dense", "softmax"],
        ),
        (
            [{"dense": 4}, {"noise": 0.1}, "batch_norm", {"dense": 3}],
            ["dense", "relu", "noise", "batch_norm", "dense", "softmax"],
        ),
        (
            ["batch_norm", {"dense": 4}, {"dense": 3}, "batch_norm"],
            ["batch_norm", "dense", "relu", "dense", "batch_norm", "softmax"],
        ),
    ],
)
def test_a_normalization_comes_before_the_activation(layers: list[Any], expected: Any) -> None:
    assert names(stages(*layers)) == expected


def test_dropout_follows_the_activation_that_waited_for_a_normalization() -> None:
    links = stages({"dense": 4}, "batch_norm", {"dense": 4}, {"dense": 3}, dropout=0.5)
    assert names(links) == [
        *("dense", "batch_norm", "relu", "dropout"),
        *("dense", "relu", "dropout"),
        *("dense", "softmax"),
    ]
    assert len({link.name for link in links}) == len(links)


def test_weights_before_a_normalization_suit_the_activation_after_it() -> None:
    for follows, initializer in (("tanh", Xavier()), ("relu", He())):
        links = stages({"dense": 4}, "batch_norm", {"activation": follows}, {"dense": 3})
        assert initializers(links)[0] == initializer


@pytest.mark.parametrize(
    ("layers", "hidden", "path"),
    [
        ([{"dense": 8}, {"dense": 3}], {"maxout": 3}, ("activation", "hidden")),
        (
            [{"dense": {"units": 8, "activation": {"maxout": 3}}}, {"dense": 3}],
            "relu",
            ("architecture", "layers", 0, "activation"),
        ),
        (
            [{"dense": 8}, {"activation": {"maxout": 3}}, {"dense": 3}],
            "relu",
            ("architecture", "layers", 1, "function"),
        ),
    ],
)
def test_an_activation_that_does_not_fit_is_blamed_itself(
    layers: list[Any], hidden: Any, path: tuple[Any, ...]
) -> None:
    with pytest.raises(SettingError, match="8 units cannot be divided into groups of 3") as caught:
        stages(*layers, activation={"hidden": hidden})
    assert caught.value.path == (*path, "pieces")


@pytest.mark.parametrize(
    ("inside", "size", "beside"),
    [
        ([{"conv": {"filters": 2, "kernel": 3}}], 4, (2, 4, 4)),  # half the size, but stride 1
        ([{"conv": {"filters": 2, "kernel": 3, "stride": 2}}], 5, (2, 3, 3)),
        ([{"max_pool": 2}], 5, (2, 3, 3)),
        ([{"up_sample": 2}], 3, (2, 3, 3)),
        ([{"max_pool": 3}, {"up_sample": 2}], 3, (2, 3, 3)),
    ],
    ids=str,
)
def test_a_block_whose_sizes_do_not_go_with_its_strides_is_refused(
    inside: list[Any], size: int, beside: tuple[int, ...]
) -> None:
    with pytest.raises(SettingError) as caught:
        stages({"residual": inside}, "flatten", {"dense": 3}, shape=(2, size, size))
    assert f"it has shape {beside}; pad the layers inside" in str(caught.value)
    assert caught.value.path == ("architecture", "layers", 0)


@pytest.mark.parametrize(
    ("inside", "size", "stride"),
    [
        ([{"conv": {"filters": 4, "kernel": 3, "padding": "same"}}], 5, 1),
        ([{"conv": {"filters": 4, "kernel": 3, "padding": "same", "stride": 2}}], 5, 2),
        ([{"conv": {"filters": 2, "kernel": 3, "padding": 1}}, {"avg_pool": 2}], 6, 2),
        ([{"max_pool": 2}, {"residual": [{"max_pool": 2}]}], 8, 4),
        ([{"max_pool": {"size": 2, "stride": 2}}, {"up_sample": 2}, {"max_pool": 3}], 6, 3),
    ],
    ids=str,
)
def test_a_shortcut_strides_as_the_block_does(inside: list[Any], size: int, stride: int) -> None:
    links = stages({"residual": inside}, "flatten", {"dense": 3}, shape=(2, size, size))
    (*_, beside) = links[0].spec.parts(Form.of((2, size, size)))
    assert isinstance(beside.spec, Conv)
    assert beside.name == "shortcut"
    assert set(beside.spec.windows(Form.of((2, size, size))).stride) == {stride}


def test_an_initializer_that_does_not_fit_is_blamed_inside_its_block() -> None:
    conv = {"conv": {"filters": 1, "kernel": 3, "padding": "same"}}
    short = {"conv": {**conv["conv"], "initializer": {"values": [1, 2, 3]}}}
    with pytest.raises(SettingError, match="3 values for a block") as caught:
        stages({"residual": [conv, short]}, {"global_avg_pool": {}}, {"dense": 3}, shape=(1, 5, 5))
    place = ("architecture", "layers", 0, "layers", 1, "initializer")
    assert caught.value.path == place
