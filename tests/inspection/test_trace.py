"""Tests of a traced step: Mazur's published numbers, NumPy, and central differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.data.batches import Batch
from nnkit.errors import DataError, UsageError
from nnkit.inspection.trace import Trace, trace, trace_checkpoint
from nnkit.inspection.trace_pages import as_html, as_json, as_markdown
from nnkit.inspection.trace_tables import chapters
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from tests.nn.examples import examples, input_form, name
from tests.training.configs import (
    diabetes,
    iris,
    laid_over,
    optimized,
    pictures,
    texts,
    trainer_for,
)

XOR = Path(__file__).parents[2] / "configs" / "xor.yaml"


def mazur(folder: Path) -> Config:
    """Traces the network 2-2-2 of "A Step by Step Backpropagation Example" (Matt Mazur, 2015)."""
    np.savez(folder / "mazur.npz", x=[[0.05, 0.10]] * 2, t=[[0.01, 0.99]] * 2)

    def dense(weights: list[float], bias: float) -> dict[str, Any]:
        return {
            "dense": {
                "units": 2,
                "initializer": {"values": weights},
                "bias_initializer": {"constant": bias},
            }
        }

    source = {"kind": "npz", "path": str(folder / "mazur.npz"), "inputs": "x", "targets": "t"}
    return config_from(
        {
            "name": "mazur",
            "data": {"source": source, "split": {"validation": 0.0, "test": 0.0}},
            "architecture": {
                "layers": [
                    dense([0.15, 0.20, 0.25, 0.30], 0.35),
                    dense([0.40, 0.45, 0.50, 0.55], 0.60),
                ]
            },
            "activation": {"hidden": "sigmoid", "output": "sigmoid"},
            "loss": "squared_error",
            "optimizer": {"kind": "sgd", "lr": 0.5},
        }
    )


class TestMazur:
    """All numbers of the article, to the printed precision."""

    @pytest.fixture
    def found(self, tmp_path: Path) -> Trace:
        return trace(mazur(tmp_path), 0)

    def test_forward(self, found: Trace) -> None:
        hidden, activated, output, y = found.layers
        assert round(hidden.output[0], 4) == 0.3775
        np.testing.assert_allclose(activated.output, [0.593269992, 0.596884378], atol=5e-10)
        assert round(output.output[0], 9) == 1.105905967
        np.testing.assert_allclose(y.output, [0.75136507, 0.772928465], atol=5e-9)
        assert round(found.loss, 9) == 0.298371109

    def test_backward(self, found: Trace) -> None:
        hidden, activated, output, y = found.layers
        assert y.output_gradient is not None
        assert y.slope is not None
        assert output.output_gradient is not None
        assert activated.output_gradient is not None
        assert activated.slope is not None
        assert round(y.output_gradient[0], 8) == 0.74136507
        assert round(y.slope[0], 9) == 0.186815602
        assert round(output.output_gradient[0], 9) == 0.138498562
        assert round(output.parameters["W"].gradient[0, 0], 9) == 0.082167041
        assert round(activated.output_gradient[0], 9) == 0.036350306
        assert round(activated.slope[0], 9) == 0.241300709
        assert round(hidden.parameters["W"].gradient[0, 0], 9) == 0.000438568

    def test_update(self, found: Trace) -> None:
        hidden, _, output, _ = found.layers
        np.testing.assert_allclose(
            output.parameters["W"].updated,
            [[0.35891648, 0.408666186], [0.511301270, 0.561370121]],
            atol=5e-9,
        )
        np.testing.assert_allclose(
            hidden.parameters["W"].updated,
            [[0.149780716, 0.19956143], [0.24975114, 0.29950229]],
            atol=5e-9,
        )

    def test_the_error_after_the_step(self, tmp_path: Path) -> None:
        """Allows for the article's fixed biases and rounded intermediate results."""
        config = mazur(tmp_path)
        found = trace(config, 0)
        model = load_task(config).build_model("float64")
        for layer in found.layers:
            if "W" in layer.parameters:
                updated = layer.parameters["W"].updated
                model.layout.views(model.params)[f"{layer.name}.W"][...] = updated
        X, T = np.array([[0.05], [0.10]]), np.array([[0.01], [0.99]])
        loss = model.bind(1, training=True).training_loss(X, T, Pass())
        assert abs(loss - 0.291027924) < 2e-7


