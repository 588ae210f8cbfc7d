"""The models of the ladder: which ones, from which data, and all on one split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError, DataError, UsageError
from nnkit.experiments.rungs import (
    EVALUATIONS,
    MANY,
    Question,
    question_of_config,
    question_of_table,
    rungs,
)
from nnkit.random import generator
from nnkit.task.config_loading import config_from
from nnkit.task.starters import starter_for
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.task_loading import load_task
from nnkit.training.plan import pace
from tests.training.configs import TABLES, diabetes, iris, pictures


def question(table: str, label: str | None = None, seed: int | None = None) -> Question:
    return question_of_table(TABLES / f"{table}.csv", label, seed)


def names(asked: Question) -> list[str]:
    return [name for name, _ in rungs(asked)]


def test_three_classes_or_more() -> None:
    assert names(question("iris")) == ["logistic", "linear-svm", "softmax", "mlp"]


def test_with_two_classes_softmax_is_logistic_regression() -> None:
    asked = question("breast_cancer")
    assert names(asked) == ["logistic", "linear-svm", "mlp"]
    configs = dict(rungs(asked))
    assert configs["linear-svm"].loss.tag() == "hinge"
    assert [layer["units"] for layer in layers(configs["logistic"])] == [1]


def test_numbers() -> None:
    assert names(question("diabetes")) == ["linear", "mlp"]


def arrays(path: Path, inputs: Any, targets: Any) -> nnkit.Config:
    """A config that reads these samples."""
    np.savez(path, inputs=inputs, targets=targets)
    return config_from(
        {
            "data": {"source": {"kind": "npz", "path": str(path)}},
            "architecture": {"layers": ["flatten", {"dense": 3}]},
        }
    )


def layers(config: nnkit.Config) -> list[dict[str, Any]]:
    return list(config.resolved()["architecture"]["layers"])


def test_images_climb_to_a_convolution(tmp_path: Path) -> None:
    asked = question_of_config(pictures(tmp_path), None)
    configs = dict(rungs(asked))
    assert list(configs) == ["logistic", "linear-svm", "softmax", "mlp", "cnn"]
    assert [layer["kind"] for layer in layers(configs["softmax"])] == ["flatten", "dense"]
    kinds = [layer["kind"] for layer in layers(configs["cnn"])]
    assert kinds == ["conv", "max_pool", "conv", "flatten", "dense", "dense"]
    for config in configs.values():
        assert nnkit.build_model(config).output_shape == (3,)


@pytest.mark.parametrize(("side", "pools"), [(3, None), (4, 1), (8, 2), (28, 2)])
def test_small_images_are_pooled_less(side: int, pools: int | None, tmp_path: Path) -> None:
    rng = generator(0, "small")
    config = arrays(
        tmp_path / "small.npz", rng.random((60, 1, side, side)), rng.integers(3, size=60)
    )
    configs = dict(rungs(question_of_config(config, None)))
    assert ("cnn" in configs) == (pools is not None)
    if pools is not None:
        assert [layer["kind"] for layer in layers(configs["cnn"])].count("max_pool") == pools
        nnkit.build_model(configs["cnn"])


@pytest.mark.parametrize("asked", [question("wine", seed=3), question("diabetes")])
def test_all_are_trained_on_one_split_with_one_seed(asked: Question) -> None:
    configs = [config for _, config in rungs(asked)]
    sets = [load_task(config).sets for config in configs]
    for name, expected in asked.task.sets.items():
        for other in sets:
            np.testing.assert_array_equal(other[name].inputs, expected.inputs)
            np.testing.assert_array_equal(other[name].targets, expected.targets)
    assert {config.seed for config in configs} == {asked.task.config.seed}
    assert len({config.name for config in configs}) == len(configs)


@pytest.mark.parametrize("table", ["wine", "digits", "diabetes"])
def test_a_table_is_tested_and_preprocessed_as_by_a_starter_config(
    table: str, tmp_path: Path
) -> None:
    starter = tmp_path / "starter.yaml"
    path = TABLES / f"{table}.csv"
    starter.write_text(starter_for(path, TableOptions(), tmp_path).text)
    data = nnkit.load_config(starter).data
    asked = question(table)
    assert asked.task.config.data.split.test == data.split.test
    assert asked.task.config.data.preprocess == data.preprocess
    assert asked.name == table


def test_a_table_with_words_and_gaps(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{i if i % 7 else ''},{'ab'[i % 2]},{'yes' if i % 3 else 'no'}" for i in range(60)
    )
    path = tmp_path / "my table (1).csv"
    path.write_text(f"x,word,label\n{rows}\n")
    asked = question_of_table(path, "label", None)
    assert [step.tag() for step in asked.task.config.data.preprocess] == [
        "impute",
        "standardize",
        "one_hot",
    ]
    assert asked.name == "my-table--1-"
    assert all(config.name.startswith("my-table--1--ladder-") for _, config in rungs(asked))


def test_of_a_config_data_and_seed_count() -> None:
    config = iris(seed=5, training={"metrics": ["f1"], "epochs": 1}, expect={})
    asked = question_of_config(config, None)
    assert asked.task.config.seed == 5
    assert question_of_config(config, 6).task.config.seed == 6
    assert asked.task.config.data == config.data
    lengths = {pace(config, 105).steps for _, config in rungs(asked)}
    assert lengths == {3000}


def test_several_numbers_to_predict(tmp_path: Path) -> None:
    source = {"label": ["progression", "bmi"]}
    asked = question_of_config(diabetes(data={"source": source}), None)
    assert asked.outputs == 2
    for _, config in rungs(asked):
        assert nnkit.build_model(config).output_shape == (2,)


def test_many_samples_are_seen_five_times_in_larger_batches(tmp_path: Path) -> None:
    rng, count = generator(0, "many"), 200_000
    config = arrays(tmp_path / "many.npz", rng.random((count, 1)), rng.integers(3, size=count))
    asked = question_of_config(config, None)
    samples = len(asked.task.sets["train"])
    assert samples > MANY
    (_, config), *_ = rungs(asked)
    found = pace(config, samples)
    assert (found.batch_size, found.steps) == (128, 5 * found.per_epoch)
    assert config.training.evaluate_every == found.steps // EVALUATIONS


def test_bad_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 rows are too few to hold out a test set"):
        question("xor")
    with pytest.raises(DataError, match="no such file"):
        question("nothing")
    with pytest.raises(UsageError, match=r"--label colour: .*no column 'colour'; available: sepal"):
        question("iris", "colour")
    with pytest.raises(ConfigError, match=r"data\.split\.test: the ladder needs a test set"):
        question_of_config(iris(data={"split": {"test": 0}}), None)
    with pytest.raises(ConfigError, match="predict labels, not inputs"):
        question_of_config(
            iris(
                data={"targets": "inputs"},
                architecture={"layers": [{"dense": 4}]},
                loss="squared_error",
            ),
            None,
        )
