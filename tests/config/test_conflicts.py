"""Tests of conflicting settings: each error points to the setting to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import ConfigError
from nnkit.task.config_loading import load_config

DATA = "data: {source: mnist}\n"


def layers(text: str) -> str:
    return f"architecture: {{layers: [{text}]}}\n"


DEEP = layers("dense: 8, dense: 3")
FLAT = layers("dense: 3")


def refusal(folder: Path, text: str, *overrides: str) -> list[str]:
    path = folder / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        (layers("flatten"), "2:24", "no layer has weights"),
        (DEEP + "decoding: {greedy: {unknown: copy}}", "3:30", "needs a decoder with attention"),
        (DEEP + "decoding: {beam: {coverage_penalty: 1}}", "3:37", "needs a decoder"),
        (DEEP + "activation: {hidden: sign}", "3:22", "'sign' has no gradient"),
        (DEEP + "activation: step", "3:13", "'step' has no gradient"),
        (layers("dense: {units: 8, activation: sign}, dense: 3"), "2:55", "'sign' has no gradient"),
        (
            layers("{kind: dense, units: 8, activation: sign}, dense: 3"),
            "2:61",
            "'sign' has no gradient",
        ),
        (layers("dense: 8, activation: sign, dense: 3"), "2:47", "'sign' has no gradient"),
        (FLAT + "activation: {hidden: relu}", "3:22", "has no effect: no hidden layer"),
        (FLAT + "activation: relu", "3:13", "has no effect: no hidden layer"),
        (
            layers("dense: 8, dense: {units: 3, activation: softmax}")
            + "activation: {output: softmax}",
            "3:22",
            "layer 1 sets its own activation, 'softmax'",
        ),
        (
            DEEP + "activation: {output: tanh}",
            "3:22",
            "over all classes, which 'tanh' does not return",
        ),
        (
            layers("dense: {units: 3, activation: tanh}"),
            "2:55",
            "'cross_entropy' expects a probability distribution",
        ),
        (
            layers("dense: 3, activation: softmax"),
            "2:35",
            "the output activation would follow this one",
        ),
        (
            layers("conv: {filters: 3, kernel: 3}, global_avg_pool, activation: relu"),
            "2:73",
            "the output activation would follow this one",
        ),
        (
            layers("conv: {filters: 3, kernel: 3, activation: softmax}, global_avg_pool"),
            "2:67",
            "remove it here, or, if both are intended, add '- activation: softmax' after it",
        ),
        (
            FLAT + "regularization: {dropout: 0.5}",
            "3:27",
            "has no effect: there is no hidden layer",
        ),
        (
            layers("dense: 8, dropout: 0.5, dense: 3") + "regularization: {dropout: 0.5}",
            "3:27",
            "the architecture already has dropout layers",
        ),
        (
            "architecture: {initializer: he, layers: [dense: {units: 3, initializer: he}]}",
            "2:29",
            "has no effect: every layer sets its own",
        ),
        (
            FLAT + "optimizer: {pegasos: 0.01}\nloss: hinge",
            "3:22",
            "set regularization.l2 to the same λ, 0.01",
        ),
        (
            layers("embedding: {units: 8, lazy: true}, gru: 3, dense: 3") + "optimizer: lamb",
            "2:53",
            "'lamb' takes the vectors of all ids together; use adam or sgd, or remove lazy",
        ),
        (
            layers("embedding: {units: 8, lazy: true}, gru: 3, dense: 3") + "regularization: "
            "{l1: {strength: 0.1, proximal: true}}",
            "2:53",
            "the proximal step of the l1 penalty shrinks all vectors",
        ),
        (
            FLAT + "optimizer: lbfgs\ntraining: {batch_size: 7}",
            "4:24",
            "has no effect: 'lbfgs' uses all samples",
        ),
        (
            FLAT + "optimizer: lbfgs\ntraining: {accumulate: 2}",
            "4:24",
            "has no effect: 'lbfgs' uses all samples",
        ),
        (
            FLAT + "optimizer: {lbfgs: {clip: 1.0}}",
            "3:27",
            "has no effect: 'lbfgs' uses all samples",
        ),
        (
            FLAT + "optimizer: lbfgs\nregularization: {weight_decay: 0.1}",
            "4:32",
            "has no effect: 'lbfgs' uses all samples",
        ),
        (
            FLAT + "optimizer: lbfgs\nregularization: {weight_noise: 0.1}",
            "4:32",
            "has no effect: 'lbfgs' uses all samples",
        ),
        (
            FLAT + "optimizer: lbfgs\nregularization: {l1: 0.1}",
            "4:22",
            "needs a smooth objective",
        ),
        (
            FLAT + "optimizer: lbfgs\nregularization: {elastic_net: 0.1}",
            "4:31",
            "needs a smooth objective",
        ),
        (
            layers("dense: {units: 8, lr_factor: 0.5}, dense: 3") + "optimizer: lbfgs",
            "2:54",
            "'lbfgs' uses the same step for all layers",
        ),
        (
            layers("dense: {units: 8, lr_factor: 0}, dense: {units: 3, lr_factor: 0}"),
            "2:54",
            "all layers are frozen",
        ),
        (
            layers("residual: [dense: 8, activation: sign, dense: 8], dense: 3"),
            "2:58",
            "'sign' has no gradient",
        ),
        (
            layers("residual: [dense: {units: 8, lr_factor: 0.5}], dense: 3") + "optimizer: lbfgs",
            "2:65",
            "'lbfgs' uses the same step for all layers",
        ),
        (
            layers("residual: [dense: 8, dropout: 0.5], dense: 3")
            + "regularization: {dropout: 0.5}",
            "3:27",
            "the architecture already has dropout layers",
        ),
    ],
)
def test_a_conflict_points_at_its_setting(
    tmp_path: Path, text: str, position: str, words: str
) -> None:
    (line,) = refusal(tmp_path, f"{DATA}{text}\n")
    assert line.startswith(f"c.yaml:{position}: ")
    assert words in line


def test_all_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "regularization: {dropout: 0.5}\n" + FLAT + "activation: {output: tanh, hidden: relu}\n"
    assert [line.split(" ")[0] for line in refusal(tmp_path, DATA + text)] == [
        "c.yaml:2:27:",
        "c.yaml:4:22:",
        "c.yaml:4:36:",
    ]


def test_in_a_base_and_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{DATA}{FLAT}activation: {{hidden: relu}}\n")
    overrides = ["regularization.dropout=0.5"]
    lines = refusal(tmp_path, "extends: base.yaml\n", *overrides)
    assert [line.split(": ")[0] for line in lines] == [
        "--set regularization.dropout=0.5",
        "base.yaml:3:22",
    ]


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        DEEP + "activation: tanh\nregularization: {dropout: 0.5}\n",
        FLAT + "activation: {output: identity, inference: sign}\nloss: hinge\n",
        layers("dense: 8, activation: tanh, dense: {units: 3, activation: softmax}"),
        FLAT + "activation: {output: sigmoid}\nloss: squared_error\n",
        FLAT + "optimizer: lbfgs\nregularization: {l2: 0.1}\n",
        layers("dense: {units: 8, lr_factor: 0}, dense: 3") + "optimizer: lbfgs\n",
        FLAT + "optimizer: {pegasos: 0.01}\nloss: hinge\nregularization: {l2: 0.01}\n",
        # Layers inside a block count, too.
        layers("residual: {layers: [dense: 8, dense: 8], activation: relu}, dense: 3")
        + "activation: tanh\n",
        layers("residual: [dense: 8], dense: {units: 3, lr_factor: 0}"),
        layers("residual: [dense: 8], dense: {units: 3, initializer: xavier}").replace(
            "layers:", "initializer: he, layers:"
        ),
    ],
)
def test_no_conflict_and_none_once_resolved(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(DATA + text)
    config = load_config(path)
    path.write_text(config.to_yaml())
    assert load_config(path).resolved() == config.resolved()


@pytest.mark.parametrize(
    "last",
    [
        "conv: {filters: 3, kernel: 3, activation: relu}",
        "conv: {filters: 3, kernel: 3}, activation: relu",
        "conv: {filters: 3, kernel: 3}, activation: softmax",
    ],
)
@pytest.mark.parametrize(
    "rest", ["", "activation: {output: softmax}\n", "regularization: {dropout: 0.5}\n"]
)
def test_an_activation_before_the_last_pooling_is_not_the_output_activation(
    tmp_path: Path, last: str, rest: str
) -> None:
    (tmp_path / "c.yaml").write_text(DATA + layers(f"{last}, global_avg_pool") + rest)
    load_config(tmp_path / "c.yaml")