def test_xor_matches_an_independent_calculation() -> None:
    """Compares the trace of the shipped XOR config with plain NumPy, for all four samples."""
    W1, b1 = np.array([[0.5, 1.0], [1.0, 0.25]]), np.array([0.5, -0.5])
    W2, b2 = np.array([[1.0, -0.5]]), np.array([0.0])
    config = nnkit.load_config(XOR)
    for sample, (x, t) in enumerate([((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)]):
        z1 = W1 @ x + b1
        a1 = 1 / (1 + np.exp(-z1))
        z2 = W2 @ a1 + b2
        y = 1 / (1 + np.exp(-z2))
        delta2 = (y - t) * y * (1 - y)
        delta1 = (W2.T @ delta2) * a1 * (1 - a1)
        found = trace(config, sample)
        hidden, activated, output, last = found.layers
        expected: list[tuple[Array | None, Any]] = [
            (hidden.input, x),
            (hidden.output, z1),
            (activated.output, a1),
            (output.output, z2),
            (last.output, y),
            (last.output_gradient, y - t),
            (last.slope, y * (1 - y)),
            (output.output_gradient, delta2),
            (output.parameters["W"].gradient, np.outer(delta2, a1)),
            (output.parameters["b"].gradient, delta2),
            (activated.output_gradient, W2.T @ delta2),
            (hidden.output_gradient, delta1),
            (hidden.parameters["W"].gradient, np.outer(delta1, x)),
            (hidden.parameters["b"].gradient, delta1),
            (hidden.input_gradient, W1.T @ delta1),
            (hidden.parameters["W"].value, W1),
            (hidden.parameters["W"].updated, W1 - 2 * np.outer(delta1, x)),
            (output.parameters["b"].updated, b2 - 2 * delta2),
        ]
        for traced, calculated in expected:
            assert traced is not None
            np.testing.assert_allclose(traced, calculated, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(found.loss, 0.5 * (y - t) ** 2)
        assert found.loss_after < found.loss


@pytest.mark.parametrize(
    "config",
    [
        iris(),
        iris(activation="tanh", regularization={"dropout": 0.4}),
        iris(loss="hinge", activation="prelu"),
        iris(loss="squared_error", activation={"hidden": {"maxout": 2}, "output": "softmax"}),
        diabetes(activation="softplus"),
    ],
    ids=["fused", "dropout", "prelu", "maxout-softmax", "regression"],
)
def test_gradients_are_central_differences_of_the_loss(config: Config) -> None:
    found = trace(config, 3)
    precise = laid_over(config.resolved(), {"training": {"precision": "float64"}})
    trainer = trainer_for(config_from(precise))
    model, ready = trainer.model, trainer.sets["train"]
    X, T = np.array(ready.inputs[3:4]).T, ready.targets.coded(slice(3, 4)).T
    network, views = model.bind(1, training=True), model.layout.views(model.params)
    for layer in found.layers:
        for short, parameter in layer.parameters.items():
            block = views[f"{layer.name}.{short}"]
            np.testing.assert_array_equal(parameter.value, block)
            for index in [*np.ndindex(block.shape)][:12]:
                start, losses = block[index], []
                for step in (1e-6, -1e-6):
                    block[index] = start + step
                    losses.append(network.training_loss(X, T, Pass()))
                block[index] = start
                numeric = (losses[0] - losses[1]) / 2e-6
                np.testing.assert_allclose(parameter.gradient[index], numeric, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("optimizer", examples(AnyOptimizer), ids=name)
def test_the_update_is_that_of_a_training_on_this_sample(optimizer: Optimizer) -> None:
    config = optimized(optimizer, training={"precision": "float64"})
    found = trace(config, 5)
    trainer = trainer_for(config)
    batch = trainer.sets["train"]
    loop = trainer.loop
    target = batch.targets.coded(slice(5, 6))
    X = np.asarray(batch.inputs[5:6]).T
    loop.step((Batch(X, target.T, None, total=1),))
    for layer in found.layers:
        for short, parameter in layer.parameters.items():
            after = trainer.model.layout.views(trainer.model.params)[f"{layer.name}.{short}"]
            np.testing.assert_array_equal(parameter.updated, after)
    assert found.lr == loop.learning_rate(0)


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_every_layer_can_be_traced_and_shown(layer: LayerSpec, tmp_path: Path) -> None:
    wanted = input_form(layer).shape
    layers = [{"dense": wanted[0]}, layer.model_dump(), "flatten", {"dense": 3}]
    config = iris(architecture={"layers": layers})
    if len(wanted) > 1:
        before = ["rows"] if len(wanted) == 2 else []
        layers = [*before, layer.model_dump(), "flatten", {"dense": 3}]
        config = pictures(tmp_path, architecture={"layers": layers})
    if input_form(layer).ids:
        layers = [layer.model_dump(), {"rnn": 4}, {"dense": "auto"}]
        config = texts(tmp_path, architecture={"layers": layers})
    if layer.needs_batch:
        with pytest.raises(UsageError, match="a single sample cannot be traced"):
            trace(config, 0)
        return
    found = trace(config, 0, force=True)
    for text in (as_markdown(found), as_html(found)):
        for x in found.layers:
            assert x.name in text


class TestShown:
    @pytest.fixture
    def found(self) -> Trace:
        return trace(nnkit.load_config(XOR), 3)

    def test_in_the_order_of_the_step(self, found: Trace) -> None:
        titles = [(c.title, [s.title for s in c.sections]) for c in chapters(found)]
        assert titles[0][0] == "Forward"
        assert titles[2] == (
            "Backward",
            [
                "output: sigmoid",
                "layers.1: dense, 2 → 1",
                "layers.0.activation: sigmoid",
                "layers.0: dense, 2 → 2",
            ],
        )

    def test_formulas_stand_beside(self, found: Trace) -> None:
        shown = [f for c in chapters(found) for s in c.sections for f in s.formulas]
        assert "z⁽¹⁾ = W⁽¹⁾ x + b⁽¹⁾" in shown
        assert "z⁽²⁾ = W⁽²⁾ a⁽¹⁾ + b⁽²⁾" in shown
        assert "δ⁽²⁾ = ∂E/∂z⁽²⁾ = ∂E/∂y ⊙ f′(z⁽²⁾)" in shown
        assert "δ⁽¹⁾ = ∂E/∂z⁽¹⁾ = (W⁽²⁾ᵀ δ⁽²⁾) ⊙ f′(z⁽¹⁾)" in shown
        assert "∂E/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ, ∂E/∂b⁽¹⁾ = δ⁽¹⁾" in shown

    @pytest.mark.parametrize(("digits", "z"), [(4, "2.000"), (1, "2"), (9, "2.00000000")])
    def test_digits(self, found: Trace, digits: int, z: str) -> None:
        hidden = chapters(found, digits)[0].sections[1]
        assert hidden.tables[0].headings == ("unit", "w₁", "w₂", "b", "z")
        assert hidden.tables[0].rows[0][-1] == z

    def test_markdown_and_page_hold_every_number(self, found: Trace) -> None:
        cells = {
            cell
            for chapter in chapters(found)
            for section in chapter.sections
            for table in section.tables
            for row in table.rows
            for cell in row
        }
        markdown, page = as_markdown(found), as_html(found)
        assert all(f"| {cell} " in markdown for cell in cells)
        assert all(f"<td>{cell}</td>" in page for cell in cells)
        assert "http" not in page
        assert "<script" not in page

    def test_the_name_of_a_setting_in_a_formula_is_code(self, found: Trace) -> None:
        markdown, page = as_markdown(found), as_html(found)
        assert (
            "`E = ½ Σ_k (y_k − t_k)², summed over outputs; without the ½ if half is f" in markdown
        )
        assert "without the ½ if <code>half</code> is false</p>" in page

    def test_json_has_all_of_it(self, found: Trace) -> None:
        result = as_json(found)
        assert result["loss"] == found.loss
        assert result["layers"][0]["parameters"]["W"]["value"] == [[0.5, 1.0], [1.0, 0.25]]
        assert result["layers"][1]["slope"] == found.layers[1].slope.tolist()  # type: ignore[union-attr]

    def test_wide_layers_have_their_weights_one_to_a_row(self) -> None:
        found = trace(diabetes(), 0)
        update = chapters(found)[3]
        table = update.sections[1].tables[0]
        assert table.headings == ("parameter", "before", "gradient", "new")
        assert [row[0] for row in table.rows[:2]] == ["W[1,1]", "W[1,2]"]
        assert len(table.rows) == 88

    def test_names_out_of_a_config_are_no_markup(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("x,y\n1,<b>|\n2,c\n3,<b>|\n4,c\n5,c\n6,<b>|\n")
        source = {"path": str(tmp_path / "t.csv"), "label": "y"}
        config = iris(data={"source": source}, architecture={"layers": [{"dense": 2}]})
        assert "<b>" not in as_html(trace(config, 0))


class TestRefusals:
    def test_no_such_sample(self) -> None:
        with pytest.raises(UsageError, match="samples of the train set are numbered 0 to 3"):
            trace(nnkit.load_config(XOR), 4)

    def test_no_such_set(self) -> None:
        with pytest.raises(UsageError, match="there is no test set; available: train"):
            trace(nnkit.load_config(XOR), 0, "test")

    def test_too_large_unless_forced(self) -> None:
        config = iris(architecture={"layers": [{"dense": 200}, {"dense": 3}]})
        with pytest.raises(UsageError, match="1,603 parameters"):
            trace(config, 0)
        assert len(trace(config, 0, force=True).layers) == 4


class TestCheckpoint:
    def test_from_its_weights(self, tmp_path: Path) -> None:
        run = nnkit.train(iris(), runs=tmp_path)
        found = trace_checkpoint(run.directory, 2, "test")
        trained = run.load().model
        weights = trained.layout.views(trained.params)["layers.0.W"]
        np.testing.assert_array_equal(found.layers[0].parameters["W"].value, weights)
        assert found.split == "test"

    def test_on_other_data_it_is_refused(self, tmp_path: Path) -> None:
        table = tmp_path / "t.csv"
        table.write_text((Path(iris().data.source.path)).read_text())  # type: ignore[union-attr]
        run = nnkit.train(iris(data={"source": {"path": str(table)}}), runs=tmp_path)
        table.write_text(table.read_text().replace("5.1", "5.2"))
        with pytest.raises(DataError, match="data has changed"):
            trace_checkpoint(run.directory, 0)
