"""Tests of traces over sequences: backpropagation through time by hand, and central differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.inspection.layer_trace import LayerTrace
from nnkit.inspection.trace import Trace, trace
from nnkit.inspection.trace_pages import as_json, as_markdown
from nnkit.inspection.trace_tables import chapters
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.prepared_set import pass_of
from tests.training.configs import laid_over, trainer_for

U = [[0.0, 0.5, -1.0], [0.0, 1.0, 0.25]]
W = [[0.5, -0.5], [1.0, 0.25]]
V = [[0.0, 0.0], [1.0, -1.0], [-0.5, 2.0]]


def parity(folder: Path) -> Config:
    """A config of a network with given weights that tags three bits with the parity so far.

    Symbols are numbered by their counts: 0 is unknown, 1 is the bit 1 or `odd`.
    """
    (folder / "parity.tsv").write_text("1 0 1\todd odd even\n1 1 1\todd even odd\n")

    def given(rows: list[list[float]]) -> dict[str, Any]:
        return {"values": [value for row in rows for value in row]}

    rnn = {
        "units": 2,
        "output": "all",
        "initializer": given(U),
        "recurrent_initializer": given(W),
    }
    return config_from(
        {
            "data": {
                "source": {"kind": "tagged", "path": str(folder / "parity.tsv")},
                "split": {"validation": 0, "test": 0},
            },
            "architecture": {
                "layers": [
                    "one_hot",
                    {"rnn": rnn},
                    {"dense": {"units": "auto", "initializer": given(V)}},
                ]
            },
            "optimizer": {"kind": "sgd", "lr": 0.5},
        }
    )


class TestThreeSteps:
    """A simple recurrent network, computed step by step as a reader would."""

    @pytest.fixture
    def found(self, tmp_path: Path) -> Trace:
        return trace(parity(tmp_path))

    def test_forward(self, found: Trace) -> None:
        one_hot, rnn, dense, output = found.layers
        x = np.eye(3)[[1, 2, 1]].T
        np.testing.assert_array_equal(one_hot.output, x)
        (steps,) = rnn.steps
        before = np.zeros(2)
        for t in range(3):
            recurrent, inputs = np.array(W) @ before, np.array(U) @ x[:, t]
            before = np.tanh(recurrent + inputs)
            o = np.exp(np.array(V) @ before)
            expected = {
                "W s(t−1)": recurrent,
                "U x(t)": inputs,
                "a": recurrent + inputs,
                "s": before,
            }
            for symbol, values in expected.items():
                np.testing.assert_allclose(steps.values[symbol][t], values, rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(dense.output[:, t], np.array(V) @ before, rtol=1e-12)
            np.testing.assert_allclose(output.output[:, t], o / o.sum(), rtol=1e-12)
        assert steps.values["a"][1].tolist() == pytest.approx(
            [
                0.5 * np.tanh(0.5) - 0.5 * np.tanh(1) - 1,
                np.tanh(0.5) + 0.25 * np.tanh(1) + 0.25,
            ],
            rel=1e-12,
        )

    def test_loss(self, found: Trace) -> None:
        assert found.symbols == ["odd", "odd", "even"]
        y = found.layers[-1].output
        of_target = y[[1, 1, 2], range(3)]
        np.testing.assert_allclose(found.losses, -np.log(of_target), rtol=1e-12)
        assert found.loss == pytest.approx(found.losses.mean(), rel=1e-12)

    def test_backward_and_update(self, found: Trace) -> None:
        _, rnn, _, output = found.layers
        (steps,) = rnn.steps
        s, delta = steps.values["s"], (output.output - np.eye(3)[[1, 1, 2]].T) / 3
        x, da_after = np.eye(3)[[1, 2, 1]], np.zeros(2)
        dW, dU = np.zeros((2, 2)), np.zeros((2, 3))
        for t in reversed(range(3)):
            ds = np.array(V).T @ delta[:, t] + np.array(W).T @ da_after
            da_after = ds * (1 - s[t] ** 2)
            np.testing.assert_allclose(steps.gradients["∂E/∂s"][t], ds, rtol=1e-12)
            np.testing.assert_allclose(steps.gradients["∂E/∂a"][t], da_after, rtol=1e-12)
            of_W = np.outer(da_after, s[t - 1] if t else np.zeros(2))
            of_U = np.outer(da_after, x[t])
            np.testing.assert_allclose(steps.contributions["W"][t], of_W, rtol=1e-12)
            np.testing.assert_allclose(steps.contributions["U"][t], of_U, rtol=1e-12)
            dW, dU = dW + of_W, dU + of_U
        np.testing.assert_allclose(rnn.parameters["W"].updated, W - 0.5 * dW, rtol=1e-12)
        np.testing.assert_allclose(rnn.parameters["U"].updated, U - 0.5 * dU, rtol=1e-12)

    def test_shown_with_symbols_and_steps(self, found: Trace) -> None:
        page = as_markdown(found)
        for row in (
            "| t | symbol | in | out₁ | out₂ | out₃ |",
            "| 2 | '0' | 2 | 0 | 0 | 1.000 |",
            "| t | row | W s(t−1) | U x(t) | a | s |",
            "| t | symbol | target | y of target | E(t) |",
            "| parameter | t = 1 | t = 2 | t = 3 | sum |",
        ):
            assert row in page
        assert "(target odd odd even)" in page
        assert "U[1,1] |" not in page.partition("## Update")[0]  # no step contributes to it


def adding(cell: dict[str, Any]) -> Config:
    """A config of sequences of three pairs of numbers."""
    return config_from(
        {
            "data": {"source": {"kind": "adding", "length": 3, "count": 20}},
            "architecture": {"layers": [cell, {"dense": 1}]},
            "loss": "squared_error",
        }
    )


CELLS: list[dict[str, Any]] = [
    {"rnn": 2},
    {"lstm": 2},
    {"lstm": {"units": 2, "peepholes": True}},
    {"lstm": {"units": 2, "layer_norm": True}},
    {"gru": 2},
    {"gru": {"units": 2, "reset": "before"}},
    {"lstm": {"units": 2, "bidirectional": True}},
    {"rnn": {"units": 2, "dropout": 0.5, "recurrent_dropout": 0.5}},
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_contributions_of_the_steps_add_up_to_the_gradients(cell: dict[str, Any]) -> None:
    layer = trace(adding(cell)).layers[0]
    for steps in layer.steps:
        prefix = f"{steps.name}.".removeprefix(f"{layer.name}.")
        for name, contributions in steps.contributions.items():
            assert len(contributions) == 3
            gradient = layer.parameters[f"{prefix}{name}"].gradient
            np.testing.assert_allclose(contributions.sum(axis=0), gradient, rtol=1e-12, atol=1e-15)
    named = {f"{s.name}.{name}" for s in layer.steps for name in s.contributions}
    assert named == {f"{layer.name}.{name}" for name in layer.parameters}


@pytest.mark.parametrize(
    ("cell", "inside", "gates"), [("lstm", "ifogcs", "ifog"), ("gru", "rzns", "rzn")]
)
def test_gates_are_shown_at_each_step(cell: str, inside: str, gates: str) -> None:
    found = trace(adding({cell: 2}))
    (steps,) = found.layers[0].steps
    assert {symbol: array.shape for symbol, array in steps.values.items()} == dict.fromkeys(
        inside, (3, 2)
    )
    assert [symbol for symbol in steps.gradients if "∂E/∂a" in symbol] == [
        f"∂E/∂a_{gate}" for gate in gates
    ]
    assert f"| t | row | {' | '.join(inside)} |" in as_markdown(found)


def test_contributions_of_an_lstm_are_products_of_its_gradients_and_factors() -> None:
    layer = trace(adding({"lstm": 2})).layers[0]
    (steps,) = layer.steps
    for t in range(3):
        da = np.concatenate([steps.gradients[f"∂E/∂a_{gate}"][t] for gate in "ifog"])
        before = steps.values["s"][t - 1] if t else np.zeros(2)
        for name, factors in (("W", before), ("U", layer.input[:, t])):
            np.testing.assert_allclose(
                steps.contributions[name][t], np.outer(da, factors), rtol=1e-12, atol=1e-15
            )


def test_the_direction_from_the_end_has_its_own_steps() -> None:
    found = trace(adding({"rnn": {"units": 2, "bidirectional": True}}))
    forward, reverse = found.layers[0].steps
    assert reverse.name == f"{forward.name}.reverse"
    assert reverse.values["W s(t+1)"][2].tolist() == [0, 0]
    assert "| t, from the end | row | W s(t+1) | U x(t) | a | s |\n|---:|---:|" in as_markdown(
        found
    )
    weights = found.layers[0].parameters["reverse.W"].value
    np.testing.assert_allclose(reverse.values["W s(t+1)"][0], weights @ reverse.values["s"][1])


def test_a_layer_below_which_nothing_is_trained_has_no_gradient(tmp_path: Path) -> None:
    found = trace(parity(tmp_path))
    assert found.layers[0].output_gradient is None
    backward = next(chapter for chapter in chapters(found) if chapter.title == "Backward")
    titles = [section.title for section in backward.sections]
    assert [title.partition(":")[0] for title in titles] == ["layers.2", "layers.1"]
    assert "δ⁽¹⁾ inᵀ, ∂E/∂b⁽¹⁾ = δ⁽¹⁾, each summed over the positions" in as_markdown(found)


def test_an_embedding_shows_the_rows_that_it_reads(tmp_path: Path) -> None:
    config = parity(tmp_path).resolved()
    config["architecture"]["layers"][:2] = [
        {"embedding": 2},
        {"rnn": {"units": 2, "output": "all"}},
    ]
    found = trace(config_from(config))
    embedding = found.layers[0]
    assert list(embedding.symbols) == ["1", "0", "1"]
    table = embedding.parameters["W"].value
    np.testing.assert_array_equal(embedding.output, table[[1, 2, 1]].T)
    assert not embedding.parameters["W"].gradient[0].any()
    page = as_markdown(found)
    assert "| W['1',1] |" in page
    assert "| W[1,1] |" not in page.partition("layers.1: rnn")[0]


def reversal(decoder: list[Any], **architecture: Any) -> Config:
    """A config of a network that writes a list of integers backwards."""
    return config_from(
        {
            "data": {"source": {"kind": "reverse", "count": 10, "longest": 4}},
            "architecture": {
                "encoder": [{"embedding": 2}, {"lstm": 2}],
                "decoder": [{"embedding": 2}, *decoder, {"dense": "auto"}],
                **architecture,
            },
        }
    )


DECODERS: dict[str, list[Any]] = {
    "attention": [{"gru": 2}, {"attention": "general"}],
    "input feeding": [{"rnn": 2}, {"attention": {"score": "dot", "input_feeding": True}}],
    "context": ["context", {"lstm": 2}],
}


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
class TestEncoderDecoder:
    def test_decoder_reads_the_target_delayed_by_one_symbol(self, decoder: list[Any]) -> None:
        found = trace(reversal(decoder), force=True)
        names = [layer.name for layer in found.layers]
        assert names[:5] == ["encoder.0", "encoder.1", "bridge", "bridge.activation", "decoder.0"]
        source, first = found.layers[0], found.layers[4]
        assert list(found.symbols) == [*reversed(source.symbols), "<end>"]
        assert list(first.symbols) == ["<start>", *found.symbols[:-1]]

    def test_gradients_are_central_differences(self, decoder: list[Any]) -> None:
        config = reversal(decoder)
        found = trace(config, force=True)
        trainer = trainer_for(
            config_from(laid_over(config.resolved(), {"training": {"precision": "float64"}}))
        )
        model, batch = trainer.model, trainer.sets["train"].batch(slice(0, 1))
        assert isinstance(model, Seq2SeqModel)
        network, views = model.new_network(training=True), model.layout.views(model.params)

        def loss() -> float:
            return network.training_loss(batch.X, batch.T, pass_of(batch, training=True))

        for layer in found.layers:
            for name, parameter in layer.parameters.items():
                block = views[f"{layer.name}.{name}"]
                at = np.unravel_index(np.argmax(abs(parameter.gradient)), block.shape)
                start, losses = block[at], []
                for change in (1e-5, -1e-5):
                    block[at] = start + change
                    losses.append(loss())
                block[at] = start
                numeric = (losses[0] - losses[1]) / 2e-5
                assert parameter.gradient[at] == pytest.approx(numeric, rel=1e-5, abs=1e-9)


def test_attention_is_shown_step_by_step() -> None:
    for decoder in ("attention", "input feeding"):
        found = trace(reversal(DECODERS[decoder]), force=True)
        steps = next(s for s in _steps(found.layers) if "a" in s and "e" in s)
        e, a, h = steps["e"], steps["a"], found.layers[1].output
        np.testing.assert_allclose(a, np.exp(e) / np.exp(e).sum(axis=1, keepdims=True), rtol=1e-12)
        np.testing.assert_allclose(steps["c"], a @ h.T, rtol=1e-12)
        assert len(a) == len(found.symbols)


def test_weights_of_self_attention_are_shown_for_each_head() -> None:
    config = adding({"self_attention": {"heads": 2, "units": 4}}).resolved()
    config["architecture"]["layers"].insert(1, "global_avg_pool")
    (steps,) = trace(config_from(config)).layers[0].steps
    for head in (1, 2):
        weights = steps.values[f"head {head}: A"]
        assert weights.shape == (3, 3)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)


def test_json_has_the_steps(tmp_path: Path) -> None:
    found = trace(parity(tmp_path))
    shown = as_json(found)
    assert shown["losses"] == found.losses.tolist()
    (steps,) = shown["layers"][1]["steps"]
    assert np.shape(steps["contributions"]["W"]) == (3, 2, 2)
    assert steps["values"]["s"] == found.layers[1].steps[0].values["s"].tolist()


def _steps(layers: Sequence[LayerTrace]) -> list[dict[str, Array]]:
    return [dict(steps.values) for layer in layers for steps in layer.steps]


def test_a_symbol_that_divides_cells_in_markdown_stays_in_its_cell(tmp_path: Path) -> None:
    config = parity(tmp_path)
    (tmp_path / "parity.tsv").write_text("a | a\todd odd even\n| a |\todd even odd\n")
    rows = [line for line in as_markdown(trace(config, 0)).splitlines() if line.startswith("|")]
    assert any(r"'\|'" in row for row in rows)
    assert not any("'|'" in row for row in rows)
